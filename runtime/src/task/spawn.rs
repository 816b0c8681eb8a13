//! Spawning: from a closure to a queued task with a record.

use std::fmt;
use std::io;
use std::panic::Location;

use gleak_snapshot::WaiterKind;

use crate::flight;
use crate::lock::order;
use crate::machine::size::{Class, DEFAULT_BYTES};
use crate::machine::{stack, thread};
use crate::records::region::{self, REGIONS, RegionRecord};
use crate::records::state::State;
use crate::records::statics::{Entry, Site};
use crate::records::table::Ref;
use crate::records::tags::{self, Key, Labels, Tags};
use crate::records::waiter::{
    self, Birth, Current, INITIALISES, LABELLED, MAIN, ORDERED, SPAWNED, TAGGED, THREAD, Tenure,
    tenure_flag,
};
use crate::scheduler::runtime::{self, Runtime, RuntimeShared};
use crate::scheduler::worker::Worker;
use crate::scheduler::{activity, current};
use crate::sync::Ordering;
use crate::task::join::JoinHandle;
use crate::task::packet::{HandleSide, Info, TaskSide, packet};
use crate::task::spawn_stack;

/// A stack is at least as large as so many closures of its task: the unoptimised call of a box copies
/// it, and its frames need room as well.
const CLOSURES: usize = 6;
/// A closure above this part of the room stays in a box until it is called: on its way to the call it
/// is copied eleven times in an unoptimised build.
const BOXED_ABOVE: usize = 32;

/// Why a task could not be spawned.
#[derive(Debug)]
pub enum SpawnError {
    /// The runtime could not be started, or this is a forked child, where it does not exist.
    Runtime(io::Error),
    /// There is no room for another record: some 16 million tasks live.
    TooManyTasks,
    /// More than the largest stack was asked for.
    Stack(stack::StackError),
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpawnError::Runtime(error) => write!(f, "the runtime cannot start: {error}"),
            SpawnError::TooManyTasks => f.write_str("no room for another task"),
            SpawnError::Stack(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SpawnError {}

/// Runs `f` as a task of its own.
///
/// The task belongs to the runtime of the calling task, or to the process-wide one. It is charged
/// to the caller's region.
///
/// # Panics
/// When the runtime cannot be started or no record is left; [`Builder::spawn`] says so by `Err`.
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match plain(Location::caller(), f) {
        Ok(handle) => handle,
        Err(error) => panic!("cannot spawn a task: {error}"),
    }
}

/// As [`Builder::spawn`], without a builder: its settings are known where they are looked at.
fn plain<F, T>(site: Site, f: F) -> Result<JoinHandle<T>, SpawnError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let runtime = home()?;
    let register = |entry, bytes| register_plain(runtime, entry, site, bytes);
    let (info, size) = shape::<F>(None, None, register)?;
    Ok(queue(runtime, sides(info, size, f)))
}

#[inline(never)]
fn register_plain(
    runtime: &'static RuntimeShared,
    entry: &'static Entry,
    site: Site,
    stack_bytes: usize,
) -> Result<Info, SpawnError> {
    Builder::new().register(runtime, entry, site, stack_bytes)
}

/// The record of a task that will run an `F`, and whether that should be in a box.
#[inline]
fn shape<F>(
    stack_bytes: Option<usize>,
    entry: Option<&'static Entry>,
    register: impl FnOnce(&'static Entry, usize) -> Result<Info, SpawnError>,
) -> Result<(Info, Size), SpawnError> {
    thread::not_forked().map_err(SpawnError::Runtime)?;
    // Even from a box it moves onto the stack when it is called.
    let needed = size_of::<F>().saturating_mul(CLOSURES);
    let stack_bytes = stack_bytes.unwrap_or(DEFAULT_BYTES).max(needed);
    let too_large = stack::StackError::TooLarge { bytes: stack_bytes };
    let class = Class::of(stack_bytes).ok_or(SpawnError::Stack(too_large))?;
    let info = register(entry.unwrap_or_else(Entry::of::<F>), stack_bytes)?;
    let large = size_of::<F>() > class.room() / BOXED_ABOVE;
    Ok((info, if large { Size::Large } else { Size::Small }))
}

/// The two sides of its packet.
#[inline]
fn sides<F, T>(info: Info, size: Size, f: F) -> (TaskSide, HandleSide<T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match size {
        Size::Small => packet(info, f),
        Size::Large => {
            let boxed: Box<dyn FnOnce() -> T + Send> = Box::new(f);
            packet(info, boxed)
        }
    }
}

/// Runs `f` as a task that may outlive the test or guard that it is spawned in: a cache that is
/// filled, a connection that is kept. It is not charged to them, but to the call of [`run`](crate::run)
/// around them, or to nothing; nor is what it spawns. See [`Builder::background`].
///
/// # Panics
/// As [`spawn`].
#[track_caller]
pub fn spawn_background<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match Builder::new().background().spawn(f) {
        Ok(handle) => handle,
        Err(error) => panic!("cannot spawn a task: {error}"),
    }
}

