//! The end verdict: tasks that belong to no test.
//!
//! Such tasks were spawned by a plain thread, by the initialiser of a static cell, or by a task
//! whose test had had its verdict. No test
//! is blamed for them; the run fails. Background tasks may stay; daemons as well, unless it is certain
//! that they cannot go on.
//!
//! Those of other runtimes are looked for by themselves (`strangers.rs`).
//!
//! Invariant: what a test has answered for is not told again, also when its region is gone.

use std::collections::BTreeSet;

use gleak_runtime::report::detector::survey::{Standing, Survey};
use gleak_runtime::report::detector::{
    Exception, Finding, Group, Question, Report, Scope, can_go_on, render,
};
use gleak_runtime::report::snapshot::{RegionId, Snapshot, Task, TaskId, Tenure, WaiterKind};
use gleak_runtime::report::{self, Detail, Look, layout};
use gleak_runtime::task_count;

use crate::outsiders::{self, Seen};
use crate::strangers::Strangers;
use crate::suite::Suite;
use crate::wait::Latch;
use crate::{exceptions, strangers, verdict};

/// Tasks that are there before the first test.
#[derive(Debug, Default)]
pub(crate) struct Known {
    ours: BTreeSet<TaskId>,
    theirs: Vec<BTreeSet<TaskId>>,
}

impl Known {
    /// Now.
    pub(crate) fn now() -> Known {
        let ours = || report::snapshot().tasks.iter().map(|task| task.id).collect();
        let none = task_count() == 0 && report::spawned_threads().is_empty();
        let ours = if none { BTreeSet::new() } else { ours() };
        Known { ours, theirs: strangers::known() }
    }
}

/// What belongs to no test.
#[derive(Debug)]
pub(crate) struct Strays {
    pub(crate) report: Report,
    /// Those of them that are alive.
    pub(crate) survey: Survey,
}

/// Waits for strays that could still finish, and judges the rest. `before` is what there was at the start.
pub(crate) fn judge(suite: &Suite, before: &Known) -> Strays {
    // Tasks of the process-wide runtime tell nobody of their end, so it is looked at.
    let pause = |time| Latch::default().pause(time);
    let (mut seen, judge, mut report, theirs) =
        report::settle(suite.options.settle(), pause, || {
            let mut seen = Seen::now(&suite.ledger);
            exceptions::add_stacks_for(&suite.exceptions.ignores, &mut seen.taken);
            let snapshot = seen.snapshot();
            let answered = suite.ledger.charged();
            let accepted: BTreeSet<TaskId> = snapshot
                .tasks
                .iter()
                .filter(|task| !is_stray(snapshot, task, &before.ours, &answered))
                .map(|task| task.id)
                .collect();
            let judge = move |snapshot: &Snapshot| {
                judged(suite, snapshot, &accepted, &before.ours, &answered)
            };
            // Those that are not ignored. Nobody expects a daemon to finish; it is looked at for deadlocks.
            let report = judge(snapshot);
            let asked = verdict::tasks(report.groups.iter());
            let strays = || {
                let tasks = snapshot.tasks.iter();
                tasks.filter(|task| asked.contains(&task.id) && task.tenure.is_ordinary())
            };
            let theirs = strangers::now(suite, &before.theirs);
            let may_finish = strays().any(|task| seen.outsider.is_some() || can_go_on(task))
                || theirs.iter().any(Strangers::may_finish);
            let due = report::sleepers_due(snapshot, strays());
            Look { may_finish, due, seen: (seen, judge, report, theirs) }
        });
    if !report.findings.is_empty() {
        seen.taken.add(Detail::REPORT);
        report = judge(seen.snapshot());
    }
    let mut survey = Survey::default();
    survey.add_groups(seen.snapshot(), &report.groups, |_| Standing::Left);
    for Strangers { snapshot, report: own } in theirs {
        survey.add_groups(&snapshot, &own.groups, |_| Standing::Left);
        if !own.findings.is_empty() {
            let both = &mut report.completeness.coverage;
            *both = match (*both, own.completeness.coverage) {
                (Some(one), Some(two)) => Some(one.and(two)),
                (one, two) => one.or(two),
            };
        }
        report.findings.extend(own.findings);
        Exception::add_all(&mut report.exceptions, own.exceptions);
    }
    report.findings.sort_by_key(|finding| finding.key.rule);
    Strays { report, survey }
}

