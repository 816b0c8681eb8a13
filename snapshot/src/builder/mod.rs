//! The one convenient way to make a snapshot by hand, for tests of whatever reads snapshots.
//!
//! Invariants:
//! 1. What [`SnapshotBuilder::build`] returns passes [`Snapshot::validate`].
//! 2. Ids count from 1 in the order of the calls, tasks and threads in one row; so the n-th task
//!    made is always `TaskId(n)`.
//! 3. Every function here panics on a mistake of the caller: an id that was not handed out, a
//!    place that is not `file:line`, a wait's time on a task that does not wait.
//!
//! ```
//! use gleak_snapshot::SnapshotBuilder;
//!
//! let mut b = SnapshotBuilder::new();
//! let jobs = b.channel("src/main.rs:5", Some(0));
//! let worker = b.task("src/main.rs:9", "app::worker").receives(jobs, "src/main.rs:20").id();
//! let snapshot = b.build();
//! assert_eq!(snapshot.tasks[0].id, worker);
//! ```

use crate::{
    Activity, Completeness, Endpoint, Header, HoldMode, KernelSleep, LastUse, Object, ObjectDetail,
    ObjectId, Owner, Region, RegionId, RegionKind, Site, SiteId, Snapshot, SpawnId, SpawnPoint,
    Target, Task, TaskId, TaskState, Thread, Touched, WaitOp, WaiterKind, Worker, WorkerId,
};

mod code;
mod lock_pair;
mod misuse;
mod task;

pub use task::TaskBuilder;

/// Makes a valid [`Snapshot`] step by step. For tests: it panics on misuse.
#[derive(Clone, Debug, Default)]
pub struct SnapshotBuilder {
    snapshot: Snapshot,
}

/// Each lock knows how many writers wait for it.
fn count_waiting_writers(snapshot: &mut Snapshot) {
    let arms = snapshot.tasks.iter().filter_map(|task| match &task.state {
        TaskState::Waiting(wait) => Some(&wait.arms),
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => None,
    });
    let wanted: Vec<ObjectId> = arms
        .flatten()
        .filter_map(|arm| match (arm.op, arm.on) {
            (WaitOp::Lock, Target::Object(id)) => Some(id),
            _ => None,
        })
        .collect();
    for object in &mut snapshot.objects {
        if let ObjectDetail::RwLock { waiting_writers, .. } = &mut object.detail {
            let seen = wanted.iter().filter(|id| **id == object.id).count() as u64;
            *waiting_writers = seen.max(*waiting_writers);
        }
    }
}

impl SnapshotBuilder {
    /// A process named `app` without tasks, in which nothing is known to be still.
    #[must_use]
    pub fn new() -> Self {
        let header = Header { program: "app".to_owned(), pid: 1, ..Header::default() };
        SnapshotBuilder { snapshot: Snapshot { header, ..Snapshot::default() } }
    }

    /// The snapshot. Moving tasks and unsettled objects are counted into its completeness, and
    /// waiting writers into their locks, unless a test has set more.
    ///
    /// # Panics
    ///
    /// When it is not valid; the message lists why.
    #[must_use]
    #[track_caller]
    pub fn build(self) -> Snapshot {
        let mut snapshot = self.snapshot;
        snapshot.count_unseen();
        count_waiting_writers(&mut snapshot);
        snapshot.lock_order.sort_by(|a, b| a.key().cmp(&b.key()));
        if let Err(faults) = snapshot.validate() {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            panic!("the snapshot is not valid: {}", faults.join("; "));
        }
        snapshot
    }

    // --- tasks ---

