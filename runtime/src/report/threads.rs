//! The process's OS threads, beside what records say of them: those that were spawned through the runtime, by
//! their kernel ids, and those that were not, as the system lists them.

use gleak_snapshot::{OsThread, RegionId};

use crate::machine::{process, thread};
use crate::records::region::REGIONS;
use crate::records::waiter::{HELPER, SPAWNED, WAITERS, WaiterRecord};
use crate::scheduler::monitor;
use crate::sync::Ordering;

/// A living thread that was spawned by [`thread`](crate::thread).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpawnedThread {
    /// The kernel's id of it.
    pub tid: u32,
    /// What it is charged to.
    pub region: Option<RegionId>,
}

/// Those whose function has begun and not ended.
#[must_use]
pub fn spawned_threads() -> Vec<SpawnedThread> {
    let spawned = recorded(SPAWNED).map(|record| {
        let region = record.region().and_then(|region| REGIONS.get(region));
        let region = region.map(|region| RegionId(region.id.load(Ordering::Relaxed)));
        SpawnedThread { tid: record.place.load(Ordering::Relaxed), region }
    });
    spawned.filter(|thread| thread.tid != 0).collect()
}

/// The threads of the process that are neither the runtime's, nor were spawned through it, nor call
/// [`declare_harmless_thread`](crate::declare_harmless_thread), nor are the one that asks: the main thread,
/// and those that libraries and the program have made by themselves. By id. A thread that is just ending may be
/// among them.
///
/// None where the system does not tell.
#[must_use]
pub fn other_threads() -> Option<Vec<OsThread>> {
    let me = thread::tid();
    let mut others = process::threads_in_full().ok()?;
    let known: Vec<u32> =
        recorded(SPAWNED | HELPER).map(|record| record.place.load(Ordering::Relaxed)).collect();
    others.retain(|it| it.tid != me && !known.contains(&it.tid) && !monitor::is_known(it.tid));
    Some(others)
}

/// Records of threads with one of these flags.
fn recorded(flags: u32) -> impl Iterator<Item = &'static WaiterRecord> {
    WAITERS.live().map(|(_, record)| record).filter(move |record| record.has(flags))
}