pub(crate) fn is_stray(
    snapshot: &Snapshot,
    task: &Task,
    before: &BTreeSet<TaskId>,
    answered: &BTreeSet<TaskId>,
) -> bool {
    task.is_spawned()
        && task.tenure != Tenure::Background
        && !outsiders::of_a_test(snapshot, task.region)
        && !before.contains(&task.id)
        && !answered.contains(&task.id)
}

/// The report on those that are not accepted, and on what was done by nobody else.
pub(crate) fn judged(
    suite: &Suite,
    snapshot: &Snapshot,
    accepted: &BTreeSet<TaskId>,
    before: &BTreeSet<TaskId>,
    answered: &BTreeSet<TaskId>,
) -> Report {
    let ignore = suite.exceptions.ignores.clone();
    let of_no_test = |task: &TaskId, region: Option<RegionId>| {
        !outsiders::of_a_test(snapshot, region)
            && !before.contains(task)
            && !answered.contains(task)
    };
    let (mut panics, mut misuses) = (snapshot.panics.clone(), snapshot.misuses.clone());
    panics.retain(|panic| of_no_test(&panic.task, panic.region));
    misuses.retain(|misuse| of_no_test(&misuse.task, misuse.region));
    let living = Snapshot { panics: Vec::new(), misuses: Vec::new(), ..snapshot.clone() };
    let scope = Scope::NewSince(accepted.clone());
    let mut report =
        verdict::judge(&living, &Question { scope, ignore: ignore.clone(), ..Question::default() });
    // By its numbers alone a task that has ended cannot be told from the accepted ones, so panics
    // and misuses are judged by themselves, among no tasks.
    let (tasks, objects, lock_order) = (Vec::new(), Vec::new(), Vec::new());
    let ended = Snapshot { tasks, objects, lock_order, panics, misuses, ..living };
    let scope = Scope::NewSince(BTreeSet::new());
    let question = Question { scope, ignore, ..Question::default() };
    let of_ended = verdict::judge(&ended, &question);
    report.findings.extend(of_ended.findings);
    report.findings.sort_by_key(|finding| finding.key.rule);
    Exception::add_all(&mut report.exceptions, of_ended.exceptions);
    suite.exceptions.suppress(&mut report, snapshot);
    report
}

/// The section on stderr; none when there is nothing to tell.
pub(crate) fn section(report: &Report) -> Option<String> {
    if report.findings.is_empty() {
        return None;
    }
    let groups =
        || report.findings.iter().flat_map(|it: &Finding| it.groups.iter().chain(&it.dependents));
    let count = |kind: WaiterKind, noun: &str| {
        let own = groups().filter(|group: &&Group| group.kind == kind);
        match own.map(|group| group.members.len()).sum() {
            0 => (0, None),
            1 => (1, Some(format!("1 {noun}"))),
            many => (many, Some(format!("{many} {noun}s"))),
        }
    };
    let (tasks, said) = count(WaiterKind::Task, "task");
    let (threads, also) = count(WaiterKind::Thread, "thread");
    let verb = if tasks + threads == 1 { "belongs" } else { "belong" };
    let said = said.into_iter().chain(also).collect::<Vec<_>>().join(" and ");
    let text = render::strays(report, &layout(report));
    Some(format!(
        "gleak: {said} {verb} to no test; the run fails, and no test is to blame\n  \
         spawned by a thread or an initialiser, as a daemon, or after a test's verdict\n\n{}",
        text.trim()
    ))
}
