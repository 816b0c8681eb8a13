//! What runtimes cut off: tasks that waited when the runtime that ran them was shut down, as `#[tokio::test]`
//! does when the body of its test has ended. Only noted where `GLEAK` asks for a verdict at the exit; else this
//! costs a relaxed load where it is asked.
//!
//! A future that waits and is dropped, though nobody has aborted its task, is dropped by its runtime's end. The
//! first of a runtime makes a note of all that are on it, before anything of them is gone.
//!
//! Invariants:
//! 1. A note shows one moment, before the first future of its runtime is dropped: who comes second waits for it.
//! 2. Who has been woken and not polled since could go on. What the end of a runtime drops wakes nobody of it.
//! 3. What tests and guards answer for is not noted, and no more than [`MOST`] tasks are kept.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, Once, PoisonError};
use std::task::{Wake, Waker};

use dashmap::DashMap;
use gleak_test_harness::adapter::{self, Other};
use tokio::runtime::{Handle, Id};

use crate::collect::collect;
use crate::current::Charged;
use crate::region::Region;
use crate::snapshot::{Counters, Reason, RegionKind, Snapshot, Target, TaskId, TaskState};
use crate::task::{Kind, Task};

/// Tasks that are kept; and runtimes, of those that had some.
const MOST: usize = 20_000;

const UNKNOWN: u8 = 0;
const OFF: u8 = 1;
const ON: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);
static WATCHED: LazyLock<DashMap<u64, Watched>> = LazyLock::new(DashMap::new);
static NOTES: Mutex<Notes> =
    Mutex::new(Notes { runtimes: BTreeSet::new(), snapshots: Vec::new(), tasks: 0 });
/// What threads are charged with stays until the exit, as tests that were looked at.
static THREADS: Mutex<Vec<Arc<Region>>> = Mutex::new(Vec::new());

thread_local! {
    /// Whose end drops what this thread drops.
    static ENDS: Cell<Option<Id>> = const { Cell::new(None) };
}

/// Whether the exit is watched. The first time the exit is told of this crate's tasks.
#[inline]
pub(crate) fn is_on() -> bool {
    match STATE.load(Ordering::Relaxed) {
        UNKNOWN => begin(),
        state => state == ON,
    }
}

#[cold]
fn begin() -> bool {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| adapter::also(Other { now: |reason| collect(reason, None), cut_off }));
    let asked = adapter::is_asked();
    STATE.store(if asked { ON } else { OFF }, Ordering::Relaxed);
    asked
}

/// What the calling thread spawns is charged to it from now on: libtest gives each test a thread, named after
/// it. None for threads that say nothing.
pub(crate) fn of_thread() -> Option<Arc<Region>> {
    if !is_on() {
        return None;
    }
    let thread = std::thread::current();
    // A worker runs anybody's.
    let name = thread.name().filter(|name| !name.starts_with("tokio-"))?;
    let mut threads = locked(&THREADS);
    if threads.len() == MOST {
        return None;
    }
    let region = Region::open(RegionKind::Thread, name, Location::caller());
    threads.push(Arc::clone(&region));
    drop(threads);
    // Until the thread ends.
    std::mem::forget(Charged::to(&region));
    Some(region)
}

/// A task that has been polled.
#[derive(Debug)]
struct Watched {
    runtime: Option<Handle>,
    kind: Kind,
    flags: Arc<Flags>,
    relay: Waker,
    inner: Waker,
}

#[derive(Debug)]
struct Flags {
    runtime: Option<Id>,
    /// Since it was last polled.
    woken: AtomicBool,
    aborted: AtomicBool,
}

/// The runtime's waker, which notes that it was used.
#[derive(Debug)]
struct Relay {
    inner: Waker,
    flags: Arc<Flags>,
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let ends = ENDS.try_with(Cell::get).ok().flatten();
        if ends.is_none() || ends != self.flags.runtime {
            self.flags.woken.store(true, Ordering::SeqCst);
        }
        self.inner.wake_by_ref();
    }
}

impl Watched {
    fn new(kind: Kind, inner: &Waker) -> Watched {
        let runtime = Handle::try_current().ok();
        let flags = Arc::new(Flags {
            runtime: runtime.as_ref().map(Handle::id),
            woken: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
        });
        let relay = relay(inner, &flags);
        Watched { runtime, kind, flags, relay, inner: inner.clone() }
    }
}

fn relay(inner: &Waker, flags: &Arc<Flags>) -> Waker {
    Waker::from(Arc::new(Relay { inner: inner.clone(), flags: Arc::clone(flags) }))
}

/// A task is about to be polled with this waker: the one to poll it with instead, if it is watched.
#[inline]
pub(crate) fn polls(task: &Task, waker: &Waker) -> Option<Waker> {
    if is_on() && task.identity.kind != Kind::Main { Some(watch(task, waker)) } else { None }
}

fn watch(task: &Task, waker: &Waker) -> Waker {
    let fresh = || Watched::new(task.identity.kind, waker);
    let mut watched = WATCHED.entry(task.id).or_insert_with(fresh);
    watched.flags.woken.store(false, Ordering::SeqCst);
    if !watched.inner.will_wake(waker) {
        watched.relay = relay(waker, &watched.flags);
        watched.inner = waker.clone();
    }
    watched.relay.clone()
}

