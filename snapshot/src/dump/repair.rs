//! Putting the lines of a file together, and weakening what refers to something lost.
//!
//! A whole file passes through unchanged. Else, for each thing lost:
//!
//! | lost | what referred to it |
//! |---|---|
//! | a site, a spawn point, a module, a frame | names a placeholder `<lost>` |
//! | a stack | a task has none, and one more stack was not had |
//! | a region | a task of it is charged to none, an object of it counts as shared |
//! | an object | an arm on it becomes an unlisted arm, a hold of it is dropped |
//! | a task | a lock it owns is unsettled |
//! | a part of a pair of locks | a pair that cannot be is dropped |
//!
//! A wait that cannot be (wrong arms, a sleep without end) gets an unlisted arm, and a lock on whose
//! owner the records disagree is unsettled. All of it takes certainty away: an unlisted arm may be
//! served by anybody, an unsettled owner is not known, and a shared object may be used by all.
//!
//! Invariants:
//! 1. The result passes [`Snapshot::validate`].
//! 2. A snapshot that was changed here has a completeness that is not clean.

use std::collections::BTreeSet;

use super::code::Code;
use super::collect::Collected;
use super::intern::{Interned, LOST, sort_unique};
use super::line::{HeaderLine, LineCounts};
use crate::validate::{
    MAX_ANCESTRY, arm_fault, asked_fault, find_object, hold_fault, kind_of, lock_faults,
    running_fault, well_shaped, worker_fault,
};
use crate::{
    Completeness, LockPair, MisuseFact, Object, ObjectDetail, ObjectId, PanicFact, Region,
    RegionId, Site, SiteId, Snapshot, SpawnId, SpawnPoint, Task, TaskState, Touched, Wait,
    WaitReason, WaiterKind, Worker, WorkerId,
};

pub(super) fn assemble(file: Collected) -> Snapshot {
    let (sites, double_sites) = Interned::new(file.sites);
    let (spawns, double_spawns) = Interned::new(file.spawns);
    let code = Code::new(file.modules, file.frames, file.stacks);
    let (mut regions, mut objects, mut tasks) = (file.regions, file.objects, file.tasks);
    let (mut workers, mut lock_order) = (file.workers, file.lock_order);
    let (mut panics, mut misuses) = (file.panics, file.misuses);
    let doubles = double_sites
        + double_spawns
        + code.doubles
        + sort_unique(&mut regions, |region| region.id)
        + sort_unique(&mut objects, |object| object.id)
        + sort_unique(&mut workers, |worker| worker.id)
        + sort_unique(&mut tasks, |task| task.id)
        + sort_pairs(&mut lock_order)
        + drop_double_events(&mut panics, &mut misuses);
    let found = LineCounts {
        site: sites.found(),
        spawn: spawns.found(),
        region: regions.len() as u64,
        object: objects.len() as u64,
        worker: workers.len() as u64,
        task: tasks.len() as u64,
        lock_pair: lock_order.len() as u64,
        panic: panics.len() as u64,
        misuse: misuses.len() as u64,
        activity: u64::from(file.activity.is_some()),
        ..code.found()
    };

    let mut mender = Mender::new(sites, spawns, code);
    mender.spawns();
    mender.changed += mender.code.mend();
    mender.regions(&mut regions);
    mender.learn(&regions, &workers);
    mender.records(&mut objects, &mut tasks, &mut workers);
    mender.lock_order(&mut lock_order);
    mender.events(&mut panics, &mut misuses);

    let header = file.header.unwrap_or_else(|| HeaderLine::lost(file.end.as_ref()));
    let end_lines = file.end.as_ref().map(|end| end.lines).unwrap_or_default();
    let losses = Losses {
        cut: file.end.is_none(),
        damaged: file.damaged + doubles,
        unknown: file.unknown,
        changed: mender.changed,
        stacks: mender.code.lost_stacks,
        expected: header.lines.max(end_lines),
        found,
    };
    let mut snapshot = Snapshot {
        completeness: losses.added_to(header.completeness),
        header: header.into_header(),
        sites: mender.sites.into_values(),
        spawns: mender.spawns.into_values(),
        modules: mender.code.modules.into_values(),
        frames: mender.code.frames.into_values(),
        stacks: mender.code.stacks.into_values(),
        regions,
        objects,
        workers,
        tasks,
        lock_order,
        panics,
        misuses,
        activity: file.activity.unwrap_or_default(),
    };
    snapshot.count_unseen();
    snapshot
}

