//! The snapshot itself: everything known of one process at one moment.

use serde::{Deserialize, Serialize};

use crate::{
    Frame, LockPair, MisuseFact, Module, Object, Region, RegionId, Site, SiteId, SpawnId,
    SpawnPoint, Stack, Symbol, Task, TaskId, WaiterKind, Worker,
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
    /// Loaded files that frames are of, or all that were when a flight file was made, named by index.
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
    /// What ended the process, where it was read from its memory after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash: Option<Crash>,
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
            crash: None,
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
    /// A test had not ended in its time.
    Late,
    /// A signal came that asks for one.
    Signal,
    /// None: it was read from a flight file, of a process that may have gone.
    Flight,
    /// None: it was read from a core file of a process that has ended.
    Core,
    /// None: it was read from the image that a process wrote of itself when a signal ended it.
    Crash,
}

/// The signal that ended a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Crash {
    /// Its number, as Linux counts.
    pub signal: i32,
    /// Why it was sent, as the kernel says: above zero for a fault.
    pub code: i32,
    /// The address of a fault.
    #[serde(default, with = "crate::hex::optional", skip_serializing_if = "Option::is_none")]
    pub address: Option<u64>,
    /// The kernel id of the thread that got it.
    pub thread: u32,
    /// The task that ran there, if the signal was that thread's own doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// Whether that task ran over the end of its stack, as far as that is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overflow: bool,
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
    /// The task, or spawned thread.
    pub task: TaskId,
    /// Which of both it was.
    #[serde(default, skip_serializing_if = "WaiterKind::is_task")]
    pub kind: WaiterKind,
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
    /// Whether tasks that are charged to no region came or went between the two reads: there may be, or
    /// have been, others than those that are shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsettled_uncharged: bool,
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
    /// Names and labels of tasks and objects that there were, and that are not in what was read: a
    /// process keeps them elsewhere than the rest.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unread_names: u64,
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
    /// How the tasks came to be known, of a runtime that does not tell of all; none of one that does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
}

/// What stands where the function of a task would, of one that its runtime only counts.
pub const COUNTED: &str = "(counted, no site)";

/// As [`COUNTED`], of one that its runtime tells of, with its place.
pub const HOOKED: &str = "(not wrapped)";

/// How the tasks of a snapshot came to be known, where nobody knows of all that there are: a task that is
/// not there proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// Tasks that were spawned by what wraps the runtime, with their places and waits.
    pub wrapped: u64,
    /// Tasks that the runtime itself told of, with their places.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hooked: u64,
    /// Tasks that the runtime counts besides, and of which nothing else is known; none when nobody counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<u64>,
}

impl Coverage {
    /// Of both.
    #[must_use]
    pub fn and(self, other: Coverage) -> Coverage {
        let counted = match (self.counted, other.counted) {
            (Some(one), Some(two)) => Some(one + two),
            (one, two) => one.or(two),
        };
        Coverage {
            wrapped: self.wrapped + other.wrapped,
            hooked: self.hooked + other.hooked,
            counted,
        }
    }
}

/// For serde.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
pub(crate) fn is_zero(number: &u64) -> bool {
    *number == 0
}
