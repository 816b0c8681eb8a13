//! Runtimes: a set of workers with one queue of tasks that have not run yet.
//!
//! One process-wide runtime starts with the first spawn; private ones are made for test bodies, so
//! that a spinner or a deadlock hurts its own test only. Objects belong to no runtime.
//!
//! Invariants:
//! 1. A runtime lives as long as the process. A private one is handed back to a pool when its
//!    handle goes and no task of it lives; otherwise it is quarantined: it goes on, and is never
//!    handed out again.
//! 2. Workers are named in `idle` at most once each.

use std::collections::VecDeque;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::machine::thread;
use crate::scheduler::activity;
use crate::scheduler::monitor;
use crate::scheduler::worker::{self, Fresh, WorkerShared};
use crate::sync::{AtomicU32, AtomicU64, AtomicUsize, Lock, Ordering, fence};

/// More than this is taken for a mistake.
const WORKERS_MAX: usize = 1024;

/// What a runtime's workers share.
pub(crate) struct RuntimeShared {
    workers: OnceLock<Vec<&'static WorkerShared>>,
    injector: Lock<VecDeque<Fresh>>,
    injected: AtomicUsize,
    /// Sleeping workers.
    idle: Lock<Vec<u32>>,
    idle_len: AtomicUsize,
    awake: AtomicU32,
    /// Changes whenever a worker of it falls asleep or wakes. The process's epoch would not do: other
    /// runtimes move it, and nobody would look again when they had.
    epoch: AtomicU64,
    /// Tasks spawned here that have not finished.
    live: AtomicU64,
    /// Fresh tasks whose main has returned: never run, never dropped.
    frozen: Lock<Vec<Fresh>>,
}

impl std::fmt::Debug for RuntimeShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuntimeShared").field("workers", &self.workers()).finish_non_exhaustive()
    }
}

static GLOBAL: OnceCell<&'static RuntimeShared> = OnceCell::new();
/// Private runtimes without a task, ready for the next test.
static POOL: Lock<Vec<&'static RuntimeShared>> = Lock::new(Vec::new());

/// The process-wide runtime; started at the first call.
///
/// # Errors
/// When no thread can be made.
pub(crate) fn global() -> io::Result<&'static RuntimeShared> {
    GLOBAL.get_or_try_init(|| start(default_workers()?)).copied()
}

/// `GLEAK_WORKERS`, or as many as the machine runs in parallel.
fn default_workers() -> io::Result<usize> {
    let Some(value) = std::env::var_os("GLEAK_WORKERS") else {
        return Ok(std::thread::available_parallelism().map_or(1, usize::from));
    };
    let count = value.to_str().and_then(|text| text.parse().ok());
    count.filter(|count| (1..=WORKERS_MAX).contains(count)).ok_or_else(|| {
        let message = format!("GLEAK_WORKERS={value:?} is not a number from 1 to {WORKERS_MAX}");
        io::Error::new(io::ErrorKind::InvalidInput, message)
    })
}

fn start(count: usize) -> io::Result<&'static RuntimeShared> {
    if !(1..=WORKERS_MAX).contains(&count) {
        let message = format!("a runtime has 1 to {WORKERS_MAX} workers, not {count}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    monitor::start()?;
    let runtime: &'static RuntimeShared = Box::leak(Box::new(RuntimeShared {
        workers: OnceLock::new(),
        injector: Lock::default(),
        injected: AtomicUsize::new(0),
        idle: Lock::default(),
        idle_len: AtomicUsize::new(0),
        awake: AtomicU32::new(0),
        epoch: AtomicU64::new(0),
        live: AtomicU64::new(0),
        frozen: Lock::default(),
    }));
    let mut workers = Vec::with_capacity(count);
    for _ in 0..count {
        let full = || io::Error::other("no room for another worker in this process");
        workers.push(WorkerShared::register(runtime).ok_or_else(full)?);
    }
    let workers = runtime.workers.get_or_init(|| workers);
    for worker in workers {
        // Counted before it exists, so that nobody takes a starting process for an idle one.
        activity::worker_woke();
        runtime.awake.fetch_add(1, Ordering::SeqCst);
        // The clock must go on even if no worker ever sleeps.
        monitor::poke();
        let started =
            thread::start(format!("gleak-{}", worker.index), Box::new(|| worker::run(worker)));
        if let Err(error) = started {
            activity::worker_sleeps();
            runtime.awake.fetch_sub(1, Ordering::SeqCst);
            return Err(error);
        }
    }
    Ok(runtime)
}

