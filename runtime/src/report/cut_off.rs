//! Tasks of other runtimes that were alive when what ran them was shut down: `#[tokio::test]` does so when the
//! body of its test has ended. Nobody can wait for them any more.
//!
//! Invariant: only what nobody could have ended is judged. Where one task of a runtime was still to go on, or
//! might have been woken by what is in no record, it or another one could have ended a moment later: then only
//! what is certain is a finding, and the others are counted, and nothing is said of them.

use std::collections::BTreeSet;

use gleak_detector::survey::{Standing, Survey};
use gleak_detector::{Certainty, Report, Suppressions};
use gleak_snapshot::{Snapshot, Task, TaskState, WaitReason};

use super::left::{self, joined};
use super::{others, settings};

/// What was cut off.
#[derive(Clone, Debug)]
pub struct CutOff {
    /// On those that nobody could have ended.
    pub report: Report,
    /// All of them.
    pub survey: Survey,
}

/// Judges what was cut off, time by time.
pub(super) fn judged(suppressions: &Suppressions) -> CutOff {
    let judge = |snapshot: &Snapshot| left::judged(snapshot, 0, suppressions, &BTreeSet::new());
    let mut all = CutOff { report: judge(&Snapshot::default()), survey: Survey::default() };
    for snapshot in others::cut_off() {
        let mut report = judge(&snapshot);
        let at_rest = is_at_rest(&snapshot);
        if !at_rest {
            report.findings.retain(|finding| finding.certainty == Certainty::Certain);
        }
        let stuck = report.never_again();
        all.survey.add_groups(&snapshot, &report.groups, |task| {
            match at_rest || stuck.contains(&task) {
                true => Standing::Left,
                false => Standing::CutShort,
            }
        });
        all.report = joined(all.report, report);
    }
    all
}

fn is_at_rest(snapshot: &Snapshot) -> bool {
    let by = snapshot.header.taken_ns.saturating_add(settle_ns());
    !snapshot.completeness.unsettled_uncharged
        && !snapshot.regions.iter().any(|region| region.unsettled)
        && snapshot.tasks.iter().all(|task| rests(task, by))
}

/// Whether it waits, for what is all known and comes by no timer until then.
fn rests(task: &Task, by_ns: u64) -> bool {
    match &task.state {
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => false,
        TaskState::Waiting(wait) => {
            wait.reason != WaitReason::Future
                && wait.unlisted_arms == 0
                && wait.until_ns.is_none_or(|until| until > by_ns)
        }
    }
}

fn settle_ns() -> u64 {
    u64::try_from(settings::settle_time().as_nanos()).unwrap_or(u64::MAX)
}

/// A line on those that are counted and not judged.
pub(super) fn not_judged(survey: &Survey) -> Option<String> {
    let tasks = match survey.tasks(Standing::CutShort) {
        0 => return None,
        1 => "1 task".to_owned(),
        many => format!("{many} tasks"),
    };
    Some(format!(
        "gleak: {tasks} could still have ended when the runtime of the test was shut down, so nothing is said of \
         them: a guard, or gleak's attribute, waits for such (GLEAK=survey lists them)"
    ))
}
