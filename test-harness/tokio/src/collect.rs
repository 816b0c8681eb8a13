//! A snapshot of what the records say: every one is read twice, and a wait or an owner counts only if it is
//! the same both times.
//!
//! Between the two reads of the objects all waits and owners that count existed at one moment: a task's
//! version changes when it is polled, and only who is polled waits, locks or gives back.
//!
//! Invariants:
//! 1. What could wake a task is never understated: what is not known is an arm that is not listed.
//! 2. One snapshot is taken at a time, since looking takes a handle on each record for a moment.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use crate::object::{Facts, Had, Object};
use crate::region::{self, Region};
use crate::site::{self, Place};
use crate::snapshot::{
    Arm, COUNTED, Completeness, Counters, Coverage, Endpoint, Header, Hold, HoldMode, LastUse,
    ObjectDetail, ObjectId, Owner, PanicFact, Reason, RegionId, Site, SiteId, Snapshot, SpawnId,
    SpawnPoint, TaskId, TaskState, Tenure, Touched, Wait, WaitReason, WaiterKind,
};
use crate::task::{Hooked, Kin, Kind, On, Origin, Pending, Seen, Task};
use crate::{clock, hooks, ledger, snapshot as facts};

/// Tasks that a runtime of a region's own counts and nobody has wrapped: so many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted<'r> {
    pub(crate) region: &'r Region,
    pub(crate) tasks: u64,
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Takes a snapshot: all tasks that were spawned by this crate, and what they wait for.
#[must_use]
pub fn look() -> Snapshot {
    collect(Reason::Request, None)
}

/// As [`look`], with what was only counted.
pub(crate) fn collect(reason: Reason, counted: Option<Counted<'_>>) -> Snapshot {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let look = Look::take();
    let mut draft = Draft::default();
    draft.snapshot.header = header(reason);
    let listed: HashMap<u64, usize> =
        look.tasks.iter().enumerate().map(|(at, (task, ..))| (task.id, at)).collect();
    for (region, unsettled) in &look.regions {
        draft.region(region, *unsettled);
    }
    for (task, seen, settled) in &look.tasks {
        draft.task(task, seen, *settled, &look);
    }
    for (object, state, settled) in look.objects.values() {
        draft.object(object, state, *settled, &listed);
    }
    if let Some(Counted { region, tasks }) = counted {
        (0..tasks).for_each(|_| draft.counted(region));
    }
    look.hooked.iter().for_each(|task| draft.hooked(task));
    draft.panics();
    draft.snapshot.completeness.coverage = Some(Coverage {
        wrapped: look.tasks.len() as u64,
        hooked: look.hooked.len() as u64,
        counted: counted.map(|it| it.tasks),
    });
    draft.finish()
}

fn header(reason: Reason) -> Header {
    let (spawned, finished) = ledger::counts();
    let program = std::env::current_exe().ok();
    let program = program.as_deref().and_then(|path| path.file_name());
    Header {
        program: program.map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        pid: std::process::id(),
        reason,
        taken_ns: clock::now_ns(),
        wall_s: clock::wall_s(),
        counters: Counters { spawned, finished },
        crash: None,
    }
}

/// How an object was, as far as the words change.
#[derive(Clone, PartialEq, Eq, Debug)]
struct State {
    had: Option<Had>,
    readers: Vec<u64>,
    writers: u64,
}

impl State {
    fn of(object: &Object) -> State {
        let readers = object.readers();
        State {
            had: object.ownership().map(|own| own.look()),
            readers: readers.map(|it| it.look()).unwrap_or_default(),
            writers: readers.map_or(0, |it| it.writers.load(std::sync::atomic::Ordering::SeqCst)),
        }
    }
}

/// Both reads, and what was the same in both.
struct Look {
    regions: Vec<(Arc<Region>, bool)>,
    tasks: Vec<(Arc<Task>, Seen, bool)>,
    hooked: Vec<Hooked>,
    objects: BTreeMap<u64, (Arc<Object>, State, bool)>,
}

