//! Names, labels and stacks of spawns: given by few, so they live beside the records, in a shared map
//! that no park touches.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::try_result::TryResult;
use once_cell::sync::Lazy;

/// Sorted by key; none when there are none. Shared by a task and all that inherit from it.
pub(crate) type Labels = Option<Arc<[(String, String)]>>;

/// Where a spawn was called from: a byte of each call that was to return, innermost first. One of each
/// in the process.
pub(crate) type SpawnStack = Arc<[u64]>;

/// What was given at spawn, or a name given to an object or region.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tags {
    pub(crate) name: Option<String>,
    pub(crate) labels: Labels,
    pub(crate) spawn_stack: Option<SpawnStack>,
    /// The address of a socket's other side.
    pub(crate) peer: Option<Box<str>>,
}

impl Tags {
    /// A name alone.
    pub(crate) fn named(name: &str) -> Tags {
        Tags { name: Some(name.to_owned()), ..Tags::default() }
    }
}

/// By the never reused id of a task, object or region.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Key {
    Task(u64),
    Object(u64),
    Region(u64),
}

static TAGS: Lazy<DashMap<Key, Tags>> = Lazy::new(DashMap::new);

pub(crate) fn set(key: Key, tags: Tags) {
    TAGS.insert(key, tags);
}

pub(crate) fn get(key: Key) -> Option<Tags> {
    TAGS.get(&key).map(|tags| tags.clone())
}

/// The labels alone, which costs no copy of a text.
pub(crate) fn labels(key: Key) -> Labels {
    TAGS.get(&key)?.labels.clone()
}

/// What came of a [`look`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Looked<R> {
    Found(R),
    Absent,
    /// Some thread is just changing that part of the map.
    Locked,
}

/// As [`get`], for a signal handler: allocates nothing, waits for nobody, and calls `f` only if the
/// map can be read at once. `f` is to be short: who comes to write meanwhile spins, and only one that has
/// gone to sleep over it has to be woken.
pub(crate) fn look<R>(key: Key, f: impl FnOnce(&Tags) -> R) -> Looked<R> {
    let Some(map) = Lazy::get(&TAGS) else { return Looked::Absent };
    match map.try_get(&key) {
        TryResult::Present(tags) => Looked::Found(f(&tags)),
        TryResult::Absent => Looked::Absent,
        TryResult::Locked => Looked::Locked,
    }
}

pub(crate) fn remove(key: Key) {
    TAGS.remove(&key);
}
