//! What is asked: of which tasks, and which of them are known and accepted.

use std::collections::BTreeSet;

use gleak_snapshot::{RegionId, TaskId};

use crate::Ignore;

/// What to judge.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Question {
    /// Whose tasks.
    pub scope: Scope,
    /// Tasks that no finding is made on.
    pub ignore: Vec<Ignore>,
}

/// Whose tasks are judged. Whatever the scope, the whole snapshot is evidence.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Scope {
    /// All of the process. Being alive is then no finding.
    #[default]
    Process,
    /// Those of a region whose end has come: whoever is left has outlived it.
    Region(RegionId),
    /// Those that no region is charged with, when the process ends.
    Uncharged,
    /// Those that were not there when the set was taken.
    NewSince(BTreeSet<TaskId>),
}