impl Look {
    fn take() -> Look {
        let regions: Vec<_> = region::all().into_iter().map(|it| (it.changes(), it)).collect();
        let tasks = ledger::tasks();
        let first: Vec<Seen> = tasks.iter().map(|task| task.look(1)).collect();
        let mut objects = BTreeMap::new();
        for pending in first.iter().flat_map(|seen| &seen.pending) {
            if let On::Object(_, object) = &pending.what.on {
                objects.entry(object.id).or_insert_with(|| (Arc::clone(object), State::of(object)));
            }
        }
        let objects = objects.into_iter().map(|(id, (object, first))| {
            let second = State::of(&object);
            (id, (object, second.clone(), first == second))
        });
        let objects = objects.collect();
        let tasks = tasks.into_iter().zip(first).map(|(task, first)| {
            let second = task.look(1);
            let settled = is_same(&first, &second) && ledger::is_there(&task);
            let unseen = first.unseen || second.unseen;
            (task, Seen { unseen, woken: first.woken || second.woken, ..first }, settled)
        });
        let tasks = tasks.collect();
        let regions = regions
            .into_iter()
            .map(|(before, it)| (it.changes() != before, it))
            .map(|(b, it)| (it, b));
        Look { regions: regions.collect(), tasks, hooked: hooks::tasks(), objects }
    }

    fn task(&self, id: u64) -> Option<&Task> {
        let at = self.tasks.binary_search_by_key(&id, |(task, ..)| task.id).ok()?;
        Some(&self.tasks[at].0)
    }
}

fn is_same(first: &Seen, second: &Seen) -> bool {
    let key = |pending: &Pending| (pending.ticket, pending.reached);
    first.version == second.version
        && first.pending.iter().map(key).eq(second.pending.iter().map(key))
}

/// The snapshot, while it is put together.
#[derive(Default)]
struct Draft {
    snapshot: Snapshot,
    sites: HashMap<Site, SiteId>,
    spawns: HashMap<SpawnPoint, SpawnId>,
    /// Locks by who has them: since when, and how.
    holds: HashMap<u64, Vec<(u64, Hold)>>,
}

impl Draft {
    fn region(&mut self, region: &Region, unsettled: bool) {
        let own = facts::Region {
            id: RegionId(region.id),
            kind: region.kind,
            name: region.name.to_string(),
            site: self.site(region.site),
            closed: region.is_closed(),
            deferred: 0,
            unsettled,
        };
        self.snapshot.regions.push(own);
    }

    fn task(&mut self, task: &Task, seen: &Seen, settled: bool, look: &Look) {
        let above = task.ancestors.iter().flat_map(|line| line.iter());
        let ancestry = above.map(|origin| self.spawn(*origin)).collect();
        let state = self.state(task, seen, settled, look);
        let region = task.charged_to().map(|region| RegionId(region.id));
        let spawn = self.spawn(task.identity.origin);
        self.snapshot.tasks.push(facts::Task {
            parent: task.parent.map(TaskId),
            region: region.filter(|id| self.has_region(*id)),
            ancestry,
            name: task.identity.name().map(str::to_owned),
            labels: labels(task),
            tenure: tenure(task.identity.background),
            spawn: Some(spawn),
            ..facts::Task::new(TaskId(task.id), WaiterKind::Task, state)
        });
    }

    /// One that is alive and of which nothing else is known.
    fn counted(&mut self, region: &Region) {
        let origin = Origin { site: region.site, entry: COUNTED };
        let region = Some(RegionId(region.id));
        let task = self.alive(ledger::fresh_id(), origin);
        self.unknown(facts::Task { region, ..task });
    }

    /// One that is alive, whose place is known, and not what it does.
    fn hooked(&mut self, Hooked { id, origin, kin }: &Hooked) {
        let Kin { parent, ancestors, region, background } = kin;
        let above = ancestors.iter().flat_map(|line| line.iter());
        let ancestry = above.map(|origin| self.spawn(*origin)).collect();
        let region = region.as_ref().filter(|_| !background).map(|region| RegionId(region.id));
        let tenure = tenure(*background);
        let parent = parent.map(TaskId);
        let task = self.alive(*id, *origin);
        self.unknown(facts::Task { parent, region, ancestry, tenure, ..task });
    }

    fn alive(&mut self, id: u64, origin: Origin) -> facts::Task {
        let task = facts::Task::new(TaskId(id), WaiterKind::Task, TaskState::Moving);
        facts::Task { spawn: Some(self.spawn(origin)), ..task }
    }

    /// It may do anything, so nothing follows from all that its region's other tasks do.
    fn unknown(&mut self, mut task: facts::Task) {
        task.region = task.region.filter(|id| self.has_region(*id));
        let own = self.snapshot.regions.iter_mut().filter(|it| Some(it.id) == task.region);
        own.for_each(|region| region.unsettled = true);
        self.snapshot.tasks.push(task);
    }

