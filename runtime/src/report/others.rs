//! Other runtimes in this process: their tasks are told of with ours when somebody asks for the whole process,
//! at its exit or by a signal.
//!
//! Invariants:
//! 1. Their tasks have numbers of their own: each snapshot is judged by itself.
//! 2. Nobody is asked under a lock.

use gleak_snapshot::{Reason, Snapshot};

use super::exit;
use crate::collect;
use crate::scheduler::activity;
use crate::sync::Lock;

/// How another runtime is asked for its tasks.
#[derive(Clone, Copy, Debug)]
pub struct Other {
    /// All of them that are alive, and what they do.
    pub now: fn(Reason) -> Snapshot,
    /// Those that were alive when what ran them was shut down, as they stood then: a snapshot a time.
    /// Only noted where `GLEAK` asks for a verdict at the exit.
    pub cut_off: fn() -> Vec<Snapshot>,
}

static OTHERS: Lock<Vec<Other>> = Lock::new(Vec::new());

/// Tells of the tasks of another runtime as well, from now on. The exit is watched as if it were ours, if `GLEAK`
/// asks for that.
pub fn also(other: Other) {
    OTHERS.lock().push(other);
    exit::arm();
}

fn all() -> Vec<Other> {
    OTHERS.lock().clone()
}

/// What they do, each in a snapshot.
#[must_use]
pub fn others(reason: Reason) -> Vec<Snapshot> {
    all().iter().map(|other| (other.now)(reason)).collect()
}

/// Tasks that were spawned in this process, by us and by them, and threads.
pub(super) fn spawned() -> u64 {
    let ours = collect::header(Reason::Request).counters.spawned + activity::threads_spawned();
    let theirs = others(Reason::Request);
    ours + theirs.iter().map(|snapshot| snapshot.header.counters.spawned).sum::<u64>()
}

/// What was cut off, by whichever of them.
pub(super) fn cut_off() -> Vec<Snapshot> {
    all().iter().flat_map(|other| (other.cut_off)()).collect()
}
