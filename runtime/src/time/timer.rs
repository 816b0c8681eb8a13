//! `Timer` and `Ticker`: the side of them that sets times.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::select::RecvOperand;
use crate::time::Instant;
use crate::time::ticks::{Core, Ticks, TicksArm};

/// One tick, when its time has come. Go's `time.Timer`, with the rules of Go 1.23: after
/// [`stop`](Timer::stop) or [`reset`](Timer::reset) no tick of before is received.
///
/// ```
/// use std::time::Duration;
/// use gleak_runtime::{Chan, select, time::Timer};
///
/// gleak_runtime::run(|| {
///     let (timer, jobs) = (Timer::new(Duration::from_millis(1)), Chan::<u32>::new(0));
///     let got = select! {
///         job = recv(jobs) => job,
///         _ = recv(timer) => None,
///     };
///     assert_eq!(got, None);
/// });
/// ```
#[derive(Clone)]
pub struct Timer {
    core: Arc<Core>,
    ticks: Ticks,
}

impl Timer {
    /// Ticks once, when `delay` has passed.
    #[track_caller]
    #[must_use]
    pub fn new(delay: Duration) -> Timer {
        let core = Core::new(Instant::now() + delay, Duration::ZERO, Location::caller());
        Timer { ticks: Ticks::new(core.clone()), core }
    }

    /// No tick. Whether this call has prevented one: it was to come, or had come and nobody had
    /// received it.
    #[track_caller]
    pub fn stop(&self) -> bool {
        self.core.set(None, Duration::ZERO, Location::caller())
    }

    /// One tick, when `delay` has passed from now on. What comes back is what
    /// [`stop`](Timer::stop) would have said.
    #[track_caller]
    pub fn reset(&self, delay: Duration) -> bool {
        self.core.set(Some(Instant::now() + delay), Duration::ZERO, Location::caller())
    }
}

/// A tick every so often. Go's `time.Ticker`: one that nobody has received yet stands for all that
/// came since.
#[derive(Clone)]
pub struct Ticker {
    core: Arc<Core>,
    ticks: Ticks,
}

impl Ticker {
    /// Ticks whenever `period` has passed, from now on.
    ///
    /// # Panics
    /// When the period is zero.
    #[track_caller]
    #[must_use]
    pub fn new(period: Duration) -> Ticker {
        assert!(!period.is_zero(), "a ticker needs a period longer than zero");
        let core = Core::new(Instant::now() + period, period, Location::caller());
        Ticker { ticks: Ticks::new(core.clone()), core }
    }

    /// No more ticks. As in Go, who receives is not told and waits for ever.
    #[track_caller]
    pub fn stop(&self) {
        self.core.set(None, Duration::ZERO, Location::caller());
    }

    /// Ticks whenever `period` has passed, from now on; also after [`stop`](Ticker::stop).
    ///
    /// # Panics
    /// When the period is zero.
    #[track_caller]
    pub fn reset(&self, period: Duration) {
        assert!(!period.is_zero(), "a ticker needs a period longer than zero");
        self.core.set(Some(Instant::now() + period), period, Location::caller());
    }
}

/// The tick of a timer that nobody stops, as Go's `time.After`. A select with one such limit has an
/// arm of its own for it: `after(delay) => …`.
#[track_caller]
#[must_use]
pub fn after(delay: Duration) -> Ticks {
    Ticks::new(Core::new(Instant::now() + delay, Duration::ZERO, Location::caller()))
}

/// The ticks of a ticker that nobody stops, as Go's `time.Tick`. It goes with its last handle.
///
/// # Panics
/// When the period is zero.
#[track_caller]
#[must_use]
pub fn tick(period: Duration) -> Ticks {
    Ticker::new(period).ticks()
}

macro_rules! receives {
    ($($name:ident),+) => { $(
        impl $name {
            /// Its receiving side, which neither stops nor resets it.
            #[must_use]
            pub fn ticks(&self) -> Ticks {
                self.ticks.clone()
            }

            /// As [`Ticks::recv`].
            #[track_caller]
            pub fn recv(&self) -> Instant {
                self.ticks.recv()
            }
        }

        impl<'a> RecvOperand<'a> for $name {
            type Arm = TicksArm<'a>;
            fn arm(&'a self) -> TicksArm<'a> {
                self.ticks.arm()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.ticks).finish()
            }
        }
    )+ };
}

receives!(Timer, Ticker);