    fn state(&mut self, task: &Task, seen: &Seen, settled: bool, look: &Look) -> TaskState {
        match (settled, seen.version) {
            (false, _) => TaskState::Moving,
            (true, 0) => TaskState::Fresh,
            (true, version) if version % 2 == 1 => TaskState::Running,
            (true, _) if seen.woken => TaskState::Runnable,
            (true, _) => TaskState::Waiting(self.wait(task, seen, look)),
        }
    }

    fn wait(&mut self, task: &Task, seen: &Seen, look: &Look) -> Wait {
        let mut doubts = u32::from(seen.unseen);
        let mut arms = Vec::new();
        let mut until_ns = None;
        for pending in &seen.pending {
            // What the last poll did not reach may wake the task, and nobody knows to what end.
            doubts += u32::from(pending.reached + 1 != seen.version);
            match &pending.what.on {
                On::Object(op, object) => arms.push(Arm::object(*op, ObjectId(object.id))),
                On::Task(id) => arms.push(Arm::task(TaskId(*id))),
                On::AnyTask(ids) => arms.extend(ids.iter().map(|id| Arm::task(TaskId(*id)))),
                On::Until(ns) => until_ns = Some(until_ns.map_or(*ns, |known: u64| known.min(*ns))),
            }
        }
        let aborted = |arm: &Arm| match arm.on {
            facts::Target::Task(id) => look
                .task(id.0)
                .is_some_and(|task| task.aborters().load(std::sync::atomic::Ordering::SeqCst) > 0),
            facts::Target::Object(_) | facts::Target::Never => false,
        };
        doubts += u32::from(arms.iter().any(aborted));
        let main = seen.pending.iter().min_by_key(|it| matches!(it.what.on, On::Until(_)));
        let reason = match (&arms[..], main, until_ns) {
            ([], _, Some(_)) if doubts == 0 => WaitReason::Sleep,
            ([], ..) | (_, None, _) => WaitReason::Future,
            ([_], Some(main), _) => main.what.reason,
            (_, Some(_), _) => WaitReason::Select,
        };
        let understood = reason != WaitReason::Future;
        let since_ns = seen.pending.iter().map(|it| it.since_ns).min();
        Wait {
            reason,
            unlisted_arms: if understood { doubts } else { 0 },
            arms,
            wanted: None,
            site: self.site(main.map_or(task.identity.origin.site, |it| it.what.site)),
            since_ns: since_ns.unwrap_or(seen.since_ns),
            until_ns,
            on_thread: false,
            registers: None,
        }
    }

    fn object(
        &mut self,
        object: &Object,
        state: &State,
        settled: bool,
        listed: &HashMap<u64, usize>,
    ) {
        let (owner, unsettled) = match state.had {
            Some(had) if had.owner != 0 => {
                let (known, live) = (listed.contains_key(&had.owner), ledger::is_live(had.owner));
                let site = self.site(site::place(had.place).unwrap_or(object.site));
                let owner = Owner {
                    task: TaskId(had.owner),
                    site,
                    since_ns: had.since_ns,
                    alive: known || live,
                };
                // It came while the snapshot was taken.
                (Some(owner), !settled || !known && live)
            }
            Some(_) | None => (None, !settled),
        };
        if let Some(owner) = owner {
            self.hold(owner.task.0, owner.since_ns, object, HoldMode::Exclusive);
        }
        for reader in &state.readers {
            self.hold(*reader, 0, object, HoldMode::Shared);
        }
        let exact = state.had.is_none_or(|had| had.exact);
        let detail = self.detail(object, state, owner, exact);
        let touched = match object.only().map(RegionId).filter(|id| self.has_region(*id)) {
            Some(region) => Touched::Only(region),
            None => Touched::Shared,
        };
        let (id, site) = (ObjectId(object.id), self.site(object.site));
        let own = facts::Object { id, site, name: None, touched, unsettled, detail };
        self.snapshot.objects.push(own);
    }

    fn hold(&mut self, task: u64, since_ns: u64, object: &Object, mode: HoldMode) {
        let hold = Hold { object: ObjectId(object.id), mode };
        self.holds.entry(task).or_default().push((since_ns, hold));
    }

