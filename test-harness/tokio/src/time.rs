//! Timers: a task that sleeps is told from one that waits for something, for some time or without a limit.
//!
//! Invariant: what stands in a [`Timeout`] finds the waker of its task, as if it stood there alone. The time
//! itself is noted as one of the ways on, so that no wait inside is ever the only one.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::time as theirs;
use tokio::time::error::Elapsed;
use tokio::time::{Duration, Instant, MissedTickBehavior};

use crate::clock;
use crate::leaf::{self, Leaf};
use crate::site::Place;
use crate::snapshot::WaitReason;
use crate::task::{On, What};

/// What is further off than the clock goes: thirty years, as for tokio.
const AS_GOOD_AS_NEVER: Duration = Duration::from_secs(30 * 365 * 86_400);

pin_project! {
    /// As tokio's.
    #[must_use = "nobody sleeps until it is awaited"]
    pub struct Sleep {
        site: Place,
        leaf: Leaf,
        #[pin]
        inner: theirs::Sleep,
    }
}

/// As tokio's.
#[derive(Debug)]
pub struct Interval {
    inner: theirs::Interval,
}

pin_project! {
    /// As tokio's.
    #[must_use = "nothing is waited for until it is awaited"]
    #[derive(Debug)]
    pub struct Timeout<F> {
        site: Place,
        deadline: Instant,
        leaf: Leaf,
        #[pin]
        inner: theirs::Timeout<Inside<F>>,
    }
}

pin_project! {
    /// What the time is limited of.
    #[derive(Debug)]
    struct Inside<F> {
        #[pin]
        future: F,
    }
}

/// As tokio's.
#[track_caller]
pub fn sleep(time: Duration) -> Sleep {
    Sleep { site: Location::caller(), leaf: Leaf::default(), inner: theirs::sleep(time) }
}

/// As tokio's.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { site: Location::caller(), leaf: Leaf::default(), inner: theirs::sleep_until(deadline) }
}

/// As tokio's. Reports say what is waited for inside, and until when.
///
/// # Panics
/// Outside of a runtime with timers, as tokio's.
#[track_caller]
pub fn timeout<F: IntoFuture>(time: Duration, future: F) -> Timeout<F::IntoFuture> {
    let inside = Inside { future: future.into_future() };
    let now = Instant::now();
    let deadline = now.checked_add(time).unwrap_or(now + AS_GOOD_AS_NEVER);
    Timeout::new(deadline, theirs::timeout(time, inside), Location::caller())
}

/// As [`timeout`].
///
/// # Panics
/// Outside of a runtime with timers, as tokio's.
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    let inside = Inside { future: future.into_future() };
    Timeout::new(deadline, theirs::timeout_at(deadline, inside), Location::caller())
}

/// As tokio's.
///
/// # Panics
/// When the period is zero, as tokio's.
#[track_caller]
#[must_use]
pub fn interval(period: Duration) -> Interval {
    Interval { inner: theirs::interval(period) }
}

/// As tokio's.
///
/// # Panics
/// When the period is zero, as tokio's.
#[track_caller]
#[must_use]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    Interval { inner: theirs::interval_at(start, period) }
}

impl Sleep {
    /// As tokio's.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.inner.deadline()
    }

    /// As tokio's.
    #[must_use]
    pub fn is_elapsed(&self) -> bool {
        self.inner.is_elapsed()
    }

    /// As tokio's.
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        // What was noted says the old one.
        *this.leaf = Leaf::default();
        this.inner.reset(deadline);
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let (site, deadline) = (*this.site, this.inner.deadline());
        this.leaf.poll(cx, || until(deadline, site), |cx| this.inner.as_mut().poll(cx))
    }
}

impl<F> Timeout<F> {
    fn new(deadline: Instant, inner: theirs::Timeout<Inside<F>>, site: Place) -> Self {
        Timeout { site, deadline, leaf: Leaf::default(), inner }
    }

    /// As tokio's.
    pub fn get_ref(&self) -> &F {
        &self.inner.get_ref().future
    }

    /// As tokio's.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.inner.get_mut().future
    }

    /// As tokio's.
    pub fn into_inner(self) -> F {
        self.inner.into_inner().future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (site, deadline) = (*this.site, *this.deadline);
        this.leaf.wait(cx, || until(deadline, site), |cx| this.inner.as_mut().poll(cx))
    }
}

impl<F: Future> Future for Inside<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let future = self.project().future;
        match leaf::own_waker(cx.waker()) {
            Some(own) => future.poll(&mut Context::from_waker(&own)),
            None => future.poll(cx),
        }
    }
}

impl Interval {
    /// As tokio's.
    #[track_caller]
    pub fn tick(&mut self) -> impl Future<Output = Instant> {
        let (site, period) = (Location::caller(), self.inner.period());
        // At the latest: it is not told when the next one is due.
        async move { leaf::wait(self.inner.tick(), || until(Instant::now() + period, site)).await }
    }

    /// As tokio's.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.inner.period()
    }

    /// As tokio's.
    pub fn reset(&mut self) {
        self.inner.reset();
    }

    /// As tokio's.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.inner.set_missed_tick_behavior(behavior);
    }
}

fn until(deadline: Instant, site: Place) -> What {
    let until_ns = clock::in_ns(deadline.saturating_duration_since(Instant::now()));
    What { reason: WaitReason::Sleep, on: On::Until(until_ns), site }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
