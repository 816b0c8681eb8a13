//! A task that waits for what cannot come about.

use gleak_snapshot::{Target, Tenure, Wait, WaitReason};

use super::{Case, Draft, RuleInfo};
use crate::cause::Cause;
use crate::index::wait_of;
use crate::{Certainty, Rule};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::Structural,
    summary: "A task waits for what cannot come about: a never-channel, an empty select, itself, \
              more permits than there are.",
    certainty: Certainty::Certain,
    needs: "the wait itself; for a task that waits for itself also an exact owner",
    silent: "another arm of the select could become ready, or a timer ends the wait; a daemon that nobody \
             waits for, in a select without arms or on a never-channel",
    find,
    because,
    facts: None,
};

fn find(case: &Case<'_>, _taken: &[bool]) -> Vec<Draft> {
    let alone = case.certain.iter().filter(|cause| cause.members.len() == 1);
    alone.filter(|cause| !is_parked_daemon(case, cause)).cloned().map(Draft::of).collect()
}

/// A daemon may wait for ever where nothing can come, as long as nobody waits for it.
fn is_parked_daemon(case: &Case<'_>, cause: &Cause) -> bool {
    let task = cause.members[0];
    let on_nothing = |wait: &Wait| wait.arms.iter().all(|arm| arm.on == Target::Never);
    case.index.tasks[task].tenure == Tenure::Daemon
        && wait_of(case.index.tasks[task]).is_some_and(on_nothing)
        && cause.dependents.is_empty()
}

fn because(case: &Case<'_>, tasks: &[usize]) -> String {
    let first = tasks.first().and_then(|&task| {
        Some((wait_of(case.index.tasks[task])?, case.graph.enablers.length(task) == 0))
    });
    let why = match first {
        Some((wait, true)) if wait.arms.is_empty() => {
            "it waits in a select without arms, which nothing ends"
        }
        Some((wait, true)) if wait.reason == WaitReason::Semaphore => {
            "it asks for more permits than its semaphore has in all"
        }
        Some((_, true)) => "it waits on a never-channel, which nothing ends",
        Some((wait, false)) if wait.reason == WaitReason::Join => {
            "it waits for its own end, and so never ends"
        }
        Some((wait, false)) if wait.reason == WaitReason::Select => {
            "each arm of its select waits for itself or for what cannot come about"
        }
        Some((wait, false)) if wait.reason == WaitReason::Once => {
            "it waits for an initialiser that it runs itself, and so never ends"
        }
        Some((_, false)) | None => {
            "it waits for a lock that it holds itself, and so will never give back"
        }
    };
    why.to_owned()
}
