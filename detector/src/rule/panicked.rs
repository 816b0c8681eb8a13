//! A task panicked and nobody joined it.

use super::{Case, Draft, RuleInfo};
use crate::{Certainty, Rule};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::Panicked,
    summary: "A task panicked and nobody joined it, so that nobody knows.",
    certainty: Certainty::Certain,
    needs: "the panic's record",
    silent: "somebody joined the task, even if the error was then dropped; more panics than are \
             kept (how many is said)",
    find,
    because,
    facts: None,
};

fn find(case: &Case<'_>, _taken: &[bool]) -> Vec<Draft> {
    let panics = &case.index.snapshot.panics;
    let mut numbers: Vec<usize> = (0..panics.len()).collect();
    numbers.sort_by_key(|&number| panics[number].task);
    vec![Draft::Panics(numbers)]
}

fn because(_case: &Case<'_>, _tasks: &[usize]) -> String {
    "it ended by a panic, and nobody has joined it to learn of that".to_owned()
}