impl RuntimeShared {
    /// Queues a task that has not run yet, and wakes a sleeper for it.
    pub(crate) fn inject(&self, fresh: Fresh) {
        let mut injector = self.injector.lock();
        injector.push_back(fresh);
        self.injected.store(injector.len(), Ordering::SeqCst);
        drop(injector);
        // Pairs with the fence in `Worker::sleep`.
        fence(Ordering::SeqCst);
        if self.idle_len.load(Ordering::SeqCst) == 0 {
            return;
        }
        let sleeper = {
            let mut idle = self.idle.lock();
            let sleeper = idle.pop();
            self.idle_len.store(idle.len(), Ordering::SeqCst);
            sleeper
        };
        if let Some(index) = sleeper {
            worker::shared(index).unpark();
        }
    }

    pub(crate) fn take_fresh(&self) -> Option<Fresh> {
        if !self.has_fresh() {
            return None;
        }
        let mut injector = self.injector.lock();
        let fresh = injector.pop_front();
        self.injected.store(injector.len(), Ordering::SeqCst);
        fresh
    }

    pub(crate) fn has_fresh(&self) -> bool {
        self.injected.load(Ordering::SeqCst) != 0
    }

    /// Keeps a task that will never run.
    pub(crate) fn freeze(&self, fresh: Fresh) {
        self.frozen.lock().push(fresh);
    }

    pub(crate) fn worker_sleeps(&self, index: u32) {
        let mut idle = self.idle.lock();
        idle.push(index);
        self.idle_len.store(idle.len(), Ordering::SeqCst);
        drop(idle);
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.awake.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn worker_woke(&self, index: u32) {
        self.awake.fetch_add(1, Ordering::SeqCst);
        self.epoch.fetch_add(1, Ordering::SeqCst);
        let mut idle = self.idle.lock();
        idle.retain(|sleeper| *sleeper != index);
        self.idle_len.store(idle.len(), Ordering::SeqCst);
    }

    pub(crate) fn task_spawned(&self) {
        self.live.fetch_add(1, Ordering::Relaxed);
        activity::spawned();
    }

    pub(crate) fn task_finished(&self) {
        activity::finished();
        self.live.fetch_sub(1, Ordering::Release);
    }

    /// Whether no task of it can run until another task or thread acts: all workers sleep without a
    /// timer and without waits for descriptors, and nothing is queued.
    pub(crate) fn is_quiet(&self) -> bool {
        let epoch = self.epoch.load(Ordering::SeqCst);
        let workers = self.workers.get().map_or(&[][..], Vec::as_slice);
        self.awake.load(Ordering::SeqCst) == 0
            && !self.has_fresh()
            && workers.iter().all(|worker| worker.delivered() == 0 && !worker.may_wake())
            && self.awake.load(Ordering::SeqCst) == 0
            && self.epoch.load(Ordering::SeqCst) == epoch
    }

    pub(crate) fn tell_if_quiet(&self) {
        if self.awake.load(Ordering::SeqCst) == 0 {
            activity::tell_news();
        }
    }

    pub(crate) fn queued(&self) -> usize {
        self.injected.load(Ordering::SeqCst)
    }

    fn workers(&self) -> usize {
        self.workers.get().map_or(0, Vec::len)
    }
}

/// Tasks that have not run yet, in all runtimes that a worker belongs to.
pub(crate) fn queued_everywhere() -> usize {
    let mut seen: Vec<*const RuntimeShared> = Vec::new();
    let mut queued = 0;
    for worker in worker::all() {
        let runtime = worker.runtime();
        if !seen.contains(&std::ptr::from_ref(runtime)) {
            seen.push(runtime);
            queued += runtime.queued();
        }
        queued += worker.delivered();
    }
    queued
}

/// A private runtime: its tasks run on workers of its own.
///
/// Dropping it never waits and never unwinds: without live tasks its workers go back to a pool,
/// otherwise they go on with what is left and are never handed out again.
pub struct Runtime {
    pub(crate) shared: &'static RuntimeShared,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("workers", &self.shared.workers())
            .field("live", &self.shared.live.load(Ordering::Relaxed))
            .finish()
    }
}

