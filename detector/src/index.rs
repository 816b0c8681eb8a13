//! A snapshot made ready for look-ups: tasks and objects by number, names without noise.
//!
//! Invariants:
//! 1. Tasks are numbered by their id, not by their place in the snapshot, so that nothing later
//!    depends on the order of the input.
//! 2. Every look-up of what a file claims may fail and says so; nothing indexes by a foreign number.

use gleak_snapshot::{
    Arm, Completeness, Object, ObjectId, Region, RegionId, Site, SiteId, Snapshot, SpawnId,
    SpawnPoint, Task, TaskId, TaskState, Wait, WaitOp, WaitReason, WaiterKind,
};

use crate::keeps::{self, LastTakers};
use crate::key;
use crate::stack::Stacks;

/// The snapshot, sorted, with its entries normalised.
pub(crate) struct Index<'a> {
    pub(crate) snapshot: &'a Snapshot,
    /// By id.
    pub(crate) tasks: Vec<&'a Task>,
    /// By id.
    pub(crate) objects: Vec<&'a Object>,
    pub(crate) stacks: Stacks<'a>,
    /// Who took permits last.
    pub(crate) last_takers: LastTakers,
    regions: Vec<&'a Region>,
    entries: Vec<String>,
    unknown: Site,
}

impl<'a> Index<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot) -> Self {
        let mut tasks: Vec<&Task> = snapshot.tasks.iter().collect();
        tasks.sort_by_key(|task| task.id);
        let mut objects: Vec<&Object> = snapshot.objects.iter().collect();
        objects.sort_by_key(|object| object.id);
        let mut regions: Vec<&Region> = snapshot.regions.iter().collect();
        regions.sort_by_key(|region| region.id);
        let entries = snapshot.spawns.iter().map(|spawn| key::entry(&spawn.entry)).collect();
        let unknown = Site { file: "?".to_owned(), line: 0, column: 0 };
        let stacks = Stacks::new(snapshot);
        let last_takers = keeps::last_takers(&objects);
        Index { snapshot, tasks, objects, stacks, last_takers, regions, entries, unknown }
    }

    /// The number of a task.
    pub(crate) fn task(&self, id: TaskId) -> Option<usize> {
        place(&self.tasks, id.0, |task| task.id.0)
    }

    /// The number of an object.
    pub(crate) fn object_number(&self, id: ObjectId) -> Option<usize> {
        place(&self.objects, id.0, |object| object.id.0)
    }

    pub(crate) fn object(&self, id: ObjectId) -> Option<&'a Object> {
        self.object_number(id).map(|number| self.objects[number])
    }

    pub(crate) fn region(&self, id: RegionId) -> Option<&'a Region> {
        let found = self.regions.binary_search_by_key(&id, |region| region.id).ok();
        found.map(|number| self.regions[number])
    }

    /// The name of a region, or its number when the snapshot does not have it.
    pub(crate) fn region_name(&self, id: RegionId) -> String {
        self.region(id).map_or_else(|| id.to_string(), |region| region.name.clone())
    }

    pub(crate) fn site(&self, id: SiteId) -> &Site {
        self.snapshot.sites.get(id.0 as usize).unwrap_or(&self.unknown)
    }

    pub(crate) fn spawn(&self, id: SpawnId) -> Option<&'a SpawnPoint> {
        self.snapshot.spawns.get(id.0 as usize)
    }

    pub(crate) fn spawn_site(&self, id: SpawnId) -> &Site {
        self.spawn(id).map_or(&self.unknown, |spawn| self.site(spawn.site))
    }

    /// The normalised function of a spawn point.
    pub(crate) fn entry(&self, id: SpawnId) -> &str {
        self.entries.get(id.0 as usize).map_or("?", String::as_str)
    }

    /// What somebody is, or was, of whom there may be no record any more: then a task, if it was spawned.
    pub(crate) fn kind(&self, id: TaskId, spawn: Option<SpawnId>) -> WaiterKind {
        let ended = if spawn.is_some() { WaiterKind::Task } else { WaiterKind::Thread };
        self.task(id).map_or(ended, |number| self.tasks[number].kind)
    }

    /// What a waiter runs; `thread` where nothing is known of a thread but that it waits.
    pub(crate) fn entry_of(&self, kind: WaiterKind, spawn: Option<SpawnId>) -> &str {
        match (kind, spawn) {
            (WaiterKind::Task | WaiterKind::Thread, Some(spawn)) => self.entry(spawn),
            (WaiterKind::Thread, None) => "thread",
            (WaiterKind::Task, None) => "?",
        }
    }

    /// `t7 "name"`, or `t7`, or `thread t7 "name"`.
    pub(crate) fn who(&self, id: TaskId) -> String {
        let Some(task) = self.task(id).map(|number| self.tasks[number]) else {
            return id.to_string();
        };
        let kind = match task.kind {
            WaiterKind::Task => "",
            WaiterKind::Thread => "thread ",
        };
        match &task.name {
            Some(name) => format!("{kind}{id} \"{name}\""),
            None => format!("{kind}{id}"),
        }
    }
}

/// The place of an id among sorted ones. Most have no gaps, so that it is where it should be.
fn place<T>(sorted: &[&T], id: u64, id_of: impl Fn(&T) -> u64) -> Option<usize> {
    let guess = id.checked_sub(id_of(sorted.first()?))?;
    let guess = usize::try_from(guess).ok()?;
    if sorted.get(guess).is_some_and(|it| id_of(it) == id) {
        return Some(guess);
    }
    sorted.binary_search_by_key(&id, |it| id_of(it)).ok()
}

/// The wait of a task that waits.
pub(crate) fn wait_of(task: &Task) -> Option<&Wait> {
    match &task.state {
        TaskState::Waiting(wait) => Some(wait),
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => None,
    }
}

/// Whether it runs, will, or waits for what is in no record: a timer, a descriptor, a future's waker.
#[must_use]
pub fn can_go_on(task: &Task) -> bool {
    match &task.state {
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => true,
        TaskState::Waiting(wait) => ends_from_outside(wait),
    }
}

/// Whether the wait may be ended by what is in no record: a timer, a descriptor, a future's waker,
/// a helper thread that has not been named yet.
#[must_use]
pub fn ends_from_outside(wait: &Wait) -> bool {
    let by_reason = match wait.reason {
        WaitReason::Sleep | WaitReason::Read | WaitReason::Write | WaitReason::Future => true,
        WaitReason::Blocking => wait.arms.is_empty(),
        WaitReason::Send
        | WaitReason::Receive
        | WaitReason::Select
        | WaitReason::Lock
        | WaitReason::ReadLock
        | WaitReason::WriteLock
        | WaitReason::WaitGroup
        | WaitReason::Cancel
        | WaitReason::Join
        | WaitReason::Cond
        | WaitReason::Once
        | WaitReason::Semaphore
        | WaitReason::Barrier
        | WaitReason::Host => false,
    };
    let by_arm = |arm: &Arm| matches!(arm.op, WaitOp::Read | WaitOp::Write);
    by_reason || wait.until_ns.is_some() || wait.arms.iter().any(by_arm)
}

/// Whether it is a thread inside `run` that waits for its own main task: never worth a word.
pub(crate) fn is_host(task: &Task) -> bool {
    wait_of(task).is_some_and(|wait| wait.reason == WaitReason::Host)
}

/// Whether every line that was written has been understood.
pub(crate) fn all_read(completeness: &Completeness) -> bool {
    !completeness.cut
        && completeness.damaged_lines == 0
        && completeness.missing_tasks == 0
        && completeness.unknown_lines == 0
}
