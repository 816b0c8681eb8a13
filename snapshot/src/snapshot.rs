//! The snapshot itself: everything known of one process at one moment.

use serde::{Deserialize, Serialize};

use crate::{
    Frame, LockPair, MisuseFact, Module, Object, Region, RegionId, Site, SiteId, SpawnId,
    SpawnPoint, Stack, Symbol, Task, TaskId, Worker,
};

/// Everything known of one process at one moment.
///
/// Tasks, workers, objects and regions are sorted by id.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Snapshot {
    /// Which process, when and why.
    pub header: Header,
    /// Places, named by index.
    pub sites: Vec<Site>,
    /// Spawn points, named by index.
    pub spawns: Vec<SpawnPoint>,
    /// Loaded files that frames are of, named by index.
    pub modules: Vec<Module>,
    /// Places in code, named by index.
    pub frames: Vec<Frame>,
    /// Stacks of tasks, named by index; none unless the snapshot was asked for them.
    pub stacks: Vec<Stack>,
    /// Regions that tasks, objects or panics name.
    pub regions: Vec<Region>,
    /// Objects in use.
    pub objects: Vec<Object>,
    /// Threads that run tasks.
    pub workers: Vec<Worker>,
    /// Live tasks, and outside threads that have waited.
    pub tasks: Vec<Task>,
    /// In what order locks were taken, by lock; none unless that is recorded.
    pub lock_order: Vec<LockPair>,
    /// Panics of tasks that nobody has joined.
    pub panics: Vec<PanicFact>,
    /// What was done that is never right.
    pub misuses: Vec<MisuseFact>,
    /// What could still act when nothing waits for the clock.
    pub activity: Activity,
    /// What the snapshot did not see.
    pub completeness: Completeness,
}

/// Which process a snapshot is of, when and why it was taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// Name of the program, without its path.
    pub program: String,
    /// Process id.
    pub pid: u32,
    /// Why it was taken.
    pub reason: Reason,
    /// When it was taken: nanoseconds since the process's clock started. All times are of it.
    pub taken_ns: u64,
    /// When it was taken: seconds since 1970, UTC.
    pub wall_s: u64,
    /// What has happened since the start.
    pub counters: Counters,
}

impl Default for Header {
    fn default() -> Self {
        Header {
            program: String::new(),
            pid: 0,
            reason: Reason::Request,
            taken_ns: 0,
            wall_s: 0,
            counters: Counters::default(),
        }
    }
}

/// Why a snapshot was taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Somebody asked.
    Request,
    /// Nothing could run any more.
    Asleep,
    /// The main task panicked.
    Panic,
    /// The main task returned.
    MainReturned,
    /// A region's verdict.
    Region,
}

/// Counts since the start of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Tasks spawned.
    pub spawned: u64,
    /// Tasks finished.
    pub finished: u64,
}

/// A panic that ended a task and that nobody has joined.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PanicFact {
    /// The task.
    pub task: TaskId,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it was charged to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionId>,
    /// Where it was spawned.
    pub spawn: SpawnId,
    /// Where it panicked, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// The message.
    pub message: String,
    /// Its stack, innermost frame first, cut at the task's entry; empty when none was taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<Symbol>,
}

/// What could act at the moment of the snapshot, besides the tasks that are not waiting.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Activity {
    /// Whether nothing moved from before the first read until after the last one, and no worker
    /// was busy. Without it the other fields prove nothing.
    pub still: bool,
    /// Tasks queued to run.
    pub queued: u64,
    /// Waits that a timer will end.
    pub timers: u64,
    /// Threads of the process that are not the runtime's, do not wait in it and were not declared
    /// harmless. Only listed when `still`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub threads: Vec<Thread>,
    /// Whether the list of threads could be read.
    pub threads_known: bool,
}

/// An OS thread.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Thread {
    /// Kernel thread id.
    pub tid: u32,
    /// Its name, as the kernel has it.
    pub name: String,
}

/// What a snapshot did not see.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Completeness {
    /// Tasks that moved between the two reads.
    pub moving: u64,
    /// Objects whose facts changed between the two reads.
    pub unsettled_objects: u64,
    /// Panics beyond the number kept.
    pub dropped_panics: u64,
    /// Misuses beyond the number kept.
    #[serde(default)]
    pub dropped_misuses: u64,
    /// Pairs of locks beyond the number kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_pairs: u64,
    /// Stacks that were asked for and not had: the task moved on each time, or did not answer, or
    /// the file has lost them.
    #[serde(default)]
    pub lost_stacks: u64,
    /// Tasks that the file said to hold and that were not found in it.
    #[serde(default)]
    pub missing_tasks: u64,
    /// Whether the file ended before its end line.
    #[serde(default)]
    pub cut: bool,
    /// Lines that were damaged and skipped.
    #[serde(default)]
    pub damaged_lines: u64,
    /// Lines of a kind, or objects of a shape, that this reader does not know.
    #[serde(default)]
    pub unknown_lines: u64,
}

/// For serde.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
pub(crate) fn is_zero(number: &u64) -> bool {
    *number == 0
}
