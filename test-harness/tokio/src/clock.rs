//! The clock of all records: nanoseconds since its first use. Tokio's own may be paused or turned; this
//! one is not, since what it tells is for people.
//!
//! Invariant: [`coarse`] never runs ahead of [`now_ns`].

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

static START: LazyLock<Instant> = LazyLock::new(now);
static LAST: AtomicU64 = AtomicU64::new(0);

#[expect(clippy::disallowed_methods, reason = "the clock of this crate")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Now, and what [`coarse`] says until the next look.
pub(crate) fn now_ns() -> u64 {
    let now = u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX);
    LAST.store(now, Ordering::Relaxed);
    now
}

/// When somebody last looked at the clock: whoever starts to wait, or goes on after a wait, does.
pub(crate) fn coarse() -> u64 {
    LAST.load(Ordering::Relaxed)
}

/// Seconds since 1970, UTC.
pub(crate) fn wall_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |it| it.as_secs())
}

/// When a time from now has passed, on this clock.
pub(crate) fn in_ns(time: Duration) -> u64 {
    now_ns().saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}
