//! Whether a snapshot holds together: everything it names is there, and its parts agree.
//!
//! Invariants:
//! 1. A reader of a valid snapshot may index sites, spawn points, modules, frames and stacks without looking.
//! 2. Two facts that contradict each other never pass, unless one of them says that it is not
//!    settled: a task that moved or runs, an object that is unsettled or not exact.
//! 3. The dump reader repairs by the same rules (`wait.rs`, `locks.rs`, `worker.rs`) by which this module judges.

use std::collections::BTreeSet;

mod code;
mod fault;
mod lock_order;
mod locks;
mod wait;
mod worker;

pub use fault::{Invalid, Record};
pub(crate) use locks::lock_faults;
pub(crate) use wait::{arm_fault, hold_fault, well_shaped};
pub(crate) use worker::{running_fault, worker_fault};

use crate::{
    Object, ObjectDetail, ObjectId, ObjectKind, RegionId, SiteId, Snapshot, SpawnId, Task, TaskId,
    TaskState, Touched, WaiterKind,
};

/// As many ancestors as [`Task::ancestry`] keeps.
pub(crate) const MAX_ANCESTRY: usize = 4;

impl Snapshot {
    /// Checks that everything named is there and that the parts agree.
    ///
    /// # Errors
    ///
    /// All that is wrong. When lists are not sorted by id, only that is reported: the rest is
    /// looked up by id.
    pub fn validate(&self) -> Result<(), Vec<Invalid>> {
        let mut faults = Vec::new();
        self.check_order(&mut faults);
        if faults.is_empty() {
            self.check_tables(&mut faults);
            self.check_misuses(&mut faults);
            self.check_code(&mut faults);
            for object in &self.objects {
                self.check_object(object, &mut faults);
            }
            for task in &self.tasks {
                self.check_task(task, &mut faults);
            }
            let on = self.workers.iter().filter_map(|worker| running_fault(worker, &self.tasks));
            faults.extend(on);
            let locks = lock_faults(&self.objects, &self.tasks);
            faults.extend(locks.into_iter().map(|(_, fault)| fault));
            self.check_lock_order(&mut faults);
            self.check_counts(&mut faults);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// Raises the counts of what was not seen to at least what the records themselves say.
    pub(crate) fn count_unseen(&mut self) {
        let (moving, unsettled) = self.unseen();
        self.completeness.moving = self.completeness.moving.max(moving);
        self.completeness.unsettled_objects = self.completeness.unsettled_objects.max(unsettled);
    }

    fn unseen(&self) -> (u64, u64) {
        let moving = self.tasks.iter().filter(|task| task.state == TaskState::Moving).count();
        let unsettled = self.objects.iter().filter(|object| object.unsettled).count();
        (moving as u64, unsettled as u64)
    }

    fn check_order(&self, faults: &mut Vec<Invalid>) {
        let regions = unsorted(&self.regions, |region| region.id);
        faults.extend(regions.map(|region| Invalid::Order(Record::Region(region.id))));
        let objects = unsorted(&self.objects, |object| object.id);
        faults.extend(objects.map(|object| Invalid::Order(Record::Object(object.id))));
        let workers = unsorted(&self.workers, |worker| worker.id);
        faults.extend(workers.map(|worker| Invalid::Order(Record::Worker(worker.id))));
        let tasks = unsorted(&self.tasks, |task| task.id);
        faults.extend(tasks.map(|task| Invalid::Order(Record::Task(task.id))));
    }

    fn check_tables(&self, faults: &mut Vec<Invalid>) {
        for (index, spawn) in self.spawns.iter().enumerate() {
            let id = SpawnId(u32::try_from(index).unwrap_or(u32::MAX));
            self.check_site(Record::Spawn(id), spawn.site, faults);
        }
        for region in &self.regions {
            self.check_site(Record::Region(region.id), region.site, faults);
        }
        let mut panicked = BTreeSet::new();
        for panic in &self.panics {
            if !panicked.insert(panic.task) {
                faults.push(Invalid::PanickedTwice { task: panic.task });
            }
            let by = Record::Panic(panic.task);
            self.check_spawn(by, panic.spawn, faults);
            if let Some(site) = panic.site {
                self.check_site(by, site, faults);
            }
            if let Some(region) = panic.region {
                self.check_region(by, region, faults);
            }
        }
    }

    fn check_misuses(&self, faults: &mut Vec<Invalid>) {
        for misuse in &self.misuses {
            let by = Record::Misuse(misuse.task);
            let object = misuse.object.as_ref().map(|object| object.site);
            let sites = [misuse.site, object, misuse.other.map(|other| other.site)];
            sites.into_iter().flatten().for_each(|site| self.check_site(by, site, faults));
            if let Some(spawn) = misuse.spawn {
                self.check_spawn(by, spawn, faults);
            }
            if let Some(region) = misuse.region {
                self.check_region(by, region, faults);
            }
        }
    }

    fn check_object(&self, object: &Object, faults: &mut Vec<Invalid>) {
        let by = Record::Object(object.id);
        self.check_site(by, object.site, faults);
        match object.touched {
            Touched::Only(region) => self.check_region(by, region, faults),
            Touched::Shared => {}
        }
        match &object.detail {
            ObjectDetail::Channel { sender, receiver, .. } => {
                for last in [sender.last, receiver.last].into_iter().flatten() {
                    self.check_site(by, last.site, faults);
                }
            }
            ObjectDetail::RwLock { owner, reader, .. } => {
                let sites = [owner.map(|it| it.site), reader.map(|it| it.site)];
                sites.into_iter().flatten().for_each(|site| self.check_site(by, site, faults));
            }
            ObjectDetail::Mutex { owner, .. } | ObjectDetail::Once { owner, .. } => {
                if let Some(owner) = owner {
                    self.check_site(by, owner.site, faults);
                }
            }
            ObjectDetail::Semaphore { taken, .. } => {
                if let Some(taken) = taken {
                    self.check_site(by, taken.site, faults);
                }
            }
            ObjectDetail::Context { by: canceller, .. } => {
                if let Some(canceller) = canceller {
                    self.check_site(by, canceller.site, faults);
                }
            }
            ObjectDetail::Cond { unheard, .. } => {
                if let Some(unheard) = unheard {
                    self.check_site(by, unheard.by.site, faults);
                }
            }
            ObjectDetail::WaitGroup { .. }
            | ObjectDetail::Socket { .. }
            | ObjectDetail::Barrier { .. } => {}
        }
        if !agrees(&object.detail) {
            faults.push(Invalid::Detail { object: object.id });
        }
    }

    fn check_task(&self, task: &Task, faults: &mut Vec<Invalid>) {
        let by = Record::Task(task.id);
        if let Some(region) = task.region {
            self.check_region(by, region, faults);
        }
        for spawn in task.spawn.iter().chain(&task.ancestry) {
            self.check_spawn(by, *spawn, faults);
        }
        if task.kind == WaiterKind::Task && !task.is_spawned() {
            faults.push(Invalid::Origin { task: task.id });
        }
        faults.extend(worker_fault(task, |id| {
            self.workers.binary_search_by_key(&id, |worker| worker.id).is_ok()
        }));
        if task.ancestry.len() > MAX_ANCESTRY {
            faults.push(Invalid::Ancestry { task: task.id, len: task.ancestry.len() });
        }
        if !task.labels.is_sorted_by(|a, b| a.0 <= b.0) {
            faults.push(Invalid::Labels { task: task.id });
        }
        for hold in &task.holds {
            faults.extend(hold_fault(task.id, *hold, self.kind_of(hold.object)));
        }
        if let Some(object) = task.asked {
            faults.extend(asked_fault(task.id, object, self.kind_of(object)));
        }
        let TaskState::Waiting(wait) = &task.state else { return };
        self.check_site(by, wait.site, faults);
        for arm in &wait.arms {
            faults.extend(arm_fault(task.id, wait.reason, *arm, |id| self.kind_of(id)));
        }
        if !well_shaped(wait) {
            faults.push(Invalid::Wait { task: task.id, reason: wait.reason });
        }
    }

    fn check_counts(&self, faults: &mut Vec<Invalid>) {
        let (moving, unsettled) = self.unseen();
        if self.completeness.moving < moving {
            let said = self.completeness.moving;
            faults.push(Invalid::MovingCount { said, found: moving });
        }
        if self.completeness.unsettled_objects < unsettled {
            let said = self.completeness.unsettled_objects;
            faults.push(Invalid::UnsettledCount { said, found: unsettled });
        }
    }

    fn check_site(&self, by: Record, site: SiteId, faults: &mut Vec<Invalid>) {
        if site.0 as usize >= self.sites.len() {
            faults.push(Invalid::NoSite { by, site });
        }
    }

    fn check_spawn(&self, by: Record, spawn: SpawnId, faults: &mut Vec<Invalid>) {
        if spawn.0 as usize >= self.spawns.len() {
            faults.push(Invalid::NoSpawn { by, spawn });
        }
    }

    fn check_region(&self, by: Record, region: RegionId, faults: &mut Vec<Invalid>) {
        if self.regions.binary_search_by_key(&region, |known| known.id).is_err() {
            faults.push(Invalid::NoRegion { by, region });
        }
    }

    fn kind_of(&self, id: ObjectId) -> Option<ObjectKind> {
        kind_of(&self.objects, id)
    }
}

/// Whether the facts of an object agree: what was not cancelled has no moment of that, and what waits
/// for connections no other side.
pub(crate) fn agrees(detail: &ObjectDetail) -> bool {
    match detail {
        ObjectDetail::Context { cancelled, cancelled_ns, by, .. } => {
            *cancelled || (cancelled_ns.is_none() && by.is_none())
        }
        ObjectDetail::Socket { peer, listens, .. } => !listens || peer.is_none(),
        ObjectDetail::Channel { .. }
        | ObjectDetail::Mutex { .. }
        | ObjectDetail::RwLock { .. }
        | ObjectDetail::WaitGroup { .. }
        | ObjectDetail::Cond { .. }
        | ObjectDetail::Once { .. }
        | ObjectDetail::Semaphore { .. }
        | ObjectDetail::Barrier { .. } => true,
    }
}

/// Only of a context can be asked whether it is done.
pub(crate) fn asked_fault(
    task: TaskId,
    object: ObjectId,
    kind: Option<ObjectKind>,
) -> Option<Invalid> {
    match kind {
        None => Some(Invalid::NoObject { task, object }),
        Some(ObjectKind::Context) => None,
        Some(_) => Some(Invalid::Asked { task, object }),
    }
}

/// The kind of an object in a list sorted by id.
pub(crate) fn kind_of(objects: &[Object], id: ObjectId) -> Option<ObjectKind> {
    find_object(objects, id).map(|index| objects[index].kind())
}

pub(crate) fn find_object(objects: &[Object], id: ObjectId) -> Option<usize> {
    objects.binary_search_by_key(&id, |object| object.id).ok()
}

fn find_task(tasks: &[Task], id: TaskId) -> Option<&Task> {
    tasks.binary_search_by_key(&id, |task| task.id).ok().map(|index| &tasks[index])
}

/// The elements that are not above the one before them.
fn unsorted<T, K: Ord>(list: &[T], key: impl Fn(&T) -> K) -> impl Iterator<Item = &T> {
    list.windows(2).filter(move |pair| key(&pair[0]) >= key(&pair[1])).map(|pair| &pair[1])
}
