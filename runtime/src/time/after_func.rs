//! `after_func`: a function that becomes a task when its time has come.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::scheduler::deferred::Deferred;
use crate::time::Instant;

/// Keeps a function of [`after_func`] from running. Dropping it keeps nothing.
pub struct AfterFunc {
    deferred: Arc<Deferred>,
}

/// Runs `f` as a task of its own when `delay` has passed, as Go's `time.AfterFunc`.
///
/// Until then there is no task: nothing to be found as left over, and a region or a program that
/// ends first does not wait for it. The task will be charged to the caller's region.
///
/// # Panics
/// When the process-wide runtime cannot be started.
#[track_caller]
pub fn after_func<F>(delay: Duration, f: F) -> AfterFunc
where
    F: FnOnce() + Send + 'static,
{
    let deferred = Deferred::new::<F>(Location::caller(), f);
    deferred.arm((Instant::now() + delay).as_ns());
    AfterFunc { deferred }
}

impl AfterFunc {
    /// Whether this call has kept the function from running. The function is dropped then. It does
    /// not wait for one that runs.
    pub fn stop(&self) -> bool {
        self.deferred.stop()
    }

    /// Sets another time, from now on. False when the function has run or has been stopped: then
    /// nothing happens, unlike in Go, where it would run again.
    pub fn reset(&self, delay: Duration) -> bool {
        self.deferred.arm((Instant::now() + delay).as_ns())
    }
}

impl fmt::Debug for AfterFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AfterFunc").field(&self.deferred).finish()
    }
}
