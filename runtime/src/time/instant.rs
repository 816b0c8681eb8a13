//! A point in time on the runtime's clock. Not std's: the clock may be a virtual one.

use std::ops::{Add, Sub};
use std::time::Duration;

use crate::time::clock;

/// A point in time on the runtime's clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Instant {
    ns: u64,
}

impl Instant {
    /// The present.
    #[must_use]
    pub fn now() -> Instant {
        Instant { ns: clock::now_ns() }
    }

    /// How long ago it was; zero for the future.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Instant::now() - self
    }

    pub(crate) fn from_ns(ns: u64) -> Instant {
        Instant { ns }
    }

    /// Nanoseconds since the process's clock started.
    pub(crate) fn as_ns(self) -> u64 {
        self.ns
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// Saturates at the end of time, some 584 years after the start.
    fn add(self, later: Duration) -> Instant {
        Instant { ns: self.ns.saturating_add(clock::ns(later)) }
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// Zero when `earlier` is later.
    fn sub(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.ns.saturating_sub(earlier.ns))
    }
}
