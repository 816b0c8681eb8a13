//! What can be wrong with a snapshot.

use std::fmt;

use crate::{
    Arm, FrameId, ModuleId, ObjectId, RegionId, SiteId, SpawnId, StackId, TaskId, WaitReason,
    WorkerId,
};

/// The record in which something is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Record {
    /// A spawn point.
    Spawn(SpawnId),
    /// A region.
    Region(RegionId),
    /// An object.
    Object(ObjectId),
    /// A worker.
    Worker(WorkerId),
    /// A task or outside thread.
    Task(TaskId),
    /// A pair of locks: the one that was held, and the one that was taken.
    LockPair(ObjectId, ObjectId),
    /// The panic of a task.
    Panic(TaskId),
    /// A misuse by a task.
    Misuse(TaskId),
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Spawn(id) => write!(f, "spawn point {id}"),
            Record::Region(id) => write!(f, "region {id}"),
            Record::Object(id) => write!(f, "object {id}"),
            Record::Worker(id) => id.fmt(f),
            Record::Task(id) => write!(f, "task {id}"),
            Record::LockPair(held, wanted) => write!(f, "the pair {held} before {wanted}"),
            Record::Panic(id) => write!(f, "the panic of {id}"),
            Record::Misuse(id) => write!(f, "the misuse by {id}"),
        }
    }
}

