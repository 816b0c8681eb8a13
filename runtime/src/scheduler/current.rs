//! Who runs here: the worker of this thread, the task on it, or the outside thread itself.
//!
//! Invariants:
//! 1. A task never changes threads, so what is read here before a switch holds after it.
//! 2. No borrow of a thread-local lives across a switch: values are copied out.

use crate::flight;
use crate::lock::order;
use crate::machine::thread;
use crate::records::object;
use crate::records::region::{self, REGIONS, RegionKind, RegionRecord};
use crate::records::state::State;
use crate::records::table::Ref;
use crate::records::tags::{self, Key, Tags};
use crate::records::waiter::{
    self, Birth, Current, HELPER, INHERITED, ORDERED, SPAWNED, THREAD, WAITERS, WaiterRecord,
};
use crate::report;
use crate::scheduler::activity;
use crate::scheduler::monitor;
use crate::scheduler::runtime::RuntimeShared;
use crate::scheduler::seat;
use crate::scheduler::worker::Worker;
use crate::sync::{Cell, Ordering};

/// An outside thread's registration; ends with the thread.
struct OutsideThread(Cell<Option<Current>>);

impl Drop for OutsideThread {
    fn drop(&mut self) {
        if let Some(current) = self.0.take() {
            unregister(current);
        }
    }
}

thread_local! {
    static WORKER: Cell<Option<&'static Worker>> = const { Cell::new(None) };
    static OUTSIDE: OutsideThread = const { OutsideThread(Cell::new(None)) };
}

/// The worker of this thread, if it is one of ours.
#[inline]
pub(crate) fn worker() -> Option<&'static Worker> {
    WORKER.get()
}

pub(crate) fn set_worker(worker: &'static Worker) {
    WORKER.set(Some(worker));
}

/// The task that runs here, if one does.
#[inline]
pub(crate) fn task() -> Option<Current> {
    worker().and_then(Worker::current)
}

/// An operation begins: who calls. A task that has used up its budget gives way first.
#[inline]
pub(crate) fn operate() -> Current {
    if let Some(worker) = worker()
        && let Some(task) = worker.current()
    {
        if worker.policy.must_yield() {
            yield_now();
        }
        return task;
    }
    outside()
}

/// Lets others run first.
///
/// Outside of a task it gives up the rest of the thread's time slice.
pub fn yield_now() {
    match worker().and_then(|worker| Some((worker, worker.current()?))) {
        Some((worker, task)) if !parks_thread() => worker.give_way(task),
        _ => std::thread::yield_now(),
    }
}

/// The id of the task that calls, as reports and [`JoinHandle::id`](crate::JoinHandle::id) print it;
/// none outside of a task.
#[must_use]
pub fn task_id() -> Option<u64> {
    task().map(|task| task.record.id())
}

/// The waiter that calls.
///
/// # Panics
/// When a thread that is not ours finds no room to register: more than 16 million waiters live.
#[inline]
pub(crate) fn get() -> Current {
    task().unwrap_or_else(outside)
}

/// The calling thread's registration, if it has one already.
pub(crate) fn outside_if_known() -> Option<Current> {
    OUTSIDE.try_with(|outside| outside.0.get()).ok().flatten()
}

/// As [`outside_if_known`], for who spawns: where the exit of the process is watched, every thread that
/// does has one.
pub(crate) fn outside_caller() -> Option<Current> {
    if report::is_asked() && worker().is_none() {
        return Some(outside());
    }
    outside_if_known()
}

fn outside() -> Current {
    // While a thread's locals are being destroyed it may still use a channel: it then registers
    // anew each time, and that record stays.
    OUTSIDE
        .try_with(|outside| match outside.0.get() {
            Some(current) => current,
            None => {
                let current = register();
                outside.0.set(Some(current));
                current
            }
        })
        .unwrap_or_else(|_| register())
}

#[cold]
fn register() -> Current {
    let birth = Birth {
        id: waiter::IDS.next(None),
        flags: THREAD | if order::of_threads() { ORDERED } else { 0 },
        parent: None,
        region: if report::is_asked() { region_of_thread() } else { None },
        entry: None,
        site: None,
    };
    let (_, record) =
        waiter::register(&birth, None).expect("no room for another waiter: 16 million are alive");
    record.place.store(thread::tid(), Ordering::Relaxed);
    record.worker.store(u32::MAX, Ordering::Relaxed);
    if let Some(name) = std::thread::current().name() {
        flight::named(record.id(), name);
        tags::set(Key::Task(record.id()), Tags::named(name));
    }
    flight::born(record);
    let current = Current { record };
    if order::is_recorded(current) {
        order::born(current, None);
    }
    record.state.set(State::Running);
    flight::runs(record);
    current
}

