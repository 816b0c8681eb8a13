//! Names and labels: given by few, so they live beside the records, in a shared map that no park
//! touches.

use dashmap::DashMap;
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

pub(crate) fn remove(key: Key) {
    TAGS.remove(&key);
}
