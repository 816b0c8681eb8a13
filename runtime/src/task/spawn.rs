//! Spawning: from a closure to a queued task with a record.

use std::fmt;
use std::io;
use std::panic::Location;

use crate::machine::{stack, thread};
use crate::records::region::REGIONS;
use crate::records::statics::{Entry, Site};
use crate::records::table::Ref;
use crate::records::tags::{self, Key, Tags};
use crate::records::waiter::{self, Birth, MAIN, TAGGED};
use crate::scheduler::current;
use crate::scheduler::runtime::{self, Runtime, RuntimeShared};
use crate::scheduler::worker::Fresh;
use crate::sync::Ordering;
use crate::task::join::JoinHandle;
use crate::task::packet::{Info, packet};

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
    match Builder::new().spawn(f) {
        Ok(handle) => handle,
        Err(error) => panic!("cannot spawn a task: {error}"),
    }
}

/// A task's settings: name, labels, stack.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Builder {
    name: Option<String>,
    labels: Vec<(String, String)>,
    stack_bytes: Option<usize>,
    main: bool,
    region: Option<Ref>,
    /// Where the closure only wraps what the program wants to run.
    entry: Option<&'static Entry>,
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

    /// Marks it as the main task of a run, whose closure wraps an `F`.
    pub(crate) fn main<F>(mut self) -> Builder {
        self.main = true;
        self.entry = Some(Entry::of::<F>());
        self
    }

    /// A name for reports.
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.name = Some(name.into());
        self
    }

    /// A label for reports; a later one of the same key wins.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Builder {
        let key = key.into();
        self.labels.retain(|(known, _)| *known != key);
        self.labels.push((key, value.into()));
        self.labels.sort();
        self
    }

    /// The least size of its stack in bytes; rounded up to a power of two from 256 KiB on, 1 GiB
    /// at most. The guard (16 KiB) is inside.
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
        let runtime = match current::worker() {
            Some(worker) => worker.runtime(),
            None => runtime::global().map_err(SpawnError::Runtime)?,
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
        thread::not_forked().map_err(SpawnError::Runtime)?;
        let stack_bytes = self.stack_bytes.unwrap_or(stack::DEFAULT_BYTES);
        if stack_bytes > stack::MAX_BYTES {
            return Err(SpawnError::Stack(stack::StackError::TooLarge { bytes: stack_bytes }));
        }
        let entry = self.entry.unwrap_or_else(Entry::of::<F>);
        let info = self.register(runtime, entry, site)?;
        if size_of::<F>() > stack_bytes / 8 {
            // Too big to move onto the stack: it stays in a box of its own.
            let boxed: Box<dyn FnOnce() -> T + Send> = Box::new(f);
            Ok(queue(info, stack_bytes, boxed))
        } else {
            Ok(queue(info, stack_bytes, f))
        }
    }

    /// The record, complete before anybody can see the task run.
    fn register(
        self,
        runtime: &'static RuntimeShared,
        entry: &'static Entry,
        site: Site,
    ) -> Result<Info, SpawnError> {
        let parent = current::task();
        let caller = parent.or_else(current::outside_if_known);
        let inherited = self.region.or_else(|| caller.and_then(|it| it.record.region()));
        // After its verdict a region is charged with nothing more; unless its tasks are stopped
        // anyhow, and then the new one is as well.
        let open =
            |region: &Ref| REGIONS.get(*region).is_some_and(|it| !it.closed() || it.halted());
        let tagged = self.name.is_some() || !self.labels.is_empty();
        let birth = Birth {
            flags: if self.main { MAIN } else { 0 } | if tagged { TAGGED } else { 0 },
            tid: 0,
            parent: parent.map(|it| it.record),
            region: inherited.filter(open),
            entry: Some(entry),
            site: Some(site),
        };
        let (reference, record) = waiter::register(&birth).map_err(|_| SpawnError::TooManyTasks)?;
        runtime.task_spawned();
        let id = record.id();
        let name = self.name.as_deref().map(Box::from);
        if tagged {
            tags::set(Key::Task(id), Tags { name: self.name, labels: self.labels });
        }
        let region = record.region().and_then(|region| REGIONS.get(region));
        let region = region.map_or(0, |region| region.id.load(Ordering::Relaxed));
        Ok(Info { reference, id, region, entry, site, name, runtime })
    }
}

fn queue<F, T>(info: Info, stack_bytes: usize, f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (reference, runtime) = (info.reference, info.runtime);
    let (run, packet) = packet(info, f);
    if current::worker().is_none() {
        current::note_foreign_wake();
    }
    runtime.inject(Fresh { reference, run, stack_bytes });
    JoinHandle { packet }
}

/// Number of tasks that have not finished, in the whole process. Exact after a join: who has
/// joined a task does not find it counted.
#[must_use]
pub fn task_count() -> u64 {
    let (spawned, finished) = crate::scheduler::activity::counters();
    spawned.saturating_sub(finished)
}

/// Lets others run first.
///
/// Outside of a task it gives up the rest of the thread's time slice.
pub fn yield_now() {
    match current::worker().and_then(|worker| Some((worker, worker.current()?))) {
        Some((worker, task)) if !current::parks_thread() => worker.give_way(task),
        _ => std::thread::yield_now(),
    }
}

/// Before an operation that completes without waiting: gives way when the budget is used up.
#[inline]
pub(crate) fn spend() {
    if let Some(worker) = current::worker()
        && worker.policy.must_yield()
    {
        yield_now();
    }
}
