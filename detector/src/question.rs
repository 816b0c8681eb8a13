//! What is asked: of which tasks, and which of them are known and accepted.

use std::collections::BTreeSet;

use gleak_snapshot::{RegionId, TaskId};

use crate::History;

/// What to judge.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Question {
    /// Whose tasks.
    pub scope: Scope,
    /// Tasks that no finding is made on.
    pub ignore: Vec<Ignore>,
    /// For how long the region had been over: what happened since is held against nobody.
    pub settled_ns: u64,
    /// Whom to suspect besides.
    pub suspect: Suspect,
}

/// Suspicions that a healthy process raises too, and that are therefore only had on request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Suspect {
    /// Tasks that have waited for longer than this, on objects that nobody came to meanwhile.
    pub longer_ns: Option<u64>,
    /// Groups of tasks that grow from sample to sample. The last sample is the judged snapshot.
    pub history: History,
}

/// Whose tasks are judged. Whatever the scope, the whole snapshot is evidence.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Scope {
    /// All of the process. Being alive is then no finding.
    #[default]
    Process,
    /// Those of a region whose end has come: whoever is left has outlived it.
    Region(RegionId),
    /// Those that were not there when the set was taken.
    NewSince(BTreeSet<TaskId>),
}

/// A filter on tasks. The text is compared whole, or as a prefix when it ends with `*`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Ignore {
    /// By the name given at spawn.
    Name(String),
    /// By the file of the spawn, as in [`crate::FindingKey::spawn_file`].
    SpawnFile(String),
    /// By the spawned function, as in [`crate::FindingKey::entry`].
    Entry(String),
}

impl Ignore {
    pub(crate) fn matches(&self, name: Option<&str>, spawn_file: &str, entry: &str) -> bool {
        match self {
            Ignore::Name(pattern) => name.is_some_and(|name| glob(pattern, name)),
            Ignore::SpawnFile(pattern) => glob(pattern, spawn_file),
            Ignore::Entry(pattern) => glob(pattern, entry),
        }
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => text.starts_with(prefix),
        None => text == pattern,
    }
}
