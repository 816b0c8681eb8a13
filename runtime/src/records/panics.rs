//! Panics that ended a task and that nobody joined. Kept until somebody takes note, at most
//! [`KEPT`] of them; more are counted.

use gleak_snapshot::WaiterKind;

use crate::records::statics::{Entry, Site};
use crate::sync::{AtomicU64, Lock, Ordering};
use crate::task::panic::PanicRecord;

/// Beyond these a program has other worries than the next message.
const KEPT: usize = 1000;

/// What is told of a task that has no record any more.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) id: u64,
    pub(crate) kind: WaiterKind,
    pub(crate) name: Option<String>,
    pub(crate) region: u64,
    pub(crate) entry: &'static Entry,
    pub(crate) site: Site,
}

impl Told {
    /// What it is called.
    pub(crate) fn noun(&self) -> &'static str {
        match self.kind {
            WaiterKind::Task => "task",
            WaiterKind::Thread => "thread",
        }
    }
}

/// A panic, and whose it was.
#[derive(Clone, Debug)]
pub(crate) struct Unjoined {
    pub(crate) task: Told,
    pub(crate) panic: PanicRecord,
}

static UNJOINED: Lock<Vec<Unjoined>> = Lock::new(Vec::new());
static DROPPED: AtomicU64 = AtomicU64::new(0);

pub(crate) fn add(panic: Unjoined) {
    let mut kept = UNJOINED.lock();
    if kept.len() < KEPT {
        kept.push(panic);
    } else {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

/// What was kept, and how many were not.
pub(crate) fn all() -> (Vec<Unjoined>, u64) {
    (UNJOINED.lock().clone(), DROPPED.load(Ordering::Relaxed))
}

/// Whether one of a region was kept.
pub(crate) fn any_of(region: u64) -> bool {
    UNJOINED.lock().iter().any(|panic| panic.task.region == region)
}

/// Forgets the panics of a region whose verdict has been given.
pub(crate) fn forget_region(region: u64) {
    UNJOINED.lock().retain(|panic| panic.task.region != region);
}
