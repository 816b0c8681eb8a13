//! Workers: the threads that run tasks, and which of them has not switched for long.

use serde::{Deserialize, Serialize};

use crate::{TaskId, WorkerId};

/// A thread that runs tasks.
///
/// A started task goes on only there ([`crate::Task::worker`]), so while one task keeps a worker all
/// others that have started on it wait, whatever else they wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Worker {
    /// Its identity.
    pub id: WorkerId,
    /// The task on it, when it was there during the whole snapshot, without a switch. None when the
    /// worker slept, was between two tasks, or switched meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<TaskId>,
    /// Since when that task has kept it, on [`crate::Header::taken_ns`]'s clock, once it was seen
    /// there for 10 ms. Late by some milliseconds at most, never early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_since_ns: Option<u64>,
    /// How its thread slept in the kernel, in that task's own doing: not in a wait of the runtime, which
    /// the task's state would tell. None when it did not, or the snapshot was not asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sleeps: Option<KernelSleep>,
}

/// What a thread sleeps in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KernelSleep {
    /// A futex, of which locks, condition variables and joins of threads are made.
    Futex,
    /// Another system call.
    Call,
}
