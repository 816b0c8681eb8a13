//! What runtimes cut off: tasks that waited when the runtime that ran them was shut down, as `#[tokio::test]`
//! does when the body of its test has ended. Only noted where `GLEAK` asks for a verdict at the exit; else this
//! costs a relaxed load where it is asked.
//!
//! A future that waits and is dropped, though nobody has aborted its task, is dropped by its runtime's end. The
//! first of a runtime makes a note of all that are on it, before anything of them is gone.
//!
//! Invariants:
//! 1. A note shows one moment, before the first future of its runtime is dropped: who comes second waits for it.
//! 2. Who has been woken and not polled since could go on: so says the record of the task.
//! 3. What tests and guards answer for is not noted, and no more than [`MOST`] tasks are kept.

use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, Once, PoisonError};

use dashmap::DashMap;
use gleak_test_harness::adapter::{self, Other};
use tokio::runtime::Handle;

use crate::collect::collect;
use crate::current::Charged;
use crate::ledger;
use crate::region::Region;
use crate::snapshot::{Counters, Reason, RegionKind, Snapshot, Target, TaskId, TaskState};
use crate::task::{Kind, Named, Task};

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

/// A task that has been polled, and by which runtime.
#[derive(Debug)]
struct Watched {
    runtime: Handle,
    named: Named,
    kind: Kind,
}

/// A task is polled for the first time.
#[inline]
pub(crate) fn starts(task: &Task) {
    if is_on() && task.identity.kind != Kind::Main {
        watch(task);
    }
}

#[cold]
fn watch(task: &Task) {
    if let Ok(runtime) = Handle::try_current() {
        let watched = Watched { runtime, named: task.named(), kind: task.identity.kind };
        WATCHED.insert(task.id, watched);
    }
}

/// The future of a task is about to be dropped: if that is by the end of its runtime, what is on that is noted.
#[inline]
pub(crate) fn drops(task: &Task) {
    if is_on() {
        watched_drops(task);
    }
}

#[cold]
fn watched_drops(task: &Task) {
    let waits = task.version() > 0 && task.version().is_multiple_of(2);
    // The tasks of a local set end with it, as those of a `JoinSet`.
    let is_cut_off = waits && is_on_its_own(task.identity.kind) && !task.is_aborted();
    let runtime = WATCHED.get(&task.id).map(|watched| watched.runtime.clone());
    if let Some(runtime) = runtime.filter(|_| is_cut_off) {
        note(&runtime);
    }
    drop(WATCHED.remove(&task.id));
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
    let (mut aborted, mut own) = (BTreeSet::new(), BTreeSet::new());
    for watched in WATCHED.iter().filter(|it| it.runtime.id() == runtime.id()) {
        let id = TaskId(*watched.key());
        if is_on_its_own(watched.kind) {
            own.insert(id);
        }
        if ledger::find(watched.named).is_some_and(|task| task.is_aborted()) {
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
