//! Tasks that wait for each other in a circle, through locks, initialisers and joins.

use super::{Case, Draft, RuleInfo};
use crate::{Certainty, Rule};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::Cycle,
    summary: "Tasks wait for each other in a circle, through locks, initialisers and joins.",
    certainty: Certainty::Certain,
    needs: "exact owners: each lock's owner or all its readers are known, alive and in the \
            snapshot; no member has a timer or another way on",
    silent: "a guard was dropped by another task than the one that locked; an object changed \
             while the snapshot was taken; one arm of a select is a channel, a wait group or a \
             context, which anybody may wake",
    find,
    because,
    facts: None,
};

fn find(case: &Case<'_>, _taken: &[bool]) -> Vec<Draft> {
    case.certain.iter().filter(|cause| cause.members.len() > 1).cloned().map(Draft::of).collect()
}

fn because(_case: &Case<'_>, _tasks: &[usize]) -> String {
    "each of these tasks waits for what the next one in the circle holds or is, and none of them \
     has another way on"
        .to_owned()
}
