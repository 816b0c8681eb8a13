//! Names and labels: given by few, so they live beside the records, in a shared map that no park
//! touches.

use dashmap::DashMap;
use dashmap::try_result::TryResult;
use once_cell::sync::Lazy;

/// What was given at spawn, or a name given to an object or region.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tags {
    pub(crate) name: Option<String>,
    /// Sorted by key.
    pub(crate) labels: Vec<(String, String)>,
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

/// As [`get`], for a signal handler: allocates nothing, waits for nobody, and calls `f` only if the
/// map can be read at once, which it can unless some thread is just changing that part of it.
pub(crate) fn look<R>(key: Key, f: impl FnOnce(&Tags) -> R) -> Option<R> {
    match Lazy::get(&TAGS)?.try_get(&key) {
        TryResult::Present(tags) => {
            let result = f(&tags);
            // Not unlocked: to do so may mean to wake somebody, and the process ends anyhow.
            std::mem::forget(tags);
            Some(result)
        }
        TryResult::Absent | TryResult::Locked => None,
    }
}

pub(crate) fn remove(key: Key) {
    TAGS.remove(&key);
}
