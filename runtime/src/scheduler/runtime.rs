//! Runtimes: a set of workers that take fresh tasks from each other.
//!
//! One process-wide runtime starts with the first spawn; private ones are made for test bodies, so
//! that a spinner or a deadlock hurts its own test only. Objects belong to no runtime.
//!
//! Invariants:
//! 1. A runtime lives as long as the process. A private one is handed back to a pool when its
//!    handle goes, no task of it lives and none is to come; otherwise it is quarantined: it goes on, and is never
//!    handed out again.
//! 2. Workers are named in `idle` at most once each.

use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::dump::{self, settings::Dumps};
use crate::flight;
use crate::lock::order;
use crate::machine::thread;
use crate::records::anchor;
use crate::report;
use crate::scheduler::activity;
use crate::scheduler::fresh::Injector;
use crate::scheduler::idle::Idle;
use crate::scheduler::monitor;
use crate::scheduler::policy::Order;
use crate::scheduler::seat::{self, Seat};
use crate::scheduler::worker::{self, Worker};
use crate::signals;
use crate::signals::settings::{Signal, Signals};
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, Lock, Ordering};
use crate::task::packet::TaskSide;
use crate::task::{panic, spawn_stack};

/// More than this is taken for a mistake.
const WORKERS_MAX: usize = 1024;

/// What a runtime's workers share.
pub(crate) struct RuntimeShared {
    seats: OnceLock<Vec<&'static Seat>>,
    pub(crate) injector: Injector,
    pub(crate) idle: Idle,
    /// An order that its worker is to follow from its next task on.
    order: Lock<Option<Order>>,
    reordered: AtomicBool,
    /// Whether the stacks of spawns are recorded.
    pub(crate) spawn_stacks: AtomicBool,
    /// Whether the order is recorded in which its tasks take locks.
    pub(crate) lock_order: AtomicBool,
    awake: AtomicU32,
    /// Changes whenever a worker of it falls asleep or wakes. The process's epoch would not do: other
    /// runtimes move it, and nobody would look again when they had.
    epoch: AtomicU64,
    /// Tasks spawned into it that its own workers did not spawn.
    spawned_outside: AtomicU64,
    /// Closures of its tasks that helpers run or are about to, less those that wait in us.
    helped: AtomicU64,
    /// Functions that will be tasks of it later: see `deferred.rs`.
    pub(crate) deferred: AtomicU64,
    /// Fresh tasks whose main has returned: never run, never dropped.
    frozen: Lock<Vec<TaskSide>>,
}

impl std::fmt::Debug for RuntimeShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuntimeShared")
            .field("workers", &self.worker_count())
            .finish_non_exhaustive()
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

/// What there is once in a process, from the first task or thread on. Idempotent.
///
/// # Errors
/// When no thread can be made.
pub(crate) fn begin_process() -> io::Result<()> {
    anchor::keep();
    monitor::start()?;
    if order::by_environment() {
        order::turned_on();
    }
    report::arm();
    panic::install_hook();
    Ok(())
}