/// Runs `f` as a task that serves the process for as long as it lives: on the process-wide runtime,
/// charged to nobody, and so is what it spawns. See [`Builder::daemon`].
///
/// # Panics
/// As [`spawn`].
#[track_caller]
pub fn spawn_daemon<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match Builder::new().daemon().spawn(f) {
        Ok(handle) => handle,
        Err(error) => panic!("cannot spawn a task: {error}"),
    }
}

/// A task's settings: name, labels, stack, and how long it may live.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Builder {
    name: Option<String>,
    labels: Vec<(String, String)>,
    stack_bytes: Option<usize>,
    main: bool,
    tenure: Tenure,
    region: Option<Ref>,
    /// From somebody else than who spawns it. In a box: it is rare, and builders are moved about.
    heritage: Option<Box<Heritage>>,
    /// Where the closure only wraps what the program wants to run.
    entry: Option<&'static Entry>,
    /// Where it counts as spawned, if not where that is called.
    place: Option<Site>,
    /// Its spawner waits for its end.
    scoped: bool,
}

impl Builder {
    /// No name, no labels, a stack of 256 KiB.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Charges the task to this region instead of the spawner's.
    pub(crate) fn in_region(mut self, region: Option<Ref>) -> Builder {
        self.region = region;
        self
    }

    /// It inherits from who had this, instead of from who spawns it.
    pub(crate) fn heir(mut self, heritage: &Heritage) -> Builder {
        self.heritage = Some(Box::new(heritage.clone()));
        self
    }

    /// Marks it as the main task of a run.
    pub(crate) fn main(mut self) -> Builder {
        self.main = true;
        self
    }

    /// Says that its closure only wraps an `F`, which is what reports name as its entry: for libraries
    /// that spawn what they were given.
    pub fn wrapping<F>(mut self) -> Builder {
        self.entry = Some(Entry::of::<F>());
        self
    }

    /// Where reports say that it was spawned, instead of where [`spawn`](Builder::spawn) is called: for
    /// libraries that spawn later what they were given there.
    pub fn placed(mut self, place: &'static Location<'static>) -> Builder {
        self.place = Some(place);
        self
    }

    /// Says that its spawner waits for its end.
    pub(crate) fn scoped(mut self) -> Builder {
        self.scoped = true;
        self
    }

    /// What it runs on behalf of the program, where the closure only wraps that.
    pub(crate) fn entry(mut self, entry: &'static Entry) -> Builder {
        self.entry = Some(entry);
        self
    }

    /// The task may outlive the test or guard that it is spawned in, and is charged to the call of
    /// [`run`](crate::run) around them, or to nothing. So are the tasks that it spawns.
    pub fn background(mut self) -> Builder {
        self.tenure = Tenure::Background;
        self
    }

    /// The task serves the process: it is charged to nobody, keeps neither [`run`](crate::run) nor a
    /// test from ending, and may wait for ever. [`spawn`](Builder::spawn) puts it on the process-wide
    /// runtime. The tasks that it spawns are daemons as well, unless it has entered a region.
    ///
    /// That it waits is no finding. Daemons that wait for each other in a circle are one.
    pub fn daemon(mut self) -> Builder {
        self.tenure = Tenure::Daemon;
        self
    }

