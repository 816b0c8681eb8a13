//! What is left beside who asks: for programs that look at themselves, as goleak's `Find` does.
//!
//! Invariant: who asks, and the tasks that it descends from, are no findings.

use std::collections::BTreeSet;

use gleak_detector::{Report, render};
use gleak_snapshot::{Reason, Snapshot, TaskId};

use super::{layout, left, say};
use crate::machine::futex::Parker;
use crate::scheduler::current;
use crate::{collect, sleep};

/// What is left in the process beside the caller: waits for tasks that could still finish, up to
/// `GLEAK_SETTLE_MS` or 200 ms, and judges the others, each region by itself. A file that
/// `GLEAK_SUPPRESS` names takes findings away.
///
/// The caller's own task or thread does not count, nor do those that it descends from, nor what a test or a
/// guard has answered for, nor background tasks and daemons.
///
/// ```
/// use gleak_runtime::{Chan, go, report};
///
/// gleak_runtime::run(|| {
///     let jobs = Chan::<u32>::new(0);
///     let worker = jobs.clone();
///     go! { worker.recv() };
///     assert_eq!(report::find().findings.len(), 1);
///     jobs.close();
///     report::verify_none();
/// });
/// ```
#[must_use]
pub fn find() -> Report {
    let me = current::accountable().map(|me| TaskId(me.record.id()));
    let but = me.map_or(BTreeSet::new(), |me| line_of(&collect::collect(Reason::Request), me));
    // A task gives way meanwhile: those that could finish may be of its own worker.
    let parker = Parker::new();
    let pause = |time| match current::task_id() {
        Some(_) => sleep(time),
        None => parker.park(Some(time)),
    };
    let (report, misread) = left::look(&but, &pause);
    misread.iter().for_each(|text| say(text));
    report
}

/// Panics with the report if [`find`] finds something.
///
/// # Panics
/// Then.
#[track_caller]
pub fn verify_none() {
    let report = find();
    if !report.findings.is_empty() {
        panic!("{}", render::still_there(&report, &layout(&report)).trim_end());
    }
}

/// A task and those that it descends from, as far as they are alive.
fn line_of(snapshot: &Snapshot, task: TaskId) -> BTreeSet<TaskId> {
    let parent = |id: &TaskId| {
        let at = snapshot.tasks.binary_search_by_key(id, |task| task.id).ok()?;
        snapshot.tasks[at].parent
    };
    std::iter::successors(Some(task), parent).collect()
}