    /// Adds a task spawned at `site` with the type name `entry`, in the state
    /// [`TaskState::Runnable`].
    #[track_caller]
    pub fn task(&mut self, site: &str, entry: &str) -> TaskBuilder<'_> {
        let spawn = self.spawn(site, entry);
        self.waiter(WaiterKind::Task, Some(spawn), TaskState::Runnable)
    }

    /// Adds an outside thread, in the state [`TaskState::Running`].
    #[track_caller]
    pub fn thread(&mut self, name: &str) -> TaskBuilder<'_> {
        self.waiter(WaiterKind::Thread, None, TaskState::Running).name(name)
    }

    /// Goes on with a task or thread made before.
    ///
    /// # Panics
    ///
    /// When there is none of that id.
    #[track_caller]
    pub fn task_mut(&mut self, id: TaskId) -> TaskBuilder<'_> {
        let index = index_of(id.0, self.snapshot.tasks.len(), "task");
        TaskBuilder::new(self, index)
    }

    fn waiter(
        &mut self,
        kind: WaiterKind,
        spawn: Option<SpawnId>,
        state: TaskState,
    ) -> TaskBuilder<'_> {
        let index = self.snapshot.tasks.len();
        let task = Task::new(TaskId(next_id(index)), kind, state);
        self.snapshot.tasks.push(Task { spawn, ..task });
        TaskBuilder::new(self, index)
    }

    // --- regions ---

    /// Adds the region of a test, open. Change it with [`SnapshotBuilder::region_mut`].
    #[track_caller]
    pub fn region(&mut self, name: &str) -> RegionId {
        let id = RegionId(next_id(self.snapshot.regions.len()));
        let site = self.site("tests/main.rs:1");
        self.snapshot.regions.push(Region {
            id,
            kind: RegionKind::Test,
            name: name.to_owned(),
            site,
            closed: false,
            deferred: 0,
            unsettled: false,
        });
        id
    }

    /// A region, to change it.
    ///
    /// # Panics
    ///
    /// When there is none of that id.
    #[track_caller]
    pub fn region_mut(&mut self, id: RegionId) -> &mut Region {
        let index = index_of(id.0, self.snapshot.regions.len(), "region");
        &mut self.snapshot.regions[index]
    }

    // --- objects; all of them start as touched by everybody ---

    /// Adds an open, empty channel; no capacity means unbounded.
    #[track_caller]
    pub fn channel(&mut self, site: &str, capacity: Option<u64>) -> ObjectId {
        let (sender, receiver) = (Endpoint::default(), Endpoint::default());
        let detail = ObjectDetail::Channel { capacity, len: 0, closed: false, sender, receiver };
        self.object(site, detail)
    }

    /// Adds a mutex that nobody owns.
    #[track_caller]
    pub fn mutex(&mut self, site: &str) -> ObjectId {
        self.object(site, ObjectDetail::Mutex { owner: None, exact: true })
    }

    /// Adds a reader-writer lock that nobody owns or reads.
    #[track_caller]
    pub fn rwlock(&mut self, site: &str) -> ObjectId {
        self.object(
            site,
            ObjectDetail::RwLock {
                owner: None,
                readers: 0,
                waiting_writers: 0,
                reader: None,
                exact: true,
            },
        )
    }

    /// Adds a wait group.
    #[track_caller]
    pub fn wait_group(&mut self, site: &str, count: i64) -> ObjectId {
        self.object(site, ObjectDetail::WaitGroup { count, tokens: 0, loose: true })
    }

    /// Adds a socket whose other side has no address.
    #[track_caller]
    pub fn socket(&mut self, site: &str, descriptor: u32) -> ObjectId {
        self.object(site, ObjectDetail::Socket { descriptor, peer: None, listens: false })
    }

    /// Adds a condition variable that is used with `mutex`.
    #[track_caller]
    pub fn cond(&mut self, site: &str, mutex: ObjectId) -> ObjectId {
        self.object(site, ObjectDetail::Cond { mutex: Some(mutex), unheard: None })
    }

    /// Adds what is initialised once, and is not yet.
    #[track_caller]
    pub fn once(&mut self, site: &str) -> ObjectId {
        self.object(site, ObjectDetail::Once { owner: None, done: false })
    }

    /// Adds a semaphore that has all its permits.
    #[track_caller]
    pub fn semaphore(&mut self, site: &str, permits: u64) -> ObjectId {
        let detail = ObjectDetail::Semaphore { permits, available: permits, taken: None };
        self.object(site, detail)
    }

    /// Adds a barrier that nobody has come to.
    #[track_caller]
    pub fn barrier(&mut self, site: &str, size: u64) -> ObjectId {
        self.object(site, ObjectDetail::Barrier { size, arrived: 0 })
    }

    /// Adds a context that is not cancelled and has no deadline.
    #[track_caller]
    pub fn context(&mut self, site: &str) -> ObjectId {
        self.object(
            site,
            ObjectDetail::Context {
                cancelled: false,
                cancelled_ns: None,
                by: None,
                deadline_ns: None,
                parent: None,
            },
        )
    }

    /// Says that a context was cancelled.
    ///
    /// # Panics
    ///
    /// When `context` is none.
    #[track_caller]
    pub fn cancelled(&mut self, context: ObjectId, ns: u64, task: TaskId, site: &str) {
        let site = self.site(site);
        let ObjectDetail::Context { cancelled, cancelled_ns, by, .. } =
            &mut self.object_mut(context).detail
        else {
            panic!("{context} is no context");
        };
        (*cancelled, *cancelled_ns) = (true, Some(ns));
        *by = Some(LastUse { task, site });
    }

    /// An object, to change it.
    ///
    /// # Panics
    ///
    /// When there is none of that id.
    #[track_caller]
    pub fn object_mut(&mut self, id: ObjectId) -> &mut Object {
        let index = index_of(id.0, self.snapshot.objects.len(), "object");
        &mut self.snapshot.objects[index]
    }

    #[track_caller]
    fn object(&mut self, site: &str, detail: ObjectDetail) -> ObjectId {
        let id = ObjectId(next_id(self.snapshot.objects.len()));
        let site = self.site(site);
        self.snapshot.objects.push(Object {
            id,
            site,
            name: None,
            touched: Touched::Shared,
            unsettled: false,
            detail,
        });
        id
    }

    // --- who holds what: both sides of the fact are written ---

    /// Makes a living task the owner of a mutex, reader-writer lock or once and notes it in its
    /// holds.
    ///
    /// # Panics
    ///
    /// When `lock` is no lock or has an owner already.
    #[track_caller]
    pub fn owns(&mut self, lock: ObjectId, task: TaskId, site: &str, since_ns: u64) {
        let site = self.site(site);
        self.set_owner(lock, Owner { task, site, since_ns, alive: true });
        self.task_mut(task).holds(lock, HoldMode::Exclusive);
    }

    /// Makes a task that has finished, and so is not in the snapshot, the owner of a lock.
    ///
    /// # Panics
    ///
    /// When `lock` is no lock or has an owner already.
    #[track_caller]
    pub fn owned_by_finished(&mut self, lock: ObjectId, task: TaskId, site: &str, since_ns: u64) {
        let site = self.site(site);
        self.set_owner(lock, Owner { task, site, since_ns, alive: false });
    }

    /// Adds a task to the readers of a reader-writer lock and notes it in its holds.
    ///
    /// # Panics
    ///
    /// When `lock` is no reader-writer lock.
    #[track_caller]
    pub fn reads(&mut self, lock: ObjectId, task: TaskId) {
        let ObjectDetail::RwLock { readers, .. } = &mut self.object_mut(lock).detail else {
            panic!("{lock} is no reader-writer lock");
        };
        *readers += 1;
        self.task_mut(task).holds(lock, HoldMode::Shared);
    }

    #[track_caller]
    fn set_owner(&mut self, lock: ObjectId, by: Owner) {
        let object = self.object_mut(lock);
        let (ObjectDetail::Mutex { owner, .. }
        | ObjectDetail::RwLock { owner, .. }
        | ObjectDetail::Once { owner, .. }) = &mut object.detail
        else {
            panic!("{lock} is no lock");
        };
        assert!(owner.is_none(), "{lock} has an owner already");
        *owner = Some(by);
    }

    // --- workers: both sides of the fact are written ---

    /// Adds a worker, numbered from 0, that sleeps.
    pub fn worker(&mut self) -> WorkerId {
        let index = self.snapshot.workers.len();
        let id = WorkerId(u32::try_from(index).expect("fewer than 2^32 workers"));
        self.snapshot.workers.push(Worker { id, running: None, held_since_ns: None, sleeps: None });
        id
    }

    /// Puts a task, which has started there, onto a worker. Its state stays as it is.
    ///
    /// # Panics
    ///
    /// When there is no such worker or task.
    #[track_caller]
    pub fn runs(&mut self, worker: WorkerId, task: TaskId) {
        self.task_mut(task).started_on(worker);
        self.worker_mut(worker).running = Some(task);
    }

    /// Says that a task has not left a worker since then.
    ///
    /// # Panics
    ///
    /// When there is no such worker or task.
    #[track_caller]
    pub fn held(&mut self, worker: WorkerId, task: TaskId, since_ns: u64) {
        self.runs(worker, task);
        self.worker_mut(worker).held_since_ns = Some(since_ns);
    }

    /// Says that the worker's thread sleeps in the kernel.
    ///
    /// # Panics
    ///
    /// When there is no such worker.
    #[track_caller]
    pub fn sleeps_in_kernel(&mut self, worker: WorkerId, sleep: KernelSleep) {
        self.worker_mut(worker).sleeps = Some(sleep);
    }

    #[track_caller]
    fn worker_mut(&mut self, id: WorkerId) -> &mut Worker {
        let known = self.snapshot.workers.get_mut(id.0 as usize);
        known.unwrap_or_else(|| panic!("no {id} was made"))
    }

    // --- the process around the tasks ---

    /// When the snapshot was taken.
    pub fn taken_at(&mut self, ns: u64) -> &mut Self {
        self.snapshot.header.taken_ns = ns;
        self
    }

    /// Says that nothing moved while the snapshot was taken and that all threads are known.
    pub fn still(&mut self) -> &mut Self {
        self.snapshot.activity.still = true;
        self.snapshot.activity.threads_known = true;
        self
    }

    /// Adds an OS thread that could act although it does not wait in the runtime.
    pub fn thread_outside(&mut self, tid: u32, name: &str) -> &mut Self {
        self.snapshot.activity.threads.push(Thread { tid, name: name.to_owned() });
        self
    }

    /// How many waits a timer will end.
    pub fn timers(&mut self, count: u64) -> &mut Self {
        self.snapshot.activity.timers = count;
        self
    }

    /// The header, to change it.
    pub fn header_mut(&mut self) -> &mut Header {
        &mut self.snapshot.header
    }

    /// The activity, to change it.
    pub fn activity_mut(&mut self) -> &mut Activity {
        &mut self.snapshot.activity
    }

    /// The completeness, to change it.
    pub fn completeness_mut(&mut self) -> &mut Completeness {
        &mut self.snapshot.completeness
    }

    // --- interning ---

    /// The id of a place, `file:line` or `file:line:column`, for fields that are set by hand.
    ///
    /// # Panics
    ///
    /// When the text is neither.
    #[track_caller]
    pub fn site(&mut self, place: &str) -> SiteId {
        let site = parse_site(place);
        let known = self.snapshot.sites.iter().position(|s| *s == site);
        let index = known.unwrap_or_else(|| {
            self.snapshot.sites.push(site);
            self.snapshot.sites.len() - 1
        });
        SiteId(u32::try_from(index).expect("fewer than 2^32 sites"))
    }

    #[track_caller]
    fn spawn(&mut self, site: &str, entry: &str) -> SpawnId {
        let spawn = SpawnPoint { site: self.site(site), entry: entry.to_owned() };
        let known = self.snapshot.spawns.iter().position(|s| *s == spawn);
        let index = known.unwrap_or_else(|| {
            self.snapshot.spawns.push(spawn);
            self.snapshot.spawns.len() - 1
        });
        SpawnId(u32::try_from(index).expect("fewer than 2^32 spawn points"))
    }
}

fn next_id(len: usize) -> u64 {
    len as u64 + 1
}

/// Ids count from 1 without gaps, so a list's index follows from the id.
#[track_caller]
fn index_of(id: u64, len: usize, what: &str) -> usize {
    match usize::try_from(id) {
        Ok(id) if (1..=len).contains(&id) => id - 1,
        Ok(_) | Err(_) => panic!("no {what} {id} was made"),
    }
}

#[track_caller]
fn parse_site(place: &str) -> Site {
    let fail = || -> ! { panic!("a place is file:line or file:line:column, not {place:?}") };
    let Some((head, last)) = place.rsplit_once(':') else { fail() };
    let Ok(last) = last.parse::<u32>() else { fail() };
    let with_column =
        head.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse::<u32>().ok()?)));
    match with_column {
        Some((file, line)) => Site { file: file.to_owned(), line, column: last },
        None => Site { file: head.to_owned(), line: last, column: 1 },
    }
}
