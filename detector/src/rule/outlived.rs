//! Still alive when the region ended.

use super::{Case, Draft, RuleInfo};
use crate::{Certainty, Rule, Scope};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::Outlived,
    summary: "A task is still alive although what it belongs to has ended.",
    certainty: Certainty::Weak,
    needs: "a question with an end: a region, the exit of the process, or tasks new since a moment",
    silent: "the whole process is asked for: being alive is then no fault; an earlier rule has \
             the task; it was spawned as a background task or a daemon",
    find,
    because,
    facts: None,
};

fn find(case: &Case<'_>, taken: &[bool]) -> Vec<Draft> {
    match case.scope {
        Scope::Process => Vec::new(),
        Scope::Region(_) | Scope::Uncharged | Scope::NewSince(_) => {
            case.by_cause(&case.left_over(taken))
        }
    }
}

fn because(case: &Case<'_>, _tasks: &[usize]) -> String {
    let why = match case.scope {
        Scope::Process | Scope::Region(_) => {
            "it was still alive when its region ended; it may still go on"
        }
        Scope::Uncharged => "it was still alive when the process ended; it may still go on",
        Scope::NewSince(_) => "it was not there before and is still alive; it may still go on",
    };
    why.to_owned()
}
