//! What tasks keep alive or from others as long as they live: locks, permits, memory of stacks.
//!
//! Facts, no findings: a healthy task keeps such things too.
//!
//! Invariant: what is said to be held is held by record; what is only likely is worded so.

use std::collections::{BTreeMap, BTreeSet};

use gleak_snapshot::{HoldMode, Object, ObjectDetail, ObjectId, StackUse, Task, TaskId};
use serde::{Deserialize, Serialize};

use crate::index::Index;
use crate::words;

/// More names than this help nobody.
const NAMED: usize = 3;

/// What the tasks of a group keep.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Keeps {
    /// The locks that they hold, each once: by name for a handful, then how many more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<String>,
    /// Semaphores with permits taken whose last taker is one of them. A permit may have been handed on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permits: Vec<String>,
    /// Their stacks together; none when the snapshot does not tell of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<StackUse>,
}

impl Keeps {
    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.locks.is_empty() && self.permits.is_empty() && self.stack.is_none()
    }
}

/// Which semaphores' permits a task took last, while some are out.
pub(crate) type LastTakers = BTreeMap<TaskId, Vec<ObjectId>>;

/// Those of a snapshot.
pub(crate) fn last_takers(objects: &[&Object]) -> LastTakers {
    let mut takers = LastTakers::new();
    for object in objects {
        if let ObjectDetail::Semaphore { permits, available, taken: Some(taken) } = object.detail
            && available < permits
        {
            takers.entry(taken.task).or_default().push(object.id);
        }
    }
    takers
}

/// What these tasks keep.
pub(crate) fn of<'t>(index: &Index<'_>, tasks: impl Iterator<Item = &'t Task>) -> Keeps {
    let mut locks: BTreeSet<(ObjectId, HoldMode)> = BTreeSet::new();
    let mut permits: BTreeSet<ObjectId> = BTreeSet::new();
    let mut stack: Option<StackUse> = None;
    for task in tasks {
        locks.extend(task.holds.iter().map(|hold| (hold.object, hold.mode)));
        permits.extend(index.last_takers.get(&task.id).into_iter().flatten());
        if let Some(own) = task.stack {
            let sum = stack.get_or_insert(StackUse { bytes: 0, touched: 0 });
            // A file may claim anything.
            sum.bytes = sum.bytes.saturating_add(own.bytes);
            sum.touched = sum.touched.saturating_add(own.touched);
        }
    }
    let name = |id: ObjectId| index.object(id).map_or_else(|| id.to_string(), words::name_object);
    let lock = |(id, mode): &(ObjectId, HoldMode)| match mode {
        HoldMode::Exclusive => name(*id),
        HoldMode::Shared => format!("{} for reading", name(*id)),
    };
    let supply = |id: &ObjectId| format!("{}{}", name(*id), left(index, *id));
    Keeps {
        locks: a_handful(locks.iter().map(lock), "lock"),
        permits: a_handful(permits.iter().map(supply), "semaphore"),
        stack,
    }
}

fn left(index: &Index<'_>, id: ObjectId) -> String {
    match index.object(id).map(|object| &object.detail) {
        Some(ObjectDetail::Semaphore { permits, available, .. }) => {
            format!(" ({available} of {permits} left)")
        }
        _ => String::new(),
    }
}

fn a_handful(all: impl ExactSizeIterator<Item = String>, noun: &str) -> Vec<String> {
    let rest = all.len().saturating_sub(NAMED);
    let mut named: Vec<String> = all.take(NAMED).collect();
    if rest > 0 {
        named.push(words::count(rest, &format!("more {noun}")));
    }
    named
}