    fn detail(
        &mut self,
        object: &Object,
        state: &State,
        owner: Option<Owner>,
        exact: bool,
    ) -> ObjectDetail {
        use std::sync::atomic::Ordering::SeqCst;
        match &object.facts {
            Facts::Mutex(_) => ObjectDetail::Mutex { owner, exact },
            Facts::RwLock(..) => ObjectDetail::RwLock {
                owner,
                readers: state.readers.len() as u64,
                waiting_writers: state.writers,
                reader: None,
                exact,
            },
            Facts::Channel(channel) => {
                let (senders, receivers) =
                    (channel.senders.load(SeqCst), channel.receivers.load(SeqCst));
                let len = u64::try_from(channel.len.load(SeqCst)).unwrap_or(0);
                ObjectDetail::Channel {
                    capacity: channel.capacity,
                    len: channel.capacity.map_or(len, |capacity| len.min(capacity)),
                    closed: channel.closed.load(SeqCst) || senders == 0 || receivers == 0,
                    sender: self.endpoint(senders, &channel.sent),
                    receiver: self.endpoint(receivers, &channel.received),
                }
            }
            Facts::Semaphore(semaphore) => {
                let available = semaphore.available.load(SeqCst);
                ObjectDetail::Semaphore {
                    permits: semaphore.permits.load(SeqCst),
                    available: u64::try_from(available).unwrap_or(0),
                    taken: self.last(&semaphore.taken),
                }
            }
            Facts::Notify => ObjectDetail::Cond { mutex: None, unheard: None },
        }
    }

    fn endpoint(&mut self, handles: u64, last: &crate::object::LastUse) -> Endpoint {
        Endpoint { handles: Some(handles), last: self.last(last) }
    }

    fn last(&mut self, last: &crate::object::LastUse) -> Option<LastUse> {
        let (task, place) = last.look()?;
        Some(LastUse { task: TaskId(task), site: self.site(place) })
    }

    fn panics(&mut self) {
        let (panics, dropped) = ledger::panics();
        self.snapshot.completeness.dropped_panics = dropped;
        for panic in panics {
            let region = panic.region.as_ref().map(|region| RegionId(region.id));
            let spawn = self.spawn(panic.origin);
            self.snapshot.panics.push(PanicFact {
                task: TaskId(panic.task),
                kind: WaiterKind::Task,
                name: panic.name,
                region: region.filter(|id| self.has_region(*id)),
                spawn,
                site: None,
                message: panic.message,
                stack: Vec::new(),
            });
        }
    }

    fn finish(self) -> Snapshot {
        let Draft { mut snapshot, mut holds, .. } = self;
        snapshot.tasks.sort_by_key(|task| task.id);
        for task in &mut snapshot.tasks {
            let mut own = holds.remove(&task.id.0).unwrap_or_default();
            own.sort_by_key(|(since_ns, hold)| (hold.mode, *since_ns));
            task.holds = own.into_iter().map(|(_, hold)| hold).collect();
        }
        let moving = snapshot.tasks.iter().filter(|it| it.state == TaskState::Moving).count();
        let unsettled = snapshot.objects.iter().filter(|it| it.unsettled).count();
        snapshot.completeness = Completeness {
            moving: moving as u64,
            unsettled_objects: unsettled as u64,
            ..snapshot.completeness
        };
        snapshot
    }

    fn has_region(&self, id: RegionId) -> bool {
        self.snapshot.regions.binary_search_by_key(&id, |region| region.id).is_ok()
    }

    fn site(&mut self, place: Place) -> SiteId {
        let site =
            Site { file: place.file().to_owned(), line: place.line(), column: place.column() };
        let fresh = SiteId(u32::try_from(self.snapshot.sites.len()).unwrap_or(u32::MAX));
        let known = *self.sites.entry(site.clone()).or_insert(fresh);
        if known == fresh {
            self.snapshot.sites.push(site);
        }
        known
    }

    fn spawn(&mut self, origin: Origin) -> SpawnId {
        let spawn = SpawnPoint { site: self.site(origin.site), entry: origin.entry.to_owned() };
        let fresh = SpawnId(u32::try_from(self.snapshot.spawns.len()).unwrap_or(u32::MAX));
        let known = *self.spawns.entry(spawn.clone()).or_insert(fresh);
        if known == fresh {
            self.snapshot.spawns.push(spawn);
        }
        known
    }
}

fn tenure(background: bool) -> Tenure {
    match background {
        true => Tenure::Background,
        false => Tenure::Ordinary,
    }
}

/// Its own, and what became of its handle.
fn labels(task: &Task) -> Vec<(String, String)> {
    let mut labels = task.identity.labels().to_vec();
    if task.is_detached() && task.identity.kind != Kind::Main {
        labels.push(("handle".to_owned(), "dropped".to_owned()));
        labels.sort();
    }
    labels
}
