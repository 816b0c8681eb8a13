//! Timers: a task that sleeps is told from one that waits for something.
//!
//! Other timers of tokio's, `timeout` among them, need no wrapper: a task inside of one is seen as one that
//! somebody may wake.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::time as theirs;
use tokio::time::{Duration, Instant, MissedTickBehavior};

use crate::clock;
use crate::leaf::{self, Leaf};
use crate::site::Place;
use crate::snapshot::WaitReason;
use crate::task::{On, What};

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
