//! A task that runs on, without a switch, when its region has ended.

use gleak_snapshot::{Task, TaskState, Worker};

use super::{Case, Draft, LONG_NS, RuleInfo, is_charged};
use crate::{Certainty, Rule, Scope};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::Spinner,
    summary: "A task runs on, and has not left its worker for a second, although its region has ended.",
    certainty: Certainty::Weak,
    needs: "the end of a region (a test, a guard); a worker that the task has held for a second",
    silent: "the task switches now and then, or is in a wait of the runtime, whoever else waits behind it: \
             then it has outlived its region; the whole process is asked for",
    find,
    because,
    facts: None,
};

fn find(case: &Case<'_>, taken: &[bool]) -> Vec<Draft> {
    let Scope::Region(region) = *case.scope else { return Vec::new() };
    let index = case.index;
    let spins = |worker: &Worker| {
        let number = index.task(worker.running?)?;
        let task = index.tasks[number];
        let held_ns = index.snapshot.header.taken_ns.saturating_sub(worker.held_since_ns?);
        let its_own = task.region == Some(region) && is_charged(task) && !taken[number];
        let spins = its_own && task.state == TaskState::Running && held_ns >= LONG_NS;
        spins.then_some((number, worker.id))
    };
    let found = index.snapshot.workers.iter().filter_map(spins);
    let with_stranded = found.map(|(number, worker)| {
        let stranded =
            |task: &Task| task.worker == Some(worker) && task.state == TaskState::Runnable;
        let behind = (0..index.tasks.len()).filter(|&it| !taken[it] && stranded(index.tasks[it]));
        (number, behind.collect())
    });
    case.with_dependents(taken, with_stranded.collect())
}

fn because(_case: &Case<'_>, _tasks: &[usize]) -> String {
    "its region has ended, and it has not left its worker for a second: a loop without an end, or a call \
     that does not come back; it may still end"
        .to_owned()
}
