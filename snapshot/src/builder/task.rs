//! The editor of one task or thread of a [`SnapshotBuilder`].

use super::SnapshotBuilder;
use crate::validate::MAX_ANCESTRY;
use crate::{
    Arm, Hold, HoldMode, ObjectId, ObjectKind, RegionId, Registers, StackId, StackUse, Task,
    TaskId, TaskState, Tenure, Wait, WaitOp, WaitReason, WorkerId,
};

/// Edits one task or thread in place; each function hands the editor back.
#[derive(Debug)]
pub struct TaskBuilder<'b> {
    builder: &'b mut SnapshotBuilder,
    index: usize,
}

impl<'b> TaskBuilder<'b> {
    pub(super) fn new(builder: &'b mut SnapshotBuilder, index: usize) -> Self {
        TaskBuilder { builder, index }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.builder.snapshot.tasks[self.index].id
    }

    // --- who it is ---

    /// Names it.
    pub fn name(self, name: &str) -> Self {
        self.edit(|task| task.name = Some(name.to_owned()))
    }

    /// Adds a label; labels stay sorted.
    pub fn label(self, key: &str, value: &str) -> Self {
        self.edit(|task| {
            task.labels.push((key.to_owned(), value.to_owned()));
            task.labels.sort();
        })
    }

    /// Charges it to a region.
    pub fn region(self, region: RegionId) -> Self {
        self.edit(|task| task.region = Some(region))
    }

    /// Says who spawned it. When the parent is in the snapshot, its spawn point and ancestry are
    /// taken over, cut to four.
    pub fn parent(self, parent: TaskId) -> Self {
        let tasks = &self.builder.snapshot.tasks;
        let ancestry = tasks.iter().find(|task| task.id == parent).map(|task| {
            let all = task.spawn.into_iter().chain(task.ancestry.iter().copied());
            all.take(MAX_ANCESTRY).collect()
        });
        self.edit(|task| {
            task.parent = Some(parent);
            task.ancestry = ancestry.unwrap_or_default();
        })
    }

    /// Says whether it may outlive what it would be charged to.
    pub fn tenure(self, tenure: Tenure) -> Self {
        self.edit(|task| task.tenure = tenure)
    }

    /// Makes it the main task of a call of `run`.
    pub fn main(self) -> Self {
        self.edit(|task| task.main = true)
    }

    /// Says where it has started.
    pub fn started_on(self, worker: WorkerId) -> Self {
        self.edit(|task| task.worker = Some(worker))
    }

    /// Adds a lock to its holds and nothing to the lock: [`SnapshotBuilder::owns`] and
    /// [`SnapshotBuilder::reads`] write both sides.
    pub fn holds(self, object: ObjectId, mode: HoldMode) -> Self {
        self.edit(|task| task.holds.push(Hold { object, mode }))
    }

    /// It has asked a context whether it is done.
    pub fn asked(self, context: ObjectId) -> Self {
        self.edit(|task| task.asked = Some(context))
    }

    // --- what it was doing ---

    /// It has not run yet.
    pub fn fresh(self) -> Self {
        self.edit(|task| task.state = TaskState::Fresh)
    }

    /// It is ready to run.
    pub fn runnable(self) -> Self {
        self.edit(|task| task.state = TaskState::Runnable)
    }

    /// It is on a worker, or on its own thread.
    pub fn running(self) -> Self {
        self.edit(|task| task.state = TaskState::Running)
    }

    /// It moved while the snapshot was taken.
    pub fn moving(self) -> Self {
        self.edit(|task| task.state = TaskState::Moving)
    }

    /// It waits, since the start of the process and without a timer until more is said.
    #[track_caller]
    pub fn waits(self, reason: WaitReason, arms: &[Arm], site: &str) -> Self {
        let site = self.builder.site(site);
        let wait = Wait {
            reason,
            arms: arms.to_vec(),
            unlisted_arms: 0,
            wanted: None,
            site,
            since_ns: 0,
            until_ns: None,
            on_thread: false,
            registers: None,
        };
        self.edit(|task| task.state = TaskState::Waiting(wait))
    }

    /// It waits to receive from a channel.
    #[track_caller]
    pub fn receives(self, channel: ObjectId, site: &str) -> Self {
        self.waits(WaitReason::Receive, &[Arm::object(WaitOp::Receive, channel)], site)
    }

    /// It waits to send on a channel.
    #[track_caller]
    pub fn sends(self, channel: ObjectId, site: &str) -> Self {
        self.waits(WaitReason::Send, &[Arm::object(WaitOp::Send, channel)], site)
    }

    /// It waits to own a lock alone: a mutex, or a reader-writer lock for writing.
    #[track_caller]
    pub fn locks(self, lock: ObjectId, site: &str) -> Self {
        let reason = match self.builder.object_mut(lock).kind() {
            ObjectKind::RwLock => WaitReason::WriteLock,
            ObjectKind::Channel
            | ObjectKind::Mutex
            | ObjectKind::WaitGroup
            | ObjectKind::Context
            | ObjectKind::Socket
            | ObjectKind::Cond
            | ObjectKind::Once
            | ObjectKind::Semaphore
            | ObjectKind::Barrier => WaitReason::Lock,
        };
        self.waits(reason, &[Arm::object(WaitOp::Lock, lock)], site)
    }

    /// It waits to read a reader-writer lock.
    #[track_caller]
    pub fn read_locks(self, lock: ObjectId, site: &str) -> Self {
        self.waits(WaitReason::ReadLock, &[Arm::object(WaitOp::ReadLock, lock)], site)
    }

