//! Waiting with a limit for what no record tells.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Set once; whoever pauses on it is woken.
#[derive(Debug, Default)]
pub(crate) struct Latch {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Latch {
    pub(crate) fn set(&self) {
        *self.is_set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_set(&self) -> bool {
        *self.is_set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is set, for as long as the limit.
    pub(crate) fn pause(&self, limit: Duration) {
        let is_set = self.is_set.lock().unwrap_or_else(PoisonError::into_inner);
        // Both outcomes are the same to the caller, who looks again.
        drop(self.changed.wait_timeout_while(is_set, limit, |is_set| !*is_set));
    }
}

/// Pauses that grow: short while something may be about to happen, rare later on.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    most: Duration,
}

impl Backoff {
    /// From one millisecond up to `most`.
    pub(crate) fn up_to(most: Duration) -> Self {
        Backoff { next: Duration::from_millis(1), most }
    }

    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.next.min(self.most);
        self.next = (self.next * 2).min(self.most);
        pause
    }
}