/// What the calling thread spawns, where the exit of the process is watched: libtest gives each test a
/// thread of its own, named after it. It stays open until then.
fn region_of_thread() -> Option<(Ref, &'static RegionRecord)> {
    let thread = std::thread::current();
    let reference = region::open(&region::Opening {
        kind: RegionKind::Thread,
        name: thread.name().unwrap_or("a thread without a name"),
        parent: None,
        site: std::panic::Location::caller(),
        counted: false,
    })?;
    Some((reference, REGIONS.get(reference)?))
}

fn unregister(current: Current) {
    let (reference, record) = (current.reference(), current.record);
    changes_region(current, record.region());
    record.state.set(State::Finished);
    flight::ended(record);
    monitor::look_again();
    object::forget_holds(current);
    tags::remove(Key::Task(record.id()));
    let region = record.region();
    WAITERS.give_back(reference);
    if let Some(region) = region {
        region::leave(region);
    }
}

/// The calling thread's registration for as long as it runs a job for a task. A record of its own
/// for each job: so a wait for the job's end is a wait for the end of this record, and an idle
/// helper is nobody.
#[derive(Debug)]
pub(crate) struct Helping {
    helper: Current,
    region: u64,
}

/// Registers the calling helper thread, charged to the task's region. None when no record is left.
pub(crate) fn help(task: Current, tid: u32, name: &str) -> Option<Helping> {
    let birth = Birth {
        id: waiter::IDS.next(None),
        // What it spawns inherits through it.
        flags: THREAD | HELPER | task.record.flags.load(Ordering::Relaxed) & INHERITED,
        parent: Some(task.record),
        // Charged, but not counted: the task waits and counts for both.
        region: None,
        entry: None,
        site: None,
    };
    let (_, record) = waiter::register(&birth, None).ok()?;
    record.place.store(tid, Ordering::Relaxed);
    let region = task.record.region.load(Ordering::Relaxed);
    record.region.store(region, Ordering::Relaxed);
    // Through it the helper's runtime is found.
    record.worker.store(task.record.worker.load(Ordering::Relaxed), Ordering::Relaxed);
    let labels = task.record.labels();
    tags::set(Key::Task(record.id()), Tags { labels, ..Tags::named(name) });
    flight::born(record);
    let helper = Current { record };
    if order::is_recorded(helper) {
        order::born_to_help(helper, task);
    }
    record.state.set(State::Running);
    flight::runs(record);
    OUTSIDE.with(|outside| outside.0.set(Some(helper)));
    Some(Helping { helper, region })
}

impl Helping {
    pub(crate) fn reference(&self) -> Ref {
        self.helper.reference()
    }
}

impl Drop for Helping {
    fn drop(&mut self) {
        OUTSIDE.with(|outside| outside.0.set(None));
        // What the job has entered and not left was counted.
        let region = &self.helper.record.region;
        if region.load(Ordering::Relaxed) == self.region {
            region.store(0, Ordering::Relaxed);
        }
        unregister(self.helper);
    }
}

/// The calling thread is the one that this record is of, made by who spawned it.
pub(crate) fn begin_thread(thread: Ref) {
    let Some(record) = WAITERS.get(thread) else { return };
    record.place.store(thread::tid(), Ordering::Relaxed);
    OUTSIDE.with(|outside| outside.0.set(Some(Current { record })));
    flight::runs(record);
}

/// It has come to its end: its packet says so already, and its region counts it no more.
pub(crate) fn end_thread(thread: Ref) {
    OUTSIDE.with(|outside| outside.0.set(None));
    forget_thread(thread);
    monitor::look_again();
    // Who waits for what a region has left may wait for this.
    activity::tell_news();
}

/// The record of a thread that is over, or was not made, is free.
pub(crate) fn forget_thread(thread: Ref) {
    let Some(record) = WAITERS.get(thread) else { return };
    object::forget_holds(Current { record });
    WAITERS.give_back(thread);
}

