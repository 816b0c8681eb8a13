//! Tasks and outside threads: who they are, where they came from, what they wait for.

use serde::{Deserialize, Serialize};

use crate::{ObjectId, RegionId, SiteId, SpawnId, StackId, TaskId, WorkerId};

/// Who can wait.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaiterKind {
    /// A green task of the runtime.
    Task,
    /// An OS thread that is not the runtime's and has waited in it at least once.
    Thread,
}

/// A live task, or an outside thread that has waited on an object.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Task {
    /// Its identity.
    pub id: TaskId,
    /// Task or outside thread.
    pub kind: WaiterKind,
    /// The task that spawned it; none when a thread did. It may have finished since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<TaskId>,
    /// What it is charged to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionId>,
    /// Where and with what it was spawned; none for outside threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawn: Option<SpawnId>,
    /// Spawn points of its ancestors, nearest first, whether they live or not. At most four are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestry: Vec<SpawnId>,
    /// The name given at spawn, or the thread's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Labels given at spawn, sorted by key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
    /// Whether it is the main task of a call of `run`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub main: bool,
    /// Whether it may outlive what it would be charged to.
    #[serde(default, skip_serializing_if = "Tenure::is_ordinary")]
    pub tenure: Tenure,
    /// Where it has started, and where alone it goes on; none for those that have not started, and
    /// for outside threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerId>,
    /// What it was doing.
    pub state: TaskState,
    /// Locks that it holds: those that it has alone, in the order of their acquisition, then those that
    /// it reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// The context that it has last asked whether it is done, or waited for; none when that has gone,
    /// or has told it that its deadline has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<ObjectId>,
    /// Where its stack stood; none unless the snapshot was asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<StackId>,
    /// Where its spawner's stack stood when it was spawned; none unless that is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawn_backtrace: Option<StackId>,
    /// What it uses of its stack; none unless the snapshot was asked for it and the task was parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<StackUse>,
}

impl Task {
    /// One of which nothing more is known.
    #[must_use]
    pub fn new(id: TaskId, kind: WaiterKind, state: TaskState) -> Task {
        Task {
            id,
            kind,
            parent: None,
            region: None,
            spawn: None,
            ancestry: Vec::new(),
            name: None,
            labels: Vec::new(),
            main: false,
            tenure: Tenure::Ordinary,
            worker: None,
            state,
            holds: Vec::new(),
            asked: None,
            backtrace: None,
            spawn_backtrace: None,
            stack: None,
        }
    }
}

/// What is expected of a task's end.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Tenure {
    /// It ends before what it is charged to.
    #[default]
    Ordinary,
    /// It may outlive the test or guard that it came from, and is not charged to it.
    Background,
    /// It may wait for work for as long as the process lives, and is charged to nobody.
    Daemon,
}

impl Tenure {
    /// Whether being alive may be held against it.
    #[must_use]
    pub const fn is_ordinary(&self) -> bool {
        matches!(self, Tenure::Ordinary)
    }
}

/// A task's stack, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct StackUse {
    /// Its size, guard included.
    pub bytes: u64,
    /// From its top to the lowest page in memory: whole pages, and at most, since a stack that an
    /// earlier task used may have kept that one's pages.
    pub touched: u64,
}

/// What a task was doing at the moment of the snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// Spawned, has not run yet.
    Fresh,
    /// Ready to run: woken, or gave way.
    Runnable,
    /// On a worker, or on its own thread.
    Running,
    /// It moved while the snapshot was taken: alive for certain, no wait of it is known.
    Moving,
    /// Parked, and the very same park was seen by both reads of the snapshot.
    Waiting(Wait),
}

/// A park: why, on what, where, since when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wait {
    /// Why it parked.
    pub reason: WaitReason,
    /// What would wake it: one arm for a plain wait, any number for a select. A join may name several
    /// tasks and then needs all of them: the end of a scope. Those that have ended are not listed.
    #[serde(
        default,
        deserialize_with = "crate::few::deserialize",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub arms: Vec<Arm>,
    /// Arms that the record had no room for. While not zero, nothing about the wait can be certain.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unlisted_arms: u32,
    /// How many permits a wait for a semaphore asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<u64>,
    /// Where the operation was called.
    pub site: SiteId,
    /// When it parked, in nanoseconds of [`crate::Header::taken_ns`]'s clock (coarse: milliseconds).
    pub since_ns: u64,
    /// When a timer ends the wait, same clock; none when no timer is armed for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ns: Option<u64>,
    /// Whether a task keeps its worker while it waits, so that no other task of that worker runs:
    /// inside `hold_worker`, or while it panics.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_thread: bool,
    /// Registers of the parked stack, for unwinding from outside; none for outside threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registers: Option<Registers>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Why a task parked. Closed: a reader matches all of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitReason {
    /// Sending on a channel.
    Send,
    /// Receiving from a channel.
    Receive,
    /// Several arms, the first that is ready wins. No arm at all: an empty select.
    Select,
    /// Locking a mutex.
    Lock,
    /// Locking a reader-writer lock for reading.
    ReadLock,
    /// Locking a reader-writer lock for writing.
    WriteLock,
    /// Waiting until a wait group counts zero.
    WaitGroup,
    /// Waiting until a context is done.
    Cancel,
    /// Waiting until a task has finished; at the end of a scope, until all of its tasks have.
    Join,
    /// Until a descriptor can be read, or a connection comes in.
    Read,
    /// Until a descriptor can be written, or a connection is made.
    Write,
    /// Until a condition variable is notified.
    Cond,
    /// Until somebody else has run an initialiser.
    Once,
    /// Until a semaphore has as many permits as [`Wait::wanted`] says.
    Semaphore,
    /// Until all others of the round have come to a barrier.
    Barrier,
    /// Until a helper thread has run a closure that blocks: file I/O, name look-ups, C libraries.
    /// The arm names the helper once it has taken the closure.
    Blocking,
    /// Until a future wakes the task that drives it.
    Future,
    /// Sleeping; the timer in [`Wait::until_ns`] ends it.
    Sleep,
    /// A thread inside `run`, waiting for its main task.
    Host,
}

