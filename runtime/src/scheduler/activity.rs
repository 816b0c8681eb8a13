//! Whether anything moves: counts over all runtimes of the process.
//!
//! `AWAKE` counts workers that look for work or run it. `EPOCH` changes whenever a worker falls
//! asleep or wakes, and whenever a thread that is no worker makes something runnable. A judge reads
//! the epoch, then all it wants to know, then the epoch again (see `README.md`).

use crate::machine::futex;
use crate::scheduler::seat::{self, Seat};
use crate::scheduler::worker::Worker;
use crate::sync::{AtomicU32, AtomicU64, Ordering, fence};

static AWAKE: AtomicU64 = AtomicU64::new(0);
static EPOCH: AtomicU64 = AtomicU64::new(0);
/// Tasks that were spawned by no task of their own runtime.
pub(crate) static SPAWNED_OUTSIDE: AtomicU64 = AtomicU64::new(0);
/// Threads that were spawned through the runtime.
static THREADS: AtomicU64 = AtomicU64::new(0);
static UNCOUNTED_OUTSIDE: AtomicU64 = AtomicU64::new(0);
/// Changes when a runtime falls quiet or a body ends; harnesses sleep on it.
static QUIET: AtomicU32 = AtomicU32::new(0);

pub(crate) fn moved() {
    EPOCH.fetch_add(1, Ordering::SeqCst);
}

pub(crate) fn epoch() -> u64 {
    fence(Ordering::SeqCst);
    EPOCH.load(Ordering::SeqCst)
}

pub(crate) fn awake() -> u64 {
    AWAKE.load(Ordering::SeqCst)
}

pub(crate) fn worker_woke() {
    AWAKE.fetch_add(1, Ordering::SeqCst);
    moved();
}

pub(crate) fn worker_sleeps() {
    moved();
    AWAKE.fetch_sub(1, Ordering::SeqCst);
}

/// A task was spawned by no task of its own runtime.
pub(crate) fn spawned_outside() {
    SPAWNED_OUTSIDE.fetch_add(1, Ordering::Relaxed);
}

/// A thread was spawned through the runtime.
pub(crate) fn thread_spawned() {
    THREADS.fetch_add(1, Ordering::Relaxed);
}

/// Threads spawned since the start of the process: they are no tasks in [`counters`].
#[cfg(feature = "report")]
pub(crate) fn threads_spawned() -> u64 {
    THREADS.load(Ordering::Acquire)
}

/// Tasks spawned and finished since the start of the process. Whoever has finished was spawned
/// before, and is counted so: the ends are read first.
pub(crate) fn counters() -> (u64, u64) {
    let finished = seat::all().map(Seat::finished).sum();
    let spawned: u64 = seat::all().map(Seat::spawned).sum();
    (spawned + SPAWNED_OUTSIDE.load(Ordering::Acquire), finished)
}

/// A task that no region counts comes or goes: `region::changing`.
#[inline]
pub(crate) fn uncounted_changes(by: Option<&Worker>) {
    match by {
        Some(worker) => worker.seat.count_uncounted(),
        None => {
            UNCOUNTED_OUTSIDE.fetch_add(1, Ordering::Release);
        }
    }
}

/// How often tasks that no region counts have come or gone.
pub(crate) fn uncounted() -> u64 {
    let by_workers: u64 = seat::all().map(Seat::uncounted).sum();
    by_workers + UNCOUNTED_OUTSIDE.load(Ordering::Acquire)
}

/// Read before looking whether something is quiet, for [`wait_for_news`].
pub(crate) fn news() -> u32 {
    QUIET.load(Ordering::SeqCst)
}

/// Wakes those who wait for quiet or for the end of a body.
pub(crate) fn tell_news() {
    QUIET.fetch_add(1, Ordering::SeqCst);
    futex::wake_all(&QUIET);
}

/// Sleeps until there is news since `seen`, or the time is over.
pub(crate) fn wait_for_news(seen: u32, timeout: std::time::Duration) {
    futex::wait(&QUIET, seen, Some(timeout));
}