impl Runtime {
    /// Settings for a runtime.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder { workers: None }
    }

    /// Number of its tasks that have not finished.
    #[must_use]
    pub fn live(&self) -> u64 {
        self.shared.live.load(Ordering::Acquire)
    }

    /// Sleeps until `done` is true, or no task of this runtime can run any more, or `limit` has
    /// passed; says which. `done` is looked at whenever a worker falls asleep or
    /// [`notify`](Runtime::notify) is called.
    pub fn wait_quiet(&self, limit: Duration, done: impl Fn() -> bool) -> Quiet {
        let deadline = crate::time::Instant::now() + limit;
        loop {
            let seen = activity::news();
            if done() {
                return Quiet::Done;
            }
            if self.shared.is_quiet() {
                // A last step of a task and its falling quiet are seen together or not at all.
                return if done() { Quiet::Done } else { Quiet::Asleep };
            }
            let left = deadline - crate::time::Instant::now();
            if left.is_zero() {
                return Quiet::Busy;
            }
            activity::wait_for_news(seen, left);
        }
    }

    /// Lets every [`wait_quiet`](Runtime::wait_quiet) look at its condition again.
    pub fn notify() {
        activity::tell_news();
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if self.live() == 0 {
            POOL.lock().push(self.shared);
        }
    }
}

/// How a [`Runtime::wait_quiet`] ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quiet {
    /// The condition holds.
    Done,
    /// No task of the runtime can run, no timer of one is armed, and none waits for a descriptor.
    Asleep,
    /// The time is over and tasks still run or will.
    Busy,
}

/// Settings for a runtime.
#[derive(Clone, Debug)]
#[must_use]
pub struct RuntimeBuilder {
    workers: Option<usize>,
}

impl RuntimeBuilder {
    /// Number of OS threads that run tasks. Default: `GLEAK_WORKERS`, or the machine's parallelism.
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = Some(count);
        self
    }

    /// A private runtime, from the pool when one of the same size is there.
    ///
    /// # Errors
    /// When the count is not in 1 to 1024, or no thread can be made.
    pub fn start(self) -> io::Result<Runtime> {
        let count = self.workers.map_or_else(default_workers, Ok)?;
        let mut pool = POOL.lock();
        let pooled = pool.iter().position(|runtime| runtime.workers() == count);
        let pooled = pooled.map(|at| pool.swap_remove(at));
        drop(pool);
        let shared = match pooled {
            Some(runtime) => runtime,
            None => start(count)?,
        };
        Ok(Runtime { shared })
    }

    /// Starts the process-wide runtime with these settings.
    ///
    /// # Errors
    /// When it runs already, the count is not in 1 to 1024, or no thread can be made.
    pub fn install(self) -> io::Result<()> {
        let mut first = false;
        GLOBAL.get_or_try_init(|| {
            first = true;
            start(self.workers.map_or_else(default_workers, Ok)?)
        })?;
        if first {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "the process-wide runtime was started before its settings were given",
            ))
        }
    }

    /// [`install`](RuntimeBuilder::install), then [`run`](crate::run).
    ///
    /// # Panics
    /// When the runtime cannot be installed, and where [`run`](crate::run) does.
    #[track_caller]
    pub fn run<R: Send + 'static>(self, main: impl FnOnce() -> R + Send + 'static) -> R {
        self.install().expect("the process-wide runtime");
        crate::task::run::run(main)
    }
}