/// Both keep the order of the file. A task panics once, and a writer puts misuses that are alike together.
fn drop_double_events(panics: &mut Vec<PanicFact>, misuses: &mut Vec<MisuseFact>) -> u64 {
    let before = panics.len() + misuses.len();
    let mut seen = BTreeSet::new();
    panics.retain(|panic| seen.insert(panic.task));
    let mut seen = BTreeSet::new();
    misuses.retain(|it| {
        let other = it.other.map(|other| (other.task, other.site));
        let object = it.object.as_ref().map(|object| object.id);
        seen.insert((it.kind, it.task, it.region, it.site, other, object))
    });
    (before - panics.len() - misuses.len()) as u64
}

fn sort_pairs(pairs: &mut Vec<LockPair>) -> u64 {
    let before = pairs.len();
    pairs.sort_by(|a, b| a.key().cmp(&b.key()));
    pairs.dedup_by(|a, b| a.key() == b.key());
    (before - pairs.len()) as u64
}

/// What this file lost, as opposed to what its writer had not seen.
struct Losses {
    cut: bool,
    damaged: u64,
    unknown: u64,
    changed: u64,
    stacks: u64,
    expected: LineCounts,
    found: LineCounts,
}

impl Losses {
    fn added_to(&self, seen: Completeness) -> Completeness {
        let missing_tasks = self.expected.task.saturating_sub(self.found.task);
        let missing = self.expected.missing_but_tasks(self.found);
        let mut damaged = self.damaged;
        // Lines that were taken out whole leave no damage, only a count that does not fit or a
        // reference that dangles. They are told where nothing else tells that the file is not
        // what it was.
        if !self.cut && damaged == 0 && self.unknown == 0 {
            let told = missing_tasks > 0;
            damaged = if told { missing } else { missing.max(self.changed) };
        }
        Completeness {
            lost_stacks: seen.lost_stacks.saturating_add(self.stacks),
            missing_tasks: seen.missing_tasks.saturating_add(missing_tasks),
            cut: seen.cut || self.cut,
            damaged_lines: seen.damaged_lines.saturating_add(damaged),
            unknown_lines: seen.unknown_lines.saturating_add(self.unknown),
            ..seen
        }
    }
}

/// Repairs records one by one; counts those that it had to change.
struct Mender {
    sites: Interned<Site>,
    spawns: Interned<SpawnPoint>,
    code: Code,
    /// Sorted.
    regions: Vec<RegionId>,
    /// Sorted.
    workers: Vec<WorkerId>,
    changed: u64,
}

impl Mender {
    fn new(sites: Interned<Site>, spawns: Interned<SpawnPoint>, code: Code) -> Self {
        Mender { sites, spawns, code, regions: Vec::new(), workers: Vec::new(), changed: 0 }
    }

    /// What the others may name.
    fn learn(&mut self, regions: &[Region], workers: &[Worker]) {
        self.regions = regions.iter().map(|region| region.id).collect();
        self.workers = workers.iter().map(|worker| worker.id).collect();
    }

    /// Resolves a site; says whether it was there.
    fn site(&mut self, site: &mut SiteId) -> bool {
        resolve_site(&mut self.sites, site)
    }

    fn spawn(&mut self, spawn: &mut SpawnId) -> bool {
        let index = self.spawns.index(spawn.0);
        *spawn = index.map_or_else(|| self.lost_spawn(), SpawnId);
        index.is_some()
    }

    fn lost_spawn(&mut self) -> SpawnId {
        let Mender { sites, spawns, .. } = self;
        SpawnId(
            spawns.placeholder(|| SpawnPoint { site: lost_site(sites), entry: LOST.to_owned() }),
        )
    }

    fn known(&self, region: RegionId) -> bool {
        self.regions.binary_search(&region).is_ok()
    }

    fn count(&mut self, whole: bool) {
        self.changed += u64::from(!whole);
    }

    fn spawns(&mut self) {
        let Mender { sites, spawns, changed, .. } = self;
        for point in spawns.values_mut() {
            *changed += u64::from(!resolve_site(sites, &mut point.site));
        }
    }

