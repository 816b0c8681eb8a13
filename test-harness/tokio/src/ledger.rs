//! All live tasks, and the panics that nobody has seen yet.
//!
//! Invariants:
//! 1. A task is in the table from before its future is first polled until after it is gone.
//! 2. No lock of the table is held over code of others.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::region::Region;
use crate::task::{Identity, Kin, Kind, Named, Origin, Task};
use crate::{current, hooks, left};

/// Panics that are kept.
const PANICS: usize = 1024;
const SHARD_COUNT: usize = 32;

/// Ids that a thread takes at a time, so that threads that spawn keep out of each other's way.
const BLOCK: u64 = 16;

/// The next block of ids, which begin at one.
static NEXT: AtomicU64 = AtomicU64::new(1);
/// By block of ids, in turns.
static SHARDS: [spin::Mutex<Shard>; SHARD_COUNT] =
    [const { spin::Mutex::new(Shard::EMPTY) }; SHARD_COUNT];
static UNSEEN: Mutex<Unseen> = Mutex::new(Unseen { panics: Vec::new(), dropped: 0 });

/// A part of the table. Its lock is held for a handful of instructions.
struct Shard {
    slots: Vec<Option<(u64, Weak<Task>)>>,
    free: Vec<u32>,
    spawned: u64,
    finished: u64,
}

impl Shard {
    const EMPTY: Shard = Shard { slots: Vec::new(), free: Vec::new(), spawned: 0, finished: 0 };
}

thread_local! {
    /// Ids that this thread may give, the second one excluded.
    static IDS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

fn shard(id: u64) -> &'static spin::Mutex<Shard> {
    let at = (id / BLOCK % SHARD_COUNT as u64) as usize;
    &SHARDS[at]
}

/// Panics that nobody has joined.
#[derive(Debug)]
struct Unseen {
    panics: Vec<Panicked>,
    dropped: u64,
}

/// A panic that ended a task.
#[derive(Clone, Debug)]
pub(crate) struct Panicked {
    pub(crate) task: u64,
    pub(crate) name: Option<String>,
    pub(crate) region: Option<Arc<Region>>,
    pub(crate) origin: Origin,
    pub(crate) message: String,
}

/// Makes the record of a task that the caller spawns.
#[inline]
pub(crate) fn enter(identity: Identity) -> Arc<Task> {
    admit(identity, kin())
}

/// What a task has from the caller, who spawns it.
#[inline]
pub(crate) fn kin() -> Kin {
    let own = || current::region().or_else(left::of_thread);
    let of_thread = || Kin { region: own(), ..Kin::default() };
    let of_others = || hooks::kin().unwrap_or_else(of_thread);
    current::with(|parent| parent.map_or_else(of_others, Task::kin))
}

/// As [`enter`], for what begins a region.
#[cfg(feature = "test")]
pub(crate) fn enter_region(identity: Identity, region: Arc<Region>) -> Arc<Task> {
    admit(identity, Kin { region: Some(region), ..Kin::default() })
}

#[inline]
fn admit(identity: Identity, kin: Kin) -> Arc<Task> {
    let task = Task::new(fresh_id(), identity, kin);
    if let Some(region) = &task.region {
        region.enter(task.identity.kind == Kind::Spawned);
    }
    let entry = Some((task.id, Arc::downgrade(&task)));
    let mut shard = shard(task.id).lock();
    shard.spawned += 1;
    let slot = match shard.free.pop() {
        Some(slot) => {
            shard.slots[slot as usize] = entry;
            slot
        }
        None => {
            shard.slots.push(entry);
            u32::try_from(shard.slots.len() - 1).expect("fewer than 2^32 tasks")
        }
    };
    drop(shard);
    task.put(slot);
    task
}

/// An id for what is alive: nobody else has it.
pub(crate) fn fresh_id() -> u64 {
    let (id, end) = IDS.get();
    let (id, end) = if id < end { (id, end) } else { fresh_block() };
    IDS.set((id + 1, end));
    id
}

#[cold]
fn fresh_block() -> (u64, u64) {
    let start = NEXT.fetch_add(BLOCK, Ordering::Relaxed);
    (start, start + BLOCK)
}

/// The future of a task is gone.
pub(crate) fn leave(task: &Task) {
    let slot = task.named().slot;
    let mut shard = shard(task.id).lock();
    let entry = shard.slots[slot as usize].take();
    shard.free.push(slot);
    shard.finished += 1;
    drop(shard);
    drop(entry);
    if let Some(region) = &task.region {
        region.leave(task.identity.kind == Kind::Spawned);
    }
}

/// Those that there are, by id.
pub(crate) fn tasks() -> Vec<Arc<Task>> {
    let mut tasks = Vec::new();
    for shard in &SHARDS {
        let shard = shard.lock();
        tasks.extend(shard.slots.iter().flatten().filter_map(|(_, task)| task.upgrade()));
    }
    tasks.sort_by_key(|task| task.id);
    tasks
}

/// The record that a handle names, while its task lives.
pub(crate) fn find(Named { id, slot }: Named) -> Option<Arc<Task>> {
    let shard = shard(id).lock();
    match shard.slots.get(slot as usize) {
        Some(Some((known, task))) if *known == id => task.upgrade(),
        Some(_) | None => None,
    }
}

/// Whether a task that was found is still there.
pub(crate) fn is_there(task: &Task) -> bool {
    let Named { id, slot } = task.named();
    matches!(shard(id).lock().slots.get(slot as usize), Some(Some((known, _))) if *known == id)
}

/// As [`is_there`], of one that was not: it is looked for.
pub(crate) fn is_live(id: u64) -> bool {
    shard(id).lock().slots.iter().flatten().any(|(known, _)| *known == id)
}

/// Tasks made, and tasks gone, since the start.
pub(crate) fn counts() -> (u64, u64) {
    SHARDS.iter().fold((0, 0), |(spawned, finished), shard| {
        let shard = shard.lock();
        (spawned + shard.spawned, finished + shard.finished)
    })
}

/// A task has panicked.
pub(crate) fn panicked(task: &Task, message: String) {
    // Who blocks on a runtime is told of it by the panic itself.
    if task.identity.kind == Kind::Main {
        return;
    }
    let mut unseen = unseen();
    if unseen.panics.len() == PANICS {
        unseen.dropped += 1;
        return;
    }
    let (name, origin) = (task.identity.name().map(str::to_owned), task.identity.origin);
    let region = task.charged_to().cloned();
    unseen.panics.push(Panicked { task: task.id, name, region, origin, message });
}

/// Somebody has joined a task that panicked.
pub(crate) fn has_seen(task: u64) {
    unseen().panics.retain(|it| it.task != task);
}

/// Panics that nobody has seen, and how many there were beyond those.
pub(crate) fn panics() -> (Vec<Panicked>, u64) {
    let unseen = unseen();
    (unseen.panics.clone(), unseen.dropped)
}

/// Whether there are such panics of a region.
#[cfg(feature = "test")]
pub(crate) fn has_panics(region: &Region) -> bool {
    unseen().panics.iter().any(|it| it.region.as_ref().is_some_and(|own| own.id == region.id))
}

/// The verdict on a region is given: its panics have been told.
#[cfg(feature = "test")]
pub(crate) fn tell_panics_of(region: &Region) {
    unseen().panics.retain(|it| it.region.as_ref().is_none_or(|own| own.id != region.id));
}

/// Nothing that is done under this lock can panic half-way.
fn unseen() -> MutexGuard<'static, Unseen> {
    UNSEEN.lock().unwrap_or_else(PoisonError::into_inner)
}