    /// A name for reports. It is the task's own: its children do not inherit it.
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.name = Some(name.into());
        self
    }

    /// A label for reports; a later one of the same key wins. The task's children inherit it, as
    /// goroutines do pprof's labels, and theirs: a child's own label wins over an inherited one.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Builder {
        let key = key.into();
        self.labels.retain(|(known, _)| *known != key);
        self.labels.push((key, value.into()));
        self.labels.sort();
        self
    }

    /// The size of its stack in bytes: rounded up to a power of two from 16 KiB to 1 GiB, and to six
    /// times the size of its closure. The default is 256 KiB.
    ///
    /// The guard is inside: a quarter of the stack, 16 KiB at most. So the smallest has 12 KiB for
    /// frames, which is for many tasks of few frames in optimised builds: formatting a message may
    /// take 4 KiB, a panic that prints its stack 24 KiB. Only pages that a task touches take memory,
    /// so a large stack costs address space. A task that runs over the end ends the process with a
    /// message that names it.
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.stack_bytes = Some(bytes);
        self
    }

    /// Runs `f` as a task with these settings.
    ///
    /// # Errors
    /// [`SpawnError`].
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let runtime = match self.tenure {
            Tenure::Ordinary | Tenure::Background => home()?,
            Tenure::Daemon => runtime::global().map_err(SpawnError::Runtime)?,
        };
        self.spawn_on(runtime, Location::caller(), f)
    }

    /// Runs `f` as a task of a private runtime.
    ///
    /// # Errors
    /// [`SpawnError`].
    #[track_caller]
    pub fn spawn_in<F, T>(self, runtime: &Runtime, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_on(runtime.shared, Location::caller(), f)
    }

    pub(crate) fn spawn_on<F, T>(
        self,
        runtime: &'static RuntimeShared,
        site: Site,
        f: F,
    ) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let site = self.place.unwrap_or(site);
        let (info, size) = self.prepare::<F>(runtime, site)?;
        Ok(queue(runtime, sides(info, size, f)))
    }

    /// The record of a task that will run an `F`, and whether that should be in a box.
    pub(crate) fn prepare<F>(
        self,
        runtime: &'static RuntimeShared,
        site: Site,
    ) -> Result<(Info, Size), SpawnError> {
        shape::<F>(self.stack_bytes, self.entry, |entry, stack_bytes| {
            self.register(runtime, entry, site, stack_bytes)
        })
    }

    /// The record, complete before anybody can see the task run.
    #[inline]
    fn register(
        self,
        runtime: &'static RuntimeShared,
        entry: &'static Entry,
        site: Site,
        stack_bytes: usize,
    ) -> Result<Info, SpawnError> {
        let worker = current::worker();
        let parent = worker.and_then(Worker::current);
        let caller = parent.or_else(current::outside_caller);
        let heritage = match &self.heritage {
            Some(heritage) => Heritage::clone(heritage),
            None => Heritage::of(caller),
        };
        let (tenure, region) = self.charge(&heritage);
        let labels = self.labels(heritage.labels);
        let spawn_stack = spawn_stack::take(&runtime.spawn_stacks);
        let ordered = runtime.lock_order.load(Ordering::Relaxed);
        let tagged = self.name.is_some() || labels.is_some() || spawn_stack.is_some();
        let id = waiter::IDS.next(worker.map(|it| &it.waiter_ids));
        let birth = Birth {
            id,
            flags: if self.main { MAIN } else { 0 }
                | if tagged { TAGGED } else { 0 }
                | if labels.is_some() { LABELLED } else { 0 }
                | if ordered { ORDERED } else { 0 }
                | tenure_flag(tenure),
            parent: parent.or_else(|| caller.filter(is_spawned_thread)).map(|it| it.record),
            region,
            entry: Some(entry),
            site: Some(site),
        };
        region::changing(birth.region.map(|(_, it)| it), worker);
        let (reference, record) = waiter::register(&birth, worker.map(|it| &it.waiters))
            .map_err(|_| SpawnError::TooManyTasks)?;
        runtime.task_spawned(worker);
        if ordered {
            order::born(Current { record }, caller);
        }
        if tagged {
            set_tags(id, Tags { name: self.name, labels, spawn_stack, peer: None });
        }
        flight::born(record);
        let stack_bytes = stack_bytes as u32;
        Ok(Info { reference, id, entry, site, stack_bytes, kind: WaiterKind::Task })
    }

    /// As [`Builder::register`], of a thread: it runs from here on.
    pub(crate) fn register_thread(
        self,
        entry: &'static Entry,
        site: Site,
    ) -> Result<Info, SpawnError> {
        let caller = current::task().or_else(current::outside_caller);
        let heritage = Heritage::of(caller);
        let (tenure, region) = self.charge(&heritage);
        let labels = self.labels(heritage.labels);
        let ordered = order::of_threads();
        let id = waiter::IDS.next(None);
        let is_known = |it: &Current| !it.record.has(THREAD) || is_spawned_thread(it);
        let birth = Birth {
            id,
            flags: THREAD
                | SPAWNED
                | TAGGED
                | if labels.is_some() { LABELLED } else { 0 }
                | if ordered { ORDERED } else { 0 }
                | tenure_flag(tenure),
            parent: caller.filter(is_known).map(|it| it.record),
            region,
            entry: Some(entry),
            site: Some(site),
        };
        region::changing(birth.region.map(|(_, it)| it), current::worker());
        let (reference, record) =
            waiter::register(&birth, None).map_err(|_| SpawnError::TooManyTasks)?;
        // Until the thread says its own; who had the record before may have left another's.
        record.place.store(0, Ordering::Relaxed);
        record.worker.store(u32::MAX, Ordering::Relaxed);
        if ordered {
            order::born(Current { record }, caller);
        }
        set_tags(id, Tags { name: self.name, labels, spawn_stack: None, peer: None });
        flight::born(record);
        activity::thread_spawned();
        record.state.set(State::Running);
        Ok(Info { reference, id, entry, site, stack_bytes: 0, kind: WaiterKind::Thread })
    }

    /// How long the task may live, and what it is charged to.
    #[expect(clippy::inline_always, reason = "a plain spawn's settings are known here; measured")]
    #[inline(always)]
    fn charge(&self, heritage: &Heritage) -> (Tenure, Option<(Ref, &'static RegionRecord)>) {
        // Whoever came first is not to blame for what serves all who use a value.
        let of_spawner = if heritage.initialises && !self.scoped {
            heritage.region.and_then(region::run_of)
        } else {
            heritage.region
        };
        let around = self.region.or(of_spawner);
        let inherited = match self.region {
            None => heritage.tenure,
            Some(_) => Tenure::Ordinary,
        };
        let (tenure, region) = match (self.tenure, inherited, around) {
            (Tenure::Daemon, _, _) | (Tenure::Ordinary, Tenure::Daemon, None) => {
                (Tenure::Daemon, None)
            }
            (Tenure::Background, _, _) => (Tenure::Background, around.and_then(region::run_of)),
            // It stays so unless it has entered a region since.
            (Tenure::Ordinary, Tenure::Background, around)
                if around == around.and_then(region::run_of) =>
            {
                (Tenure::Background, around)
            }
            (Tenure::Ordinary, _, around) => (Tenure::Ordinary, around),
        };
        let region = region.and_then(|it| Some((it, REGIONS.get(it)?)));
        // After its verdict a region is charged with nothing more; unless its tasks are stopped
        // anyhow, and then the new one is as well.
        (tenure, region.filter(|(_, it)| !it.closed() || it.halted()))
    }

    /// Its own labels and those that it inherits. Only who has labels pays, and texts are copied only
    /// for who adds some.
    #[expect(clippy::inline_always, reason = "a plain spawn's settings are known here; measured")]
    #[inline(always)]
    fn labels(&self, inherited: Labels) -> Labels {
        if self.labels.is_empty() {
            return inherited;
        }
        let own = |key: &String| self.labels.iter().any(|(mine, _)| mine == key);
        let older =
            inherited.iter().flat_map(|all| all.iter()).filter(|(key, _)| !own(key)).cloned();
        let mut all: Vec<(String, String)> = older.chain(self.labels.iter().cloned()).collect();
        all.sort();
        Some(all.into())
    }
}

