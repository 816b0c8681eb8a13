//! Something was done that is never right.

use gleak_snapshot::Misuse;

use super::{Case, Draft, RuleInfo};
use crate::{Certainty, Rule};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::Misuse,
    summary: "A wait group was used again too early, or a lock given back by a stranger.",
    certainty: Certainty::Certain,
    needs: "the event's record: a group counted up from zero by hand while a wait that had been woken \
            had not returned; a guard dropped by another task than the one that locked",
    silent: "what was done panics as in Go (a double close, a send on a closed channel, a count below \
             zero): the panic names both places, and who catches it knows; a group is counted by tokens; \
             more misuses than are kept (how many is said)",
    find,
    because,
    facts: None,
};

fn find(case: &Case<'_>, _taken: &[bool]) -> Vec<Draft> {
    let is_meant = |kind| match kind {
        Misuse::GroupReused | Misuse::StrangerUnlock => true,
        Misuse::UnseenError => false,
    };
    vec![Draft::misuses(case, is_meant)]
}

fn because(_case: &Case<'_>, _tasks: &[usize]) -> String {
    "it has happened, and is never right".to_owned()
}
