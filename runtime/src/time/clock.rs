//! The one clock. Nanoseconds since the process's first use of it.
//!
//! Reading the system's clock costs 25 ns; "since when" needs milliseconds. So there is a coarse
//! word, advanced by the monitor every millisecond while anything runs, by a worker when it comes
//! back from a sleep, and by whoever reads the exact clock. An idle process has no wake-ups.

use std::sync::OnceLock;
use std::time::Instant;

use crate::sync::{AtomicU64, Ordering};

static START: OnceLock<Instant> = OnceLock::new();
static COARSE_NS: AtomicU64 = AtomicU64::new(0);

/// Exact; also advances the coarse word.
pub(crate) fn now_ns() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everybody else goes through"
    )]
    let now = Instant::now();
    let passed = now.duration_since(*START.get_or_init(|| now)).as_nanos();
    // 584 years; never zero, which means "none" in records.
    let passed = u64::try_from(passed).unwrap_or(u64::MAX).max(1);
    COARSE_NS.fetch_max(passed, Ordering::Relaxed);
    passed
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
