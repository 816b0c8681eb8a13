//! The one clock. Nanoseconds since the process's first use of it.
//!
//! Reading the system's clock costs 25 ns; "since when" needs milliseconds. So there is a coarse
//! word, advanced by the monitor every millisecond while anything runs, by a worker when it comes
//! back from a sleep, and by whoever reads the exact clock. An idle process has no wake-ups.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::sync::{AtomicU64, Ordering};

static START: OnceLock<Instant> = OnceLock::new();
pub(crate) static COARSE_NS: AtomicU64 = AtomicU64::new(0);

/// Exact; also advances the coarse word.
pub(crate) fn now_ns() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everybody else goes through"
    )]
    let now = Instant::now();
    // Never zero, which means "none" in records.
    let passed = ns(now.duration_since(*START.get_or_init(|| now))).max(1);
    COARSE_NS.fetch_max(passed, Ordering::Relaxed);
    passed
}

/// As the clock counts; what is longer than 584 years is as long as that.
pub(crate) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// At most some milliseconds behind while anything runs.
#[inline]
pub(crate) fn coarse_ns() -> u64 {
    COARSE_NS.load(Ordering::Relaxed)
}

/// Advances the coarse word.
pub(crate) fn refresh() {
    now_ns();
}