/// Whether a thread is known by more than that it has waited.
fn is_spawned_thread(waiter: &Current) -> bool {
    waiter.record.has(SPAWNED)
}

fn set_tags(id: u64, tags: Tags) {
    if let Some(name) = &tags.name {
        flight::named(id, name);
    }
    tags::set(Key::Task(id), tags);
}

/// What a task has from whoever made it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heritage {
    pub(crate) region: Option<Ref>,
    tenure: Tenure,
    labels: Labels,
    /// It was made within the initialiser of a static cell.
    initialises: bool,
}

impl Heritage {
    pub(crate) fn of(caller: Option<Current>) -> Heritage {
        caller.map_or_else(Heritage::default, |Current { record }| Heritage {
            region: record.region(),
            tenure: record.tenure(),
            labels: record.labels(),
            initialises: record.has(INITIALISES),
        })
    }
}

/// The runtime that tasks go to which are spawned here.
pub(crate) fn here() -> Result<&'static RuntimeShared, SpawnError> {
    match current::worker() {
        Some(worker) => Ok(worker.runtime()),
        None => runtime::global().map_err(SpawnError::Runtime),
    }
}

/// As [`here`], but for what an initialiser starts: it outlives the runtime of the test that came first.
#[inline]
fn home() -> Result<&'static RuntimeShared, SpawnError> {
    let initialises =
        |worker: &'static Worker| worker.current().is_some_and(|task| task.record.has(INITIALISES));
    match current::worker() {
        Some(worker) if !initialises(worker) => Ok(worker.runtime()),
        Some(_) | None => runtime::global().map_err(SpawnError::Runtime),
    }
}

/// How much of its stack a closure takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Size {
    /// It may move.
    Small,
    /// It should be in a box until it is called.
    Large,
}

/// Lets the task run, somewhere in this runtime, some time.
pub(crate) fn queue<T>(
    runtime: &'static RuntimeShared,
    (task, packet): (TaskSide, HandleSide<T>),
) -> JoinHandle<T> {
    match current::worker() {
        Some(worker) if std::ptr::eq(worker.runtime(), runtime) => worker.push_fresh(task),
        here => {
            if here.is_none() {
                current::note_foreign_wake();
            }
            runtime.inject(task);
        }
    }
    JoinHandle { packet }
}

/// Number of tasks that have not finished, in the whole process. Exact after a join: who has
/// joined a task does not find it counted.
#[must_use]
pub fn task_count() -> u64 {
    let (spawned, finished) = crate::scheduler::activity::counters();
    spawned.saturating_sub(finished)
}
