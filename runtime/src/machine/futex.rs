//! Sleeping in the kernel until a word changes.
//!
//! A [`Parker`] is a sticky token: an unpark before the park is not lost. The word's release
//! (`unpark`) pairs with the acquire of `park`, so what was written before the unpark is seen.

use std::time::Duration;

use rustix::thread::futex;
use rustix::time::Timespec;

use crate::sync::{AtomicU32, Ordering};

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;
const ELSEWHERE: u32 = 3;

/// One thread sleeps, any thread wakes it.
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct Parker {
    /// `EMPTY` nobody sleeps, no token; `PARKED` the thread sleeps or is about to; `NOTIFIED` a
    /// token is there; `ELSEWHERE` as `PARKED`, but not in this futex.
    word: AtomicU32,
}

impl Parker {
    pub(crate) const fn new() -> Self {
        Parker { word: AtomicU32::new(EMPTY) }
    }

    /// Sleeps until a token is there, and takes it; or until `timeout` has passed.
    pub(crate) fn park(&self, timeout: Option<Duration>) {
        if self.word.compare_exchange(EMPTY, PARKED, Ordering::Acquire, Ordering::Acquire).is_ok() {
            wait(&self.word, PARKED, timeout);
        }
        // Whatever ended the wait, the token (if any) is taken; callers look at their state again.
        self.word.swap(EMPTY, Ordering::Acquire);
    }

    /// Announces a sleep outside of the futex. False when a token is there: then it is taken, and
    /// there is to be no sleep.
    #[must_use]
    pub(crate) fn begin_elsewhere(&self) -> bool {
        let free =
            self.word.compare_exchange(EMPTY, ELSEWHERE, Ordering::Acquire, Ordering::Acquire);
        if free.is_err() {
            self.end_elsewhere();
        }
        free.is_ok()
    }

    /// The sleep is over; the token (if any) is taken.
    pub(crate) fn end_elsewhere(&self) {
        self.word.swap(EMPTY, Ordering::Acquire);
    }

    /// Leaves a token, and wakes the sleeper if there is one.
    pub(crate) fn unpark(&self) {
        self.unpark_here();
    }

    /// As [`unpark`](Parker::unpark). True when the thread sleeps elsewhere: the caller has to wake
    /// it there.
    pub(crate) fn unpark_here(&self) -> bool {
        let before = self.word.swap(NOTIFIED, Ordering::Release);
        if before == PARKED {
            wake_all(&self.word);
        }
        before == ELSEWHERE
    }
}

/// Waits while `word` holds `expected`; may return at any time.
pub(crate) fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let timeout = timeout.map(|left| Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(left.subsec_nanos()),
    });
    // Every outcome (woken, interrupted, timed out, value changed) means: look again.
    let _ = futex::wait(word, futex::Flags::PRIVATE, expected, timeout.as_ref());
}

/// Wakes everyone who waits on `word`.
pub(crate) fn wake_all(word: &AtomicU32) {
    let _ = futex::wake(word, futex::Flags::PRIVATE, i32::MAX as u32);
}