/// The runtime that a helper acts for, if the waiter is one and nothing but a wake ends its wait.
fn helped_runtime(record: &WaiterRecord) -> Option<&'static RuntimeShared> {
    let untimed = record.wait.until.load(Ordering::Relaxed) == 0;
    (record.has(HELPER) && untimed).then(|| seat::of(record.worker.load(Ordering::Relaxed)).runtime)
}

/// A thread is about to sleep in us, and may be the last to do so. If it is a helper, its runtime may be
/// quiet meanwhile.
pub(crate) fn note_rest(record: &WaiterRecord) {
    monitor::look_again();
    if let Some(runtime) = helped_runtime(record) {
        runtime.helper_rests();
    }
}

/// The thread is about to be woken, and knows nothing of it yet.
pub(crate) fn note_wake(record: &WaiterRecord) {
    if let Some(runtime) = helped_runtime(record) {
        runtime.helper_acts();
    }
    note_foreign_wake();
}

/// Who answers for what runs here: a task, also through its helper, or a thread that was spawned through us.
pub(crate) fn accountable() -> Option<Current> {
    let is_ours = |known: &Current| known.record.has(HELPER | SPAWNED);
    task().or_else(|| outside_if_known().filter(is_ours))
}

/// Said by who is about to be charged to this, or no longer. Threads that are charged to nothing are
/// known by other means than their records.
fn changes_region(who: Current, region: Option<Ref>) {
    let region = region.and_then(region::get);
    if region.is_some() || !who.record.has(THREAD) {
        region::changing(region, worker());
    }
}

/// Charges the calling task or thread, and what it spawns from now on, to `region`. The region it
/// was charged to before comes back, still counting it: [`leave_region`] returns there.
pub(crate) fn enter_region(region: Ref) -> Option<Ref> {
    let current = get();
    let before = current.record.region();
    changes_region(current, before);
    changes_region(current, Some(region));
    if let Some(record) = region::REGIONS.get(region) {
        record.enter();
    }
    current.record.region.store(region.to_bits(), Ordering::Relaxed);
    before
}

/// Undoes [`enter_region`].
pub(crate) fn leave_region(before: Option<Ref>) {
    let current = get();
    let inner = current.record.region();
    changes_region(current, inner);
    changes_region(current, before);
    current.record.region.store(before.map_or(0, Ref::to_bits), Ordering::Relaxed);
    if let Some(inner) = inner {
        region::leave(inner);
    }
}

/// Whether a park here sleeps the thread instead of leaving the stack: outside of a task, inside
/// `hold_worker`, while the task is panicking (another task on this worker would otherwise see
/// `std::thread::panicking()` and poison its locks), and in a forked child (the other tasks are the
/// parent's).
pub(crate) fn parks_thread() -> bool {
    match worker() {
        Some(worker) => {
            worker.current().is_none()
                || worker.is_held()
                || std::thread::panicking()
                || thread::is_forked()
        }
        None => true,
    }
}

/// Which of `count` who wait in line comes first.
pub(crate) fn next_in_line(count: usize) -> usize {
    worker().map_or(0, |worker| worker.policy.next_in_line(count))
}

/// Whether the caller has waited in line for too long.
pub(crate) fn is_overdue(waited_ns: u64, limit_ns: u64) -> bool {
    worker().map_or(waited_ns >= limit_ns, |worker| worker.policy.is_overdue(waited_ns, limit_ns))
}

/// Puts a claimed task where its worker will find it.
#[inline]
pub(crate) fn enqueue(task: Current) {
    let home = task.record.worker.load(Ordering::Relaxed);
    match worker() {
        Some(worker) if worker.index() == home => worker.push_ready(task),
        here => {
            if here.is_none() {
                note_foreign_wake();
            }
            seat::of(home).deliver(task);
        }
    }
}

/// A thread that is no worker has made something runnable: whoever judges the process asleep at
/// this moment must look again.
pub(crate) fn note_foreign_wake() {
    activity::moved();
}

/// Runs `f` without ever leaving this stack: a park inside it blocks the OS thread, and with it
/// every task that is pinned to this worker.
///
/// For code that must not see other tasks interleave on its thread: crates that keep stack
/// pointers in a thread-local, C libraries with thread-bound state.
pub fn hold_worker<R>(f: impl FnOnce() -> R) -> R {
    struct Release(&'static Worker);
    impl Drop for Release {
        fn drop(&mut self) {
            self.0.release();
        }
    }
    let _release = worker().map(|worker| {
        worker.hold();
        Release(worker)
    });
    f()
}
