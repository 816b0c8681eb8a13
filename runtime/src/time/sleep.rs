//! Sleeping.

use std::panic::Location;
use std::time::Duration;

use crate::records::waiter::Reason;
use crate::scheduler::current;
use crate::time::Instant;
use crate::wait::{self, Why};

/// Parks the calling task (or thread) for at least `duration`.
///
/// A zero duration gives way once.
#[track_caller]
pub fn sleep(duration: Duration) {
    sleep_until(Instant::now() + duration);
}

/// Parks the calling task (or thread) until `deadline` at least.
#[track_caller]
pub fn sleep_until(deadline: Instant) {
    if deadline <= Instant::now() {
        crate::yield_now();
        return;
    }
    let why =
        Why { reason: Reason::Sleep, site: Location::caller(), until: Some(deadline.as_ns()) };
    wait::begin_bare(current::get(), why).park().or_unwind();
}
