//! Tasks took locks in orders that do not agree, and did not meet.

use super::{Case, Draft, RuleInfo};
use crate::{Asleep, Certainty, Rule, lock_order};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::LockOrder,
    summary: "Tasks took locks in orders that do not agree: had they met, none could have gone on.",
    certainty: Certainty::Potential,
    needs: "that the order of locks is recorded (`GLEAK_LOCK_ORDER=1`); for each lock of a circle a \
            task that held it and took the next one, all of them different tasks",
    silent: "two of the tasks held one further lock, which lets them pass one by one; the second lock \
             was tried or asked for with a limit; both sides only read; one task had done its part \
             before another was spawned, or before one that has spawned or joined it began; \
             the tasks are of different tests; the process is asleep, and what is certain is told",
    find,
    because,
    facts: None,
};

fn find(case: &Case<'_>, _taken: &[bool]) -> Vec<Draft> {
    if case.asleep == Asleep::Certain {
        return Vec::new();
    }
    vec![Draft::Orders(lock_order::circles(case.index))]
}

fn because(_case: &Case<'_>, _tasks: &[usize]) -> String {
    "each of these tasks took a lock while it held the one that the task before it took; it did not \
     happen that all held their first lock at once, and nothing that is recorded keeps it from \
     happening"
        .to_owned()
}
