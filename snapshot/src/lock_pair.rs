//! Pairs of locks of which one was taken while the other was held: in what order a program takes its
//! locks, whether or not anybody ever waited.
//!
//! Invariants:
//! 1. A pair is of two locks that are not the same, told by ids that are never used again; what made
//!    them is told as well, since they may have gone.
//! 2. One pair, its modes and its gates, stands once.
//! 3. What was taken by an attempt that cannot wait is wanted in no pair. It may be held in one.
//! 4. Moments are counts of one clock of the recorder. They are compared with each other and with
//!    nothing else.

use serde::{Deserialize, Serialize};

use crate::{HoldMode, ObjectId, ObjectKind, RegionId, SiteId, SpawnId, StackId, TaskId};

/// A lock was taken while another was held, with these further locks held alone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LockPair {
    /// What was held.
    pub held: PairedLock,
    /// What was taken.
    pub wanted: PairedLock,
    /// Whether it would have been waited for up to some moment only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub timed: bool,
    /// Other locks that were held alone meanwhile, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<ObjectId>,
    /// Who was seen to do so, by task: some of them, where many did.
    pub witnesses: Vec<PairWitness>,
}

/// One of the two locks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct PairedLock {
    /// Its identity.
    pub object: ObjectId,
    /// A mutex or a reader-writer lock.
    pub kind: ObjectKind,
    /// Where it was made.
    pub site: SiteId,
    /// Its name, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Alone, or among readers.
    pub mode: HoldMode,
}

/// A task that took the pair.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PairWitness {
    /// The task. It may have ended.
    pub task: TaskId,
    /// Its name, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it was spawned; none for threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawn: Option<SpawnId>,
    /// Who spawned it, who spawned that one, and so on, as far as is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<TaskId>,
    /// What it was charged to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionId>,
    /// Where it took what it held.
    pub held_at: SiteId,
    /// Where it took what it wanted.
    pub wanted_at: SiteId,
    /// Where its stack stood then, when it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<StackId>,
    /// The moment of its spawn.
    pub born: u64,
    /// The moment when it took the pair first.
    pub first: u64,
    /// The moment when it took the pair last.
    pub last: u64,
    /// Who has joined it, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined: Option<Joined>,
}

/// A join that has found its task ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Joined {
    /// By whom.
    pub by: TaskId,
    /// At which moment.
    pub at: u64,
}

impl LockPair {
    /// What tells it from all others; their order in a snapshot.
    #[must_use]
    pub fn key(&self) -> (ObjectId, ObjectId, HoldMode, HoldMode, bool, &[ObjectId]) {
        let LockPair { held, wanted, timed, gates, witnesses: _ } = self;
        (held.object, wanted.object, held.mode, wanted.mode, *timed, gates)
    }

    /// Whether it can be what its type says: two locks, each of a kind that can be held so, others
    /// than the gates, and witnesses, each once and with moments in order.
    pub(crate) fn is_sound(&self) -> bool {
        let LockPair { held, wanted, timed: _, gates, witnesses } = self;
        let is_lock = |lock: &PairedLock| match lock.kind {
            ObjectKind::Mutex => lock.mode == HoldMode::Exclusive,
            ObjectKind::RwLock => true,
            ObjectKind::Channel
            | ObjectKind::WaitGroup
            | ObjectKind::Context
            | ObjectKind::Socket
            | ObjectKind::Cond
            | ObjectKind::Once
            | ObjectKind::Semaphore
            | ObjectKind::Barrier => false,
        };
        held.object != wanted.object
            && is_lock(held)
            && is_lock(wanted)
            && gates.is_sorted_by(|a, b| a < b)
            && !gates.contains(&held.object)
            && !gates.contains(&wanted.object)
            && !witnesses.is_empty()
            && witnesses.is_sorted_by(|a, b| a.task < b.task)
            && witnesses.iter().all(|it| it.born <= it.first && it.first <= it.last)
    }
}