/// Somebody has aborted a task.
#[inline]
pub(crate) fn aborts(task: u64) {
    if is_on()
        && let Some(watched) = WATCHED.get(&task)
    {
        watched.flags.aborted.store(true, Ordering::SeqCst);
    }
}

/// A future is dropped until the value goes.
#[derive(Debug)]
pub(crate) struct Dropping {
    task: u64,
    before: Option<Id>,
}

impl Drop for Dropping {
    fn drop(&mut self) {
        let _ = ENDS.try_with(|ends| ends.set(self.before));
        drop(WATCHED.remove(&self.task));
    }
}

/// The future of a task is about to be dropped: if that is by the end of its runtime, what is on that is noted.
#[inline]
pub(crate) fn drops(task: &Task) -> Option<Dropping> {
    if is_on() { watched_drops(task) } else { None }
}

fn watched_drops(task: &Task) -> Option<Dropping> {
    let watched = WATCHED.get(&task.id)?;
    let (flags, runtime) = (Arc::clone(&watched.flags), watched.runtime.clone());
    drop(watched);
    let before = ENDS.try_with(Cell::get).ok().flatten();
    let waits = task.version() > 0 && task.version().is_multiple_of(2);
    // The tasks of a local set end with it, as those of a `JoinSet`.
    let is_cut_off = waits && is_on_its_own(task.identity.kind);
    if is_cut_off && !flags.aborted.load(Ordering::SeqCst) && before != flags.runtime {
        if let Some(runtime) = runtime {
            note(&runtime);
        }
        let _ = ENDS.try_with(|ends| ends.set(flags.runtime));
    }
    Some(Dropping { task: task.id, before })
}

fn is_on_its_own(kind: Kind) -> bool {
    match kind {
        Kind::Spawned | Kind::Elsewhere => true,
        Kind::Local | Kind::Blocking | Kind::Main => false,
    }
}

/// What was cut off, and of which runtimes that is known.
struct Notes {
    runtimes: BTreeSet<String>,
    snapshots: Vec<Snapshot>,
    tasks: usize,
}

fn note(runtime: &Handle) {
    let mut notes = locked(&NOTES);
    let is_full = notes.runtimes.len() == MOST || notes.tasks >= MOST;
    if is_full || !notes.runtimes.insert(runtime.id().to_string()) {
        return;
    }
    let snapshot = of_runtime(runtime);
    if !snapshot.tasks.is_empty() {
        notes.tasks += snapshot.tasks.len();
        notes.snapshots.push(snapshot);
    }
}

/// What is on a runtime and nobody else answers for.
fn of_runtime(runtime: &Handle) -> Snapshot {
    let mut snapshot = collect(Reason::MainReturned, None);
    let (mut woken, mut aborted, mut own) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for watched in WATCHED.iter().filter(|it| it.flags.runtime == Some(runtime.id())) {
        let id = TaskId(*watched.key());
        if is_on_its_own(watched.kind) {
            own.insert(id);
        }
        if watched.flags.woken.load(Ordering::SeqCst) {
            woken.insert(id);
        }
        if watched.flags.aborted.load(Ordering::SeqCst) {
            aborted.insert(id);
        }
    }
    // Who is dropped is counted no more.
    let counted = runtime.metrics().num_alive_tasks() + 1;
    let others_act = counted > own.len() || !aborted.is_empty();
    let answered: BTreeSet<_> = snapshot
        .regions
        .iter()
        .filter(|region| matches!(region.kind, RegionKind::Test | RegionKind::Guard))
        .map(|region| region.id)
        .collect();
    snapshot.tasks.retain(|task| {
        own.contains(&task.id)
            && !aborted.contains(&task.id)
            && task.region.is_none_or(|region| !answered.contains(&region))
    });
    for task in snapshot.tasks.iter_mut().filter(|task| woken.contains(&task.id)) {
        task.state = TaskState::Runnable;
    }
    snapshot.completeness.unsettled_uncharged |= others_act;
    snapshot.header.counters = Counters::default();
    snapshot.panics.clear();
    only_what_is_used(&mut snapshot);
    snapshot
}

/// Without the objects and regions of others.
fn only_what_is_used(snapshot: &mut Snapshot) {
    let waits = snapshot.tasks.iter().filter_map(|task| match &task.state {
        TaskState::Waiting(wait) => Some(&wait.arms),
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => None,
    });
    let waited = waits.flatten().filter_map(|arm| match arm.on {
        Target::Object(id) => Some(id),
        Target::Task(_) | Target::Never => None,
    });
    let held = snapshot.tasks.iter().flat_map(|task| &task.holds).map(|hold| hold.object);
    let objects: BTreeSet<_> = waited.chain(held).collect();
    let regions: BTreeSet<_> = snapshot.tasks.iter().filter_map(|task| task.region).collect();
    snapshot.objects.retain(|object| objects.contains(&object.id));
    snapshot.regions.retain(|region| regions.contains(&region.id));
    let coverage = snapshot.completeness.coverage.as_mut();
    coverage.into_iter().for_each(|it| it.wrapped = snapshot.tasks.len() as u64);
}

fn cut_off() -> Vec<Snapshot> {
    locked(&NOTES).snapshots.clone()
}

/// Nothing that is done under these locks leaves anything half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