    fn regions(&mut self, regions: &mut [Region]) {
        for region in regions {
            let whole = self.site(&mut region.site);
            self.count(whole);
        }
    }

    fn object(&mut self, object: &mut Object) {
        let mut whole = self.site(&mut object.site);
        match object.touched {
            Touched::Only(region) if !self.known(region) => {
                object.touched = Touched::Shared;
                whole = false;
            }
            Touched::Only(_) | Touched::Shared => {}
        }
        match &mut object.detail {
            ObjectDetail::Channel { sender, receiver, .. } => {
                for last in [&mut sender.last, &mut receiver.last].into_iter().flatten() {
                    whole &= self.site(&mut last.site);
                }
            }
            ObjectDetail::RwLock { owner, reader, .. } => {
                if let Some(owner) = owner {
                    whole &= self.site(&mut owner.site);
                }
                if let Some(reader) = reader {
                    whole &= self.site(&mut reader.site);
                }
            }
            ObjectDetail::Mutex { owner, .. } | ObjectDetail::Once { owner, .. } => {
                if let Some(owner) = owner {
                    whole &= self.site(&mut owner.site);
                }
            }
            ObjectDetail::Semaphore { taken, .. } => {
                if let Some(taken) = taken {
                    whole &= self.site(&mut taken.site);
                }
            }
            ObjectDetail::Context { cancelled, cancelled_ns, by, .. } => {
                if let Some(by) = by {
                    whole &= self.site(&mut by.site);
                }
                if !*cancelled && (cancelled_ns.take().is_some() | by.take().is_some()) {
                    whole = false;
                }
            }
            ObjectDetail::Socket { peer, listens, .. } => {
                if *listens && peer.take().is_some() {
                    whole = false;
                }
            }
            ObjectDetail::Cond { unheard, .. } => {
                if let Some(unheard) = unheard {
                    whole &= self.site(&mut unheard.by.site);
                }
            }
            ObjectDetail::WaitGroup { .. } | ObjectDetail::Barrier { .. } => {}
        }
        self.count(whole);
    }

    fn task(&mut self, task: &mut Task, objects: &[Object]) {
        let mut whole = self.origin(task);
        if task.region.is_some_and(|region| !self.known(region)) {
            task.region = None;
            whole = false;
        }
        for stack in [&mut task.backtrace, &mut task.spawn_backtrace] {
            whole &= self.code.stack(stack);
        }
        let by = task.id;
        if worker_fault(task, |worker| self.workers.binary_search(&worker).is_ok()).is_some() {
            task.worker = None;
            whole = false;
        }
        if !task.labels.is_sorted_by(|a, b| a.0 <= b.0) {
            task.labels.sort();
            whole = false;
        }
        let holds = task.holds.len();
        task.holds.retain(|hold| hold_fault(by, *hold, kind_of(objects, hold.object)).is_none());
        whole &= task.holds.len() == holds;
        let asks = |it: &ObjectId| asked_fault(by, *it, kind_of(objects, *it)).is_none();
        whole &= task.asked.as_ref().is_none_or(asks);
        task.asked = task.asked.filter(asks);
        if let TaskState::Waiting(wait) = &mut task.state {
            whole &= self.site(&mut wait.site);
            let arms = wait.arms.len();
            let reason = wait.reason;
            wait.arms
                .retain(|arm| arm_fault(by, reason, *arm, |id| kind_of(objects, id)).is_none());
            whole &= wait.arms.len() == arms;
            unlist(wait, arms - wait.arms.len());
            if wait.wanted.is_some() && wait.reason != WaitReason::Semaphore {
                wait.wanted = None;
                whole = false;
            }
            if !well_shaped(wait) {
                let arms = wait.arms.len();
                wait.arms.clear();
                unlist(wait, arms.max(1));
                whole = false;
            }
        }
        self.count(whole);
    }

