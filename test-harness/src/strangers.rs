//! Strays of other runtimes: their tasks that belong to no test.
//!
//! Invariant: their numbers are never looked up among ours, nor those of one runtime among another's.

use std::collections::BTreeSet;

use gleak_runtime::report::detector::{Report, can_go_on};
use gleak_runtime::report::others;
use gleak_runtime::report::snapshot::{Reason, Snapshot, TaskId};

use crate::stray::{self, is_stray};
use crate::suite::Suite;
use crate::verdict;

/// What another runtime shows, and the report on its strays.
#[derive(Debug)]
pub(crate) struct Strangers {
    pub(crate) snapshot: Snapshot,
    pub(crate) report: Report,
}

/// Tasks of each that are there now.
pub(crate) fn known() -> Vec<BTreeSet<TaskId>> {
    let ids = |snapshot: &Snapshot| snapshot.tasks.iter().map(|task| task.id).collect();
    others(Reason::Request).iter().map(ids).collect()
}

/// Looks at all of them. `before` is what [`known`] was at the start: none of those that came since.
pub(crate) fn now(suite: &Suite, before: &[BTreeSet<TaskId>]) -> Vec<Strangers> {
    let (snapshots, nobody) = (others(Reason::Request), BTreeSet::new());
    let judge = |(at, snapshot): (usize, Snapshot)| {
        let before = before.get(at).unwrap_or(&nobody);
        let tasks = snapshot.tasks.iter();
        let accepted = tasks.filter(|task| !is_stray(&snapshot, task, before, &nobody));
        let accepted: BTreeSet<TaskId> = accepted.map(|task| task.id).collect();
        let report = stray::judged(suite, &snapshot, &accepted, before, &nobody);
        Strangers { snapshot, report }
    };
    snapshots.into_iter().enumerate().map(judge).collect()
}

impl Strangers {
    /// Whether one that is not ignored could still finish.
    pub(crate) fn may_finish(&self) -> bool {
        let asked = verdict::tasks(self.report.groups.iter());
        let mut tasks = self.snapshot.tasks.iter();
        tasks.any(|task| asked.contains(&task.id) && can_go_on(task))
    }
}