impl WaitReason {
    /// Every one of them, in their order.
    pub const ALL: [WaitReason; 19] = [
        WaitReason::Send,
        WaitReason::Receive,
        WaitReason::Select,
        WaitReason::Lock,
        WaitReason::ReadLock,
        WaitReason::WriteLock,
        WaitReason::WaitGroup,
        WaitReason::Cancel,
        WaitReason::Join,
        WaitReason::Read,
        WaitReason::Write,
        WaitReason::Cond,
        WaitReason::Once,
        WaitReason::Semaphore,
        WaitReason::Barrier,
        WaitReason::Blocking,
        WaitReason::Future,
        WaitReason::Sleep,
        WaitReason::Host,
    ];
}

/// One way in which a wait may end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Arm {
    /// What is tried.
    pub op: WaitOp,
    /// On what.
    pub on: Target,
    /// How many of the waits that the snapshot shows come before it in the object's queue; none when it
    /// is the only one, or its place is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u32>,
}

impl Arm {
    /// An operation on an object.
    #[must_use]
    pub const fn object(op: WaitOp, object: ObjectId) -> Self {
        Arm { op, on: Target::Object(object), place: None }
    }

    /// Waiting until a task has finished.
    #[must_use]
    pub const fn task(task: TaskId) -> Self {
        Arm { op: WaitOp::Join, on: Target::Task(task), place: None }
    }

    /// An operation on something that can never come about.
    #[must_use]
    pub const fn never(op: WaitOp) -> Self {
        Arm { op, on: Target::Never, place: None }
    }

    /// Whether it tries this on that, whatever its place.
    #[must_use]
    pub fn is(&self, op: WaitOp, on: Target) -> bool {
        self.op == op && self.on == on
    }
}

/// What a waiter tries on a target.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitOp {
    /// Put a value into a channel.
    Send,
    /// Take a value out of a channel.
    Receive,
    /// Own a lock alone.
    Lock,
    /// Own a lock among readers.
    ReadLock,
    /// See a wait group count zero.
    WaitGroup,
    /// See a context done.
    Cancel,
    /// See a task finished.
    Join,
    /// Read from a descriptor, or accept from it.
    Read,
    /// Write to a descriptor.
    Write,
    /// See a condition variable notified.
    Cond,
    /// See something initialised, or initialise it.
    Once,
    /// Take permits from a semaphore.
    Acquire,
    /// See a barrier's round complete.
    Barrier,
}

impl WaitOp {
    /// Every one of them, in their order.
    pub const ALL: [WaitOp; 13] = [
        WaitOp::Send,
        WaitOp::Receive,
        WaitOp::Lock,
        WaitOp::ReadLock,
        WaitOp::WaitGroup,
        WaitOp::Cancel,
        WaitOp::Join,
        WaitOp::Read,
        WaitOp::Write,
        WaitOp::Cond,
        WaitOp::Once,
        WaitOp::Acquire,
        WaitOp::Barrier,
    ];
}

/// What a waiter waits on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// An object of the snapshot.
    Object(ObjectId),
    /// A task; it need not be in the snapshot when it has finished meanwhile.
    Task(TaskId),
    /// Nothing that could ever come about: a never-channel.
    Never,
}

/// A lock held.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// The lock.
    pub object: ObjectId,
    /// Alone or among readers.
    pub mode: HoldMode,
}

/// How a lock is held.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldMode {
    /// Nobody else may have it.
    Exclusive,
    /// Other readers may have it too.
    Shared,
}

/// Where a parked stack stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Registers {
    /// Instruction pointer.
    #[serde(with = "crate::hex")]
    pub ip: u64,
    /// Stack pointer.
    #[serde(with = "crate::hex")]
    pub sp: u64,
    /// Frame pointer register, whatever it held.
    #[serde(with = "crate::hex")]
    pub bp: u64,
}