fn start(count: usize) -> io::Result<&'static RuntimeShared> {
    if !(1..=WORKERS_MAX).contains(&count) {
        let message = format!("a runtime has 1 to {WORKERS_MAX} workers, not {count}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    begin_process()?;
    flight::by_environment();
    dump::settings::settle(None);
    signals::answer(None)?;
    let runtime: &'static RuntimeShared = Box::leak(Box::new(RuntimeShared {
        seats: OnceLock::new(),
        injector: Injector::default(),
        idle: Idle::new(),
        order: Lock::default(),
        reordered: AtomicBool::new(false),
        spawn_stacks: AtomicBool::new(spawn_stack::by_environment()),
        lock_order: AtomicBool::new(order::by_environment()),
        awake: AtomicU32::new(0),
        epoch: AtomicU64::new(0),
        spawned_outside: AtomicU64::new(0),
        helped: AtomicU64::new(0),
        deferred: AtomicU64::new(0),
        frozen: Lock::default(),
    }));
    let mut queues = Vec::with_capacity(count);
    for _ in 0..count {
        let full = || io::Error::other("no room for another worker in this process");
        queues.push(Seat::register(runtime).ok_or_else(full)?);
    }
    runtime.seats.get_or_init(|| queues.iter().map(|(seat, _)| *seat).collect());
    for (seat, fresh) in queues {
        // Counted before it exists, so that nobody takes a starting process for an idle one.
        activity::worker_woke();
        runtime.awake.fetch_add(1, Ordering::SeqCst);
        // The clock must go on even if no worker ever sleeps.
        monitor::poke();
        let body = Box::new(move || worker::run(seat, fresh));
        if let Err(error) = thread::start(format!("gleak-{}", seat.index), body) {
            activity::worker_sleeps();
            runtime.awake.fetch_sub(1, Ordering::SeqCst);
            return Err(error);
        }
    }
    Ok(runtime)
}

impl RuntimeShared {
    /// Queues a task that has not run yet, from outside of its workers.
    pub(crate) fn inject(&self, task: TaskSide) {
        self.injector.push(task);
        self.wake_another();
    }

    fn set_order(&self, order: Order) {
        *self.order.lock() = Some(order);
        self.reordered.store(true, Ordering::Release);
    }

    /// An order that was given since the last call.
    pub(crate) fn new_order(&self) -> Option<Order> {
        if !self.reordered.load(Ordering::Acquire) {
            return None;
        }
        self.reordered.store(false, Ordering::Relaxed);
        self.order.lock().take()
    }

    /// There is more work: wakes a sleeper for it, unless somebody looks for work already.
    #[inline]
    pub(crate) fn wake_another(&self) {
        if let Some(worker) = self.idle.pick() {
            seat::of(worker).unpark();
        }
    }

