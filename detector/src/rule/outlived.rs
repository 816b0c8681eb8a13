//! Still alive when the region ended.

use super::{Case, Draft, RuleInfo};
use crate::index::wait_of;
use crate::{Certainty, Rule, Scope, words};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::Outlived,
    summary: "A task is still alive although what it belongs to has ended.",
    certainty: Certainty::Weak,
    needs: "a question with an end: a region, the exit of the process, or tasks new since a moment",
    silent: "the whole process is asked for: being alive is then no fault; an earlier rule has \
             the task; it was spawned as a background task or a daemon",
    find,
    because,
    facts: Some(facts),
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

/// When it may go on by itself.
fn facts(case: &Case<'_>, tasks: &[usize]) -> Vec<String> {
    let timers = tasks.iter().filter_map(|&task| wait_of(case.index.tasks[task])?.until_ns);
    let next = timers.min().map(|until_ns| {
        let left_ns = until_ns.saturating_sub(case.index.snapshot.header.taken_ns);
        format!("the next of its timers is due in {}", words::span(left_ns))
    });
    next.into_iter().collect()
}