    /// The spawn points of a task, which every task has, and of a thread, which may have.
    fn origin(&mut self, task: &mut Task) -> bool {
        let mut whole = true;
        match (task.kind, &mut task.spawn) {
            (WaiterKind::Task | WaiterKind::Thread, Some(spawn)) => whole &= self.spawn(spawn),
            (WaiterKind::Thread, None) => {}
            (WaiterKind::Task, None) => {
                task.spawn = Some(self.lost_spawn());
                whole = false;
            }
        }
        whole &= task.ancestry.len() <= MAX_ANCESTRY;
        task.ancestry.truncate(MAX_ANCESTRY);
        for spawn in &mut task.ancestry {
            whole &= self.spawn(spawn);
        }
        whole
    }

    /// What is said of a task that is not on this worker is said of nobody.
    fn worker(&mut self, worker: &mut Worker, tasks: &[Task]) {
        let whole = running_fault(worker, tasks).is_none();
        if !whole {
            *worker = Worker { running: None, held_since_ns: None, sleeps: None, ..*worker };
        }
        self.count(whole);
    }

    /// What lives, each by what it names.
    fn records(&mut self, objects: &mut [Object], tasks: &mut [Task], workers: &mut [Worker]) {
        objects.iter_mut().for_each(|object| self.object(object));
        tasks.iter_mut().for_each(|task| self.task(task, objects));
        workers.iter_mut().for_each(|worker| self.worker(worker, tasks));
        self.locks(objects, tasks);
    }

    fn events(&mut self, panics: &mut [PanicFact], misuses: &mut [MisuseFact]) {
        panics.iter_mut().for_each(|panic| self.panic(panic));
        misuses.iter_mut().for_each(|misuse| self.misuse(misuse));
    }

    /// Fewer pairs make fewer circles.
    fn lock_order(&mut self, pairs: &mut Vec<LockPair>) {
        let before = pairs.len();
        pairs.retain(LockPair::is_sound);
        self.changed += (before - pairs.len()) as u64;
        for pair in pairs {
            let mut whole = self.site(&mut pair.held.site) & self.site(&mut pair.wanted.site);
            for witness in &mut pair.witnesses {
                whole &= self.site(&mut witness.held_at) & self.site(&mut witness.wanted_at);
                if let Some(spawn) = &mut witness.spawn {
                    whole &= self.spawn(spawn);
                }
                if witness.region.is_some_and(|region| !self.known(region)) {
                    witness.region = None;
                    whole = false;
                }
                whole &= self.code.stack(&mut witness.stack);
            }
            self.count(whole);
        }
    }

    fn panic(&mut self, panic: &mut PanicFact) {
        let mut whole = self.spawn(&mut panic.spawn);
        if let Some(site) = &mut panic.site {
            whole &= self.site(site);
        }
        if panic.region.is_some_and(|region| !self.known(region)) {
            panic.region = None;
            whole = false;
        }
        self.count(whole);
    }

    fn misuse(&mut self, misuse: &mut MisuseFact) {
        let mut whole = true;
        if let Some(spawn) = &mut misuse.spawn {
            whole &= self.spawn(spawn);
        }
        let object = misuse.object.as_mut().map(|object| &mut object.site);
        let other = misuse.other.as_mut().map(|other| &mut other.site);
        for site in [misuse.site.as_mut(), object, other].into_iter().flatten() {
            whole &= self.site(site);
        }
        if misuse.region.is_some_and(|region| !self.known(region)) {
            misuse.region = None;
            whole = false;
        }
        self.count(whole);
    }

    fn locks(&mut self, objects: &mut [Object], tasks: &[Task]) {
        for (lock, _) in lock_faults(objects, tasks) {
            if let Some(index) = find_object(objects, lock) {
                // One lock may show several faults.
                self.count(objects[index].unsettled);
                objects[index].unsettled = true;
            }
        }
    }
}

fn resolve_site(sites: &mut Interned<Site>, site: &mut SiteId) -> bool {
    let index = sites.index(site.0);
    *site = index.map_or_else(|| lost_site(sites), SiteId);
    index.is_some()
}

fn lost_site(sites: &mut Interned<Site>) -> SiteId {
    SiteId(sites.placeholder(|| Site { file: LOST.to_owned(), line: 0, column: 0 }))
}

/// Says of a wait that so many of its arms are not known.
fn unlist(wait: &mut Wait, arms: usize) {
    let arms = u32::try_from(arms).unwrap_or(u32::MAX);
    wait.unlisted_arms = wait.unlisted_arms.saturating_add(arms);
}