    /// The other workers, from the next one on.
    pub(crate) fn others(&self, worker: u32) -> impl Iterator<Item = &'static Seat> {
        let seats = self.seats();
        let at = seats.iter().position(|seat| seat.index == worker).unwrap_or(0);
        seats[at + 1..].iter().chain(&seats[..at]).copied()
    }

    /// Keeps a task that will never run.
    pub(crate) fn freeze(&self, task: TaskSide) {
        self.frozen.lock().push(task);
    }

    pub(crate) fn worker_sleeps(&self, worker: u32) {
        self.idle.enter(worker);
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.awake.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether it was picked to look for work.
    pub(crate) fn worker_woke(&self, worker: u32) -> bool {
        self.awake.fetch_add(1, Ordering::SeqCst);
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.idle.leave(worker)
    }

    /// As [`RuntimeShared::worker_sleeps`], for one that nobody may give work to.
    pub(crate) fn held_worker_sleeps(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.awake.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn held_worker_woke(&self) {
        self.awake.fetch_add(1, Ordering::SeqCst);
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// A helper will run a closure for it, or one that waited in us has been woken: before the wake.
    pub(crate) fn helper_acts(&self) {
        self.helped.fetch_add(1, Ordering::SeqCst);
    }

    /// The closure has ended and its task has been woken, or it waits in us without a timer.
    pub(crate) fn helper_rests(&self) {
        self.helped.fetch_sub(1, Ordering::SeqCst);
        self.tell_if_quiet();
    }

    /// `by` is the worker of the calling thread.
    pub(crate) fn task_spawned(&self, by: Option<&Worker>) {
        match by.filter(|by| std::ptr::eq(by.runtime(), self)) {
            Some(by) => by.seat.count_spawned(),
            None => {
                self.spawned_outside.fetch_add(1, Ordering::Relaxed);
                activity::spawned_outside();
            }
        }
    }

    /// Tasks spawned here that have not finished. Never less than there are; exact once nothing
    /// moves, and after a join for the task that was joined.
    fn live(&self) -> u64 {
        let finished: u64 = self.seats().iter().map(|seat| seat.finished()).sum();
        let spawned: u64 = self.seats().iter().map(|seat| seat.spawned()).sum();
        (spawned + self.spawned_outside.load(Ordering::Acquire)).saturating_sub(finished)
    }

    /// Whether no task of it can run until something outside of it acts: all workers sleep without
    /// a timer, no helper acts for it, and nothing is queued.
    pub(crate) fn is_quiet(&self) -> bool {
        let epoch = self.epoch.load(Ordering::SeqCst);
        // Helpers first: one that is done has filled an inbox before it left the count.
        self.awake.load(Ordering::SeqCst) == 0
            && self.helped.load(Ordering::SeqCst) == 0
            && self.injector.len() == 0
            && self.seats().iter().all(|seat| seat.inbox.is_empty() && !seat.may_wake())
            && self.awake.load(Ordering::SeqCst) == 0
            && self.epoch.load(Ordering::SeqCst) == epoch
    }

    pub(crate) fn tell_if_quiet(&self) {
        if self.awake.load(Ordering::SeqCst) == 0 {
            activity::tell_news();
        }
    }

    /// Whose timers serve who is not on a worker of this runtime.
    pub(crate) fn first_seat(&self) -> &'static Seat {
        self.seats().first().expect("a runtime has a worker")
    }

    fn seats(&self) -> &[&'static Seat] {
        self.seats.get().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn worker_count(&self) -> usize {
        self.seats().len()
    }

    /// Whether it has more than one worker.
    #[inline]
    pub(crate) fn is_shared(&self) -> bool {
        self.seats().len() > 1
    }
}

/// Tasks that wait in queues which others fill, in all runtimes. While every worker sleeps there are
/// no other queues with anything in them.
pub(crate) fn queued_everywhere() -> usize {
    let mut seen: Vec<*const RuntimeShared> = Vec::new();
    let mut queued = 0;
    for seat in seat::all() {
        if !seen.contains(&std::ptr::from_ref(seat.runtime)) {
            seen.push(seat.runtime);
            queued += seat.runtime.injector.len();
        }
        queued += usize::from(!seat.inbox.is_empty());
    }
    queued
}

/// A private runtime: its tasks run on workers of its own.
///
/// Dropping it never waits and never unwinds: without live tasks, or functions that will be some, its
/// workers go back to a pool, otherwise they go on with what is left and are never handed out again.
pub struct Runtime {
    pub(crate) shared: &'static RuntimeShared,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("workers", &self.shared.worker_count())
            .field("live", &self.shared.live())
            .finish()
    }
}

impl Runtime {
    /// Settings for a runtime.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder {
            workers: None,
            order: Order::Fair,
            spawn_stacks: None,
            lock_order: None,
            flight: None,
            signals: None,
            dumps: None,
        }
    }

    /// Number of its tasks that have not finished.
    #[must_use]
    pub fn live(&self) -> u64 {
        self.shared.live()
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
        if self.live() == 0 && self.shared.deferred.load(Ordering::SeqCst) == 0 {
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
    order: Order,
    spawn_stacks: Option<bool>,
    lock_order: Option<bool>,
    flight: Option<PathBuf>,
    signals: Option<Signals>,
    dumps: Option<Dumps>,
}

impl RuntimeBuilder {
    /// Number of OS threads that run tasks. Default: `GLEAK_WORKERS`, or the machine's parallelism.
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = Some(count);
        self
    }

    /// In which order tasks run. A seeded one needs one worker.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Whether each spawn into it records the whole stack that it is called from, and not its place
    /// alone: some microseconds a spawn. Default: whether `GLEAK_SPAWN_STACKS` is set, but to 0.
    pub fn spawn_stacks(mut self, record: bool) -> Self {
        self.spawn_stacks = Some(record);
        self
    }

    /// Whether it is recorded in what order its tasks take locks, so that a deadlock that did not happen
    /// can be found: some nanoseconds a lock. Of the process-wide runtime also for threads that are not
    /// ours, if they first wait or lock after this. Default: whether `GLEAK_LOCK_ORDER` is set, but to 0.
    pub fn lock_order(mut self, record: bool) -> Self {
        self.lock_order = Some(record);
        self
    }

    /// Keeps a record of every waiter of the process in a file of this folder, from which
    /// `gleak report` tells what they did when the process was killed: some nanoseconds a spawn and a
    /// wait. The first call that names a folder counts, for the whole process. Default: `GLEAK_FLIGHT`.
    pub fn flight(mut self, folder: impl Into<PathBuf>) -> Self {
        self.flight = Some(folder.into());
        self
    }

    /// Which signals the runtime answers; what each of them does is in [`Signal`]. The first runtime of the
    /// process says it for all. Default: `GLEAK_SIGNALS`, a list of `crash`, `quit`, `usr1`, `term` or `all`.
    pub fn signals(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        self.signals = Some(signals.into_iter().collect());
        self
    }

    /// Where dumps go, how many of them stay, and whether one is written that nobody asked for. The first
    /// runtime of the process says it for all. Default: the environment.
    pub fn dumps(mut self, dumps: Dumps) -> Self {
        self.dumps = Some(dumps);
        self
    }

    fn give(&self, runtime: &'static RuntimeShared) {
        runtime.set_order(self.order);
        let record = self.spawn_stacks.unwrap_or_else(spawn_stack::by_environment);
        runtime.spawn_stacks.store(record, Ordering::Relaxed);
        let record = self.lock_order.unwrap_or_else(order::by_environment);
        runtime.lock_order.store(record, Ordering::Relaxed);
        if record {
            order::turned_on();
        }
    }

    /// What it says for the whole process.
    fn settle(&self) -> io::Result<()> {
        self.flight.iter().for_each(|folder| flight::start(folder));
        dump::settings::settle(self.dumps.clone());
        signals::answer(self.signals)
    }

    /// How many workers it gets.
    fn count(&self) -> io::Result<usize> {
        match (self.order, self.workers) {
            (Order::Fair, None) => default_workers(),
            (Order::Seeded(_), None) => Ok(1),
            (Order::Seeded(_), Some(count)) if count != 1 => {
                let message = format!("a seeded order needs one worker, not {count}");
                Err(io::Error::new(io::ErrorKind::InvalidInput, message))
            }
            (_, Some(count)) => Ok(count),
        }
    }

    /// A private runtime, from the pool when one of the same size is there.
    ///
    /// # Errors
    /// When the count is not in 1 to 1024 or does not fit the order, `GLEAK_SIGNALS` is no list of signals,
    /// or no thread can be made.
    pub fn start(self) -> io::Result<Runtime> {
        let count = self.count()?;
        self.settle()?;
        let mut pool = POOL.lock();
        let pooled = pool.iter().position(|runtime| runtime.worker_count() == count);
        let pooled = pooled.map(|at| pool.swap_remove(at));
        drop(pool);
        let shared = match pooled {
            Some(runtime) => runtime,
            None => start(count)?,
        };
        self.give(shared);
        Ok(Runtime { shared })
    }

    /// Starts the process-wide runtime with these settings.
    ///
    /// # Errors
    /// When it runs already, the count is not in 1 to 1024, `GLEAK_SIGNALS` is no list of signals, or no
    /// thread can be made.
    pub fn install(self) -> io::Result<()> {
        let mut first = false;
        GLOBAL.get_or_try_init(|| {
            first = true;
            let count = self.count()?;
            self.settle()?;
            let runtime = start(count)?;
            self.give(runtime);
            if runtime.lock_order.load(Ordering::Relaxed) {
                order::turned_on_for_threads();
            }
            Ok::<_, io::Error>(runtime)
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
