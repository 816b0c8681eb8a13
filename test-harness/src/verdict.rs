//! What of a report decides about a test.

use std::collections::BTreeSet;

use gleak_runtime::report::detector::{Certainty, Group, Question, Report, Rule, analyze};
use gleak_runtime::report::snapshot::{Snapshot, TaskId};
use gleak_runtime::time::Instant;

/// Whether anybody outside of a test could act on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Others {
    /// Nobody could, and nothing of the test runs.
    Rest,
    /// Somebody could, or the test itself goes on.
    Act,
}

/// The report, less what only could have happened: that fails no test.
pub(crate) fn judge(snapshot: &Snapshot, question: &Question) -> Report {
    let mut report = analyze(snapshot, question);
    report.findings.retain(|finding| finding.certainty != Certainty::Potential);
    report
}

/// The report on a test whose body has not ended, if it shows that the test cannot go on.
///
/// That the body is alive is then no finding, so the weak ones go.
pub(crate) fn of_unended(mut report: Report, others: Others) -> Option<Report> {
    let decides = |rule: Rule| match rule {
        Rule::Cycle | Rule::Structural | Rule::Asleep => true,
        Rule::AbandonedLock | Rule::AsleepInRegion => others == Others::Rest,
        // What has happened holds nobody up.
        Rule::Panicked | Rule::Misuse | Rule::UnseenError | Rule::LockOrder => false,
        Rule::Spinner | Rule::CancelIgnored | Rule::SilentPeer | Rule::LostWakeUp => false,
        Rule::HeldOverBlock | Rule::Outlived | Rule::WaitingLong | Rule::Growing => false,
    };
    if !report.findings.iter().any(|finding| decides(finding.key.rule)) {
        return None;
    }
    // A panic explains a deadlock often enough, and so does a misuse.
    report.findings.retain(|it| decides(it.key.rule) || it.key.rule.is_event());
    Some(report)
}

/// For how long something has been over, as [`Question::settled_ns`] has it.
pub(crate) fn ns_since(end: Instant) -> u64 {
    u64::try_from((Instant::now() - end).as_nanos()).unwrap_or(u64::MAX)
}

/// Whether all that is found is that tasks were left: nothing that was done.
pub(crate) fn only_left(report: &Report) -> bool {
    !report.findings.iter().any(|finding| finding.key.rule.is_event())
}

/// Whether a task is in one of the findings, or behind one.
pub(crate) fn holds(report: &Report, task: TaskId) -> bool {
    let findings = report.findings.iter();
    tasks(findings.flat_map(|it| it.groups.iter().chain(&it.dependents))).contains(&task)
}

/// Whether certain findings hold up all the `live` tasks of a test.
pub(crate) fn all_certain(report: &Report, live: u64) -> bool {
    let own: BTreeSet<TaskId> = tasks(report.groups.iter());
    own.intersection(&report.never_again()).count() as u64 >= live
}

/// The tasks of groups.
pub(crate) fn tasks<'g>(groups: impl Iterator<Item = &'g Group>) -> BTreeSet<TaskId> {
    groups.flat_map(|group| group.members.iter().map(|member| member.task)).collect()
}
