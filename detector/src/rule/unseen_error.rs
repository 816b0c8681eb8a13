//! An error group went away with an error in it.

use gleak_snapshot::Misuse;

use super::{Case, Draft, RuleInfo};
use crate::{Certainty, Rule};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::UnseenError,
    summary: "A task of an error group failed, and nobody waited for the group, so that nobody knows.",
    certainty: Certainty::Certain,
    needs: "the record made when the group went, with its error",
    silent: "somebody waited for the group, even if the error was then dropped; the group's context was \
             done before the task failed, which was told to end; a handle of the group went because its \
             task panicked",
    find,
    because,
    facts: None,
};

fn find(case: &Case<'_>, _taken: &[bool]) -> Vec<Draft> {
    vec![Draft::misuses(case, |kind| kind == Misuse::UnseenError)]
}

fn because(_case: &Case<'_>, _tasks: &[usize]) -> String {
    "its group went with its error, and nobody has waited for the group to learn of that".to_owned()
}
