//! Still alive when the region ended.

use gleak_snapshot::{Task, WaiterKind};

use super::{Case, Draft, RuleInfo};
use crate::{Certainty, Rule, Scope};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::Outlived,
    summary: "A task is still alive although what it belongs to has ended.",
    certainty: Certainty::Weak,
    needs: "a question with an end: a region, or tasks new since a moment",
    silent: "the whole process is asked for: being alive is then no fault; an earlier rule has \
             the task; it was spawned as a background task or a daemon",
    find,
    because,
    facts: None,
};

fn find(case: &Case<'_>, taken: &[bool]) -> Vec<Draft> {
    case.by_cause(&left(case, taken), &[])
}

/// Who is alive although what is asked about has ended, and was not found by an earlier rule.
pub(super) fn left(case: &Case<'_>, taken: &[bool]) -> Vec<usize> {
    let tasks = &case.index.tasks;
    let left =
        |&number: &usize| !taken[number] && is_charged(tasks[number]) && case.in_scope(number);
    match case.scope {
        Scope::Process => Vec::new(),
        Scope::Region(_) | Scope::NewSince(_) => (0..tasks.len()).filter(left).collect(),
    }
}

/// A task whose end somebody may expect.
pub(crate) fn is_charged(task: &Task) -> bool {
    task.kind == WaiterKind::Task && task.tenure.is_ordinary()
}

fn because(case: &Case<'_>, _tasks: &[usize]) -> String {
    let why = match case.scope {
        Scope::Process | Scope::Region(_) => {
            "it was still alive when its region ended; it may still go on"
        }
        Scope::NewSince(_) => "it was not there before and is still alive; it may still go on",
    };
    why.to_owned()
}
