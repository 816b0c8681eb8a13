//! A lock whose owner has finished without giving it back.

use super::{Case, Draft, RuleInfo};
use crate::{Certainty, Rule};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::AbandonedLock,
    summary: "The lock's owner has finished without giving it back.",
    certainty: Certainty::Strong,
    needs: "an exact owner that is known to have finished; no timer, no other way on",
    silent: "the process is asleep: then its tasks are in that finding, which is certain",
    find,
    because,
    facts: None,
};

fn find(case: &Case<'_>, taken: &[bool]) -> Vec<Draft> {
    let free = |tasks: &[usize]| tasks.iter().all(|&task| !taken[task]);
    case.abandoned.iter().filter(|cause| free(&cause.members)).cloned().map(Draft::of).collect()
}

fn because(_case: &Case<'_>, _tasks: &[usize]) -> String {
    "the lock's owner has finished without giving it back; only a guard that was put aside \
     somewhere could still do so"
        .to_owned()
}