/// One thing that is wrong with a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Invalid {
    /// Its id is not above that of the record before it.
    Order(Record),
    /// It names a site that is not there.
    NoSite {
        /// Who names it.
        by: Record,
        /// The site.
        site: SiteId,
    },
    /// It names a spawn point that is not there.
    NoSpawn {
        /// Who names it.
        by: Record,
        /// The spawn point.
        spawn: SpawnId,
    },
    /// A frame is of a module that is not there.
    NoModule {
        /// The frame.
        frame: FrameId,
        /// The module.
        module: ModuleId,
    },
    /// A stack has a frame that is not there.
    NoFrame {
        /// The stack.
        stack: StackId,
        /// The frame.
        frame: FrameId,
    },
    /// A task has a stack that is not there.
    NoStack {
        /// The task.
        task: TaskId,
        /// The stack.
        stack: StackId,
    },
    /// It names a region that is not there.
    NoRegion {
        /// Who names it.
        by: Record,
        /// The region.
        region: RegionId,
    },
    /// A task waits on or holds an object that is not there.
    NoObject {
        /// Who names it.
        task: TaskId,
        /// The object.
        object: ObjectId,
    },
    /// A task without a spawn point.
    Origin {
        /// Which.
        task: TaskId,
    },
    /// More ancestors than are kept.
    Ancestry {
        /// Whose.
        task: TaskId,
        /// How many.
        len: usize,
    },
    /// Labels that are not sorted by key.
    Labels {
        /// Whose.
        task: TaskId,
    },
    /// An arm that does not fit its target or the reason of the wait.
    Arm {
        /// Who waits.
        task: TaskId,
        /// Why.
        reason: WaitReason,
        /// The arm.
        arm: Arm,
    },
    /// A wait with too many or too few arms for its reason, or a sleep that nothing ends.
    Wait {
        /// Who waits.
        task: TaskId,
        /// Why.
        reason: WaitReason,
    },
    /// A hold of something that cannot be held so.
    Hold {
        /// Who holds.
        task: TaskId,
        /// What.
        object: ObjectId,
    },
    /// A task has asked what is no context whether it is done.
    Asked {
        /// Who asked.
        task: TaskId,
        /// What.
        object: ObjectId,
    },
    /// An object whose facts contradict each other.
    Detail {
        /// Which.
        object: ObjectId,
    },
    /// A living owner of a settled lock is not in the snapshot.
    OwnerNotListed {
        /// The lock.
        object: ObjectId,
        /// Its owner.
        task: TaskId,
    },
    /// A finished owner of a settled lock is in the snapshot.
    FinishedOwnerListed {
        /// The lock.
        object: ObjectId,
        /// Its owner.
        task: TaskId,
    },
    /// A waiting owner does not list the lock among its holds.
    OwnerWithoutHold {
        /// The lock.
        object: ObjectId,
        /// Its owner.
        task: TaskId,
    },
    /// A waiting task holds a settled lock alone that has another owner, or none.
    HoldWithoutOwner {
        /// The lock.
        object: ObjectId,
        /// Who holds it.
        task: TaskId,
    },
    /// More waiting tasks hold a settled lock as readers than it counts.
    Readers {
        /// The lock.
        object: ObjectId,
        /// What it counts.
        said: u64,
        /// How many hold it.
        found: u64,
    },
    /// A task has started on a worker that is not there.
    NoWorker {
        /// Which task.
        task: TaskId,
        /// The worker.
        worker: WorkerId,
    },
    /// A task that has not started, or an outside thread, is on a worker.
    NotStarted {
        /// Which.
        task: TaskId,
        /// The worker.
        worker: WorkerId,
    },
    /// The task on a worker is not there, or has started on another one.
    Running {
        /// The worker.
        worker: WorkerId,
        /// The task.
        task: TaskId,
    },
    /// A worker is held by nobody.
    Held {
        /// Which.
        worker: WorkerId,
    },
    /// A pair of what cannot be held so, of one lock twice, or that nobody took.
    LockPair {
        /// What was held.
        held: ObjectId,
        /// What was taken.
        wanted: ObjectId,
    },
    /// Two panics of one task, which ended with the first.
    PanickedTwice {
        /// Which.
        task: TaskId,
    },
    /// Fewer moving tasks are said than listed.
    MovingCount {
        /// What the completeness says.
        said: u64,
        /// How many are listed.
        found: u64,
    },
    /// Fewer unsettled objects are said than listed.
    UnsettledCount {
        /// What the completeness says.
        said: u64,
        /// How many are listed.
        found: u64,
    },
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::Order(by) => write!(f, "{by} is not after the one before it"),
            Invalid::NoSite { by, site } => missing(f, by, "site", site),
            Invalid::NoSpawn { by, spawn } => missing(f, by, "spawn point", spawn),
            Invalid::NoRegion { by, region } => missing(f, by, "region", region),
            Invalid::NoModule { frame, module } => lacks(f, ("frame", frame), "module", module),
            Invalid::NoFrame { stack, frame } => lacks(f, ("stack", stack), "frame", frame),
            Invalid::NoStack { task, stack } => lacks(f, ("task", task), "stack", stack),
            Invalid::NoObject { task, object } => lacks(f, ("task", task), "object", object),
            Invalid::Origin { task } => write!(f, "{task} is a task without a spawn point"),
            Invalid::Ancestry { task, len } => write!(f, "task {task} has {len} ancestors"),
            Invalid::Labels { task } => write!(f, "the labels of task {task} are not sorted"),
            Invalid::Arm { task, reason, arm } => {
                write!(f, "task {task} waits by {reason:?} with an arm that cannot be: {arm:?}")
            }
            Invalid::Wait { task, reason } => {
                write!(
                    f,
                    "task {task} waits by {reason:?} with the wrong number of arms, or without end"
                )
            }
            Invalid::Hold { task, object } => {
                write!(f, "task {task} holds {object}, which cannot be held so")
            }
            Invalid::Asked { task, object } => {
                write!(f, "task {task} has asked {object}, which is no context")
            }
            Invalid::Detail { object } => write!(f, "the facts of {object} contradict each other"),
            Invalid::OwnerNotListed { object, task } => {
                write!(f, "the owner {task} of {object} lives but is missing")
            }
            Invalid::FinishedOwnerListed { object, task } => {
                write!(f, "the owner {task} of {object} has finished but is listed")
            }
            Invalid::OwnerWithoutHold { object, task } => {
                write!(f, "task {task} owns {object} but does not hold it")
            }
            Invalid::HoldWithoutOwner { object, task } => {
                write!(f, "task {task} holds {object} alone but does not own it")
            }
            Invalid::Readers { object, said, found } => {
                write!(f, "{object} counts {said} readers, but {found} hold it")
            }
            Invalid::NoWorker { task, worker } => {
                write!(f, "task {task} has started on {worker}, which is missing")
            }
            Invalid::NotStarted { task, worker } => {
                write!(f, "{task} is a thread or has not started, and is on {worker}")
            }
            Invalid::Running { worker, task } => {
                write!(f, "{task} runs on {worker} but has not started there")
            }
            Invalid::Held { worker } => write!(f, "{worker} is held by nobody"),
            Invalid::LockPair { held, wanted } => write!(f, "{held} before {wanted} is no pair"),
            Invalid::PanickedTwice { task } => write!(f, "task {task} panicked twice"),
            Invalid::MovingCount { said, found } => {
                write!(f, "{found} tasks move, but {said} are said to")
            }
            Invalid::UnsettledCount { said, found } => {
                write!(f, "{found} objects are unsettled, but {said} are said to be")
            }
        }
    }
}

fn missing(
    f: &mut fmt::Formatter<'_>,
    by: &dyn fmt::Display,
    kind: &str,
    id: &dyn fmt::Display,
) -> fmt::Result {
    write!(f, "{by} names {kind} {id}, which is missing")
}

fn lacks(
    f: &mut fmt::Formatter<'_>,
    (owner, number): (&str, &dyn fmt::Display),
    kind: &str,
    id: &dyn fmt::Display,
) -> fmt::Result {
    missing(f, &format_args!("{owner} {number}"), kind, id)
}