    /// It waits for a wait group.
    #[track_caller]
    pub fn waits_group(self, group: ObjectId, site: &str) -> Self {
        self.waits(WaitReason::WaitGroup, &[Arm::object(WaitOp::WaitGroup, group)], site)
    }

    /// It waits for a context to be done.
    #[track_caller]
    pub fn waits_context(self, context: ObjectId, site: &str) -> Self {
        self.waits(WaitReason::Cancel, &[Arm::object(WaitOp::Cancel, context)], site)
    }

    /// It waits for a task to finish; the task need not be in the snapshot.
    #[track_caller]
    pub fn joins(self, task: TaskId, site: &str) -> Self {
        self.waits(WaitReason::Join, &[Arm::task(task)], site)
    }

    /// It waits to read from a socket.
    #[track_caller]
    pub fn reads_socket(self, socket: ObjectId, site: &str) -> Self {
        self.waits(WaitReason::Read, &[Arm::object(WaitOp::Read, socket)], site)
    }

    /// It waits to write to a socket.
    #[track_caller]
    pub fn writes_socket(self, socket: ObjectId, site: &str) -> Self {
        self.waits(WaitReason::Write, &[Arm::object(WaitOp::Write, socket)], site)
    }

    /// It waits for a condition variable.
    #[track_caller]
    pub fn waits_cond(self, cond: ObjectId, site: &str) -> Self {
        self.waits(WaitReason::Cond, &[Arm::object(WaitOp::Cond, cond)], site)
    }

    /// It waits until somebody else has run an initialiser.
    #[track_caller]
    pub fn waits_once(self, once: ObjectId, site: &str) -> Self {
        self.waits(WaitReason::Once, &[Arm::object(WaitOp::Once, once)], site)
    }

    /// It waits for so many permits of a semaphore.
    #[track_caller]
    pub fn acquires(self, semaphore: ObjectId, permits: u64, site: &str) -> Self {
        let arms = [Arm::object(WaitOp::Acquire, semaphore)];
        self.waits(WaitReason::Semaphore, &arms, site).edit_wait(|wait| wait.wanted = Some(permits))
    }

    /// It waits for the others at a barrier.
    #[track_caller]
    pub fn waits_barrier(self, barrier: ObjectId, site: &str) -> Self {
        self.waits(WaitReason::Barrier, &[Arm::object(WaitOp::Barrier, barrier)], site)
    }

    /// It waits for a closure that blocks; `helper` is the thread that has taken it, if one has.
    #[track_caller]
    pub fn blocks(self, helper: Option<TaskId>, site: &str) -> Self {
        let arms: Vec<Arm> = helper.into_iter().map(Arm::task).collect();
        self.waits(WaitReason::Blocking, &arms, site)
    }

    /// It drives a future.
    #[track_caller]
    pub fn drives_future(self, site: &str) -> Self {
        self.waits(WaitReason::Future, &[], site)
    }

    /// It sleeps.
    #[track_caller]
    pub fn sleeps(self, until_ns: u64, site: &str) -> Self {
        self.waits(WaitReason::Sleep, &[], site).until(until_ns)
    }

    /// It waits for the first of several arms; none is an empty select.
    #[track_caller]
    pub fn select(self, arms: &[Arm], site: &str) -> Self {
        self.waits(WaitReason::Select, arms, site)
    }

    // --- more about its wait ---

    /// When it parked.
    ///
    /// # Panics
    ///
    /// When it does not wait.
    #[track_caller]
    pub fn since(self, ns: u64) -> Self {
        self.edit_wait(|wait| wait.since_ns = ns)
    }

    /// When a timer ends its wait.
    ///
    /// # Panics
    ///
    /// When it does not wait.
    #[track_caller]
    pub fn until(self, ns: u64) -> Self {
        self.edit_wait(|wait| wait.until_ns = Some(ns))
    }

    /// How many arms of its wait are not listed.
    ///
    /// # Panics
    ///
    /// When it does not wait.
    #[track_caller]
    pub fn unlisted(self, arms: u32) -> Self {
        self.edit_wait(|wait| wait.unlisted_arms = arms)
    }

    /// It keeps its worker while it waits.
    ///
    /// # Panics
    ///
    /// When it does not wait.
    #[track_caller]
    pub fn holds_worker(self) -> Self {
        self.edit_wait(|wait| wait.on_thread = true)
    }

    /// The registers of its parked stack.
    ///
    /// # Panics
    ///
    /// When it does not wait.
    #[track_caller]
    pub fn registers(self, registers: Registers) -> Self {
        self.edit_wait(|wait| wait.registers = Some(registers))
    }

    /// Where its stack stood.
    pub fn backtrace(self, stack: StackId) -> Self {
        self.edit(|task| task.backtrace = Some(stack))
    }

    /// Where its spawner's stack stood when it was spawned.
    pub fn spawn_backtrace(self, stack: StackId) -> Self {
        self.edit(|task| task.spawn_backtrace = Some(stack))
    }

    /// What it uses of its stack, in bytes.
    pub fn stack(self, bytes: u64, touched: u64) -> Self {
        self.edit(|task| task.stack = Some(StackUse { bytes, touched }))
    }

    fn edit(self, change: impl FnOnce(&mut Task)) -> Self {
        change(&mut self.builder.snapshot.tasks[self.index]);
        self
    }

    #[track_caller]
    fn edit_wait(self, change: impl FnOnce(&mut Wait)) -> Self {
        let task = &mut self.builder.snapshot.tasks[self.index];
        let TaskState::Waiting(wait) = &mut task.state else { panic!("{} does not wait", task.id) };
        change(wait);
        self
    }
}
