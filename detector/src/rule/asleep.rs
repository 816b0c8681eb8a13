//! Nothing in the process can run, and nothing outside could wake anything.

use gleak_snapshot::{Task, TaskState, Tenure, WaiterKind, WorkerId};

use super::{Case, Draft, RuleInfo};
use crate::index::{Index, all_read, ends_from_outside, is_host, wait_of};
use crate::{Asleep, Certainty, Rule};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::Asleep,
    summary: "Nothing in the process can run, and nothing outside could wake anything.",
    certainty: Certainty::Certain,
    needs: "a process that stood still while it was looked at: nothing queued, no timer, \
            every task waiting, and a list of its threads in which all \
            are the runtime's, wait in it, or were declared harmless",
    silent: "one other thread exists (the report then says: asleep unless that thread acts), or a \
             worker sleeps in the kernel in a call of a task's own, such as a lock of std's; the \
             dump is cut, damaged, or has lines that are not understood; only daemons are left",
    find,
    because,
    facts: None,
};

fn find(case: &Case<'_>, taken: &[bool]) -> Vec<Draft> {
    if case.asleep != Asleep::Certain {
        return Vec::new();
    }
    let tasks = &case.index.tasks;
    let left = (0..tasks.len()).filter(|&number| !taken[number] && waits_for_more(tasks[number]));
    case.by_cause(&left.collect::<Vec<_>>())
}

/// Not a thread that waits for its main task, nor a daemon, which may wait for ever.
fn waits_for_more(task: &Task) -> bool {
    wait_of(task).is_some() && !is_host(task) && task.tenure != Tenure::Daemon
}

fn because(_case: &Case<'_>, _tasks: &[usize]) -> String {
    "every task of the process waits, no timer is armed, and no thread is left that could wake one"
        .to_owned()
}

/// Whether the whole process sleeps.
pub(super) fn judge(index: &Index<'_>) -> Asleep {
    let snapshot = index.snapshot;
    let activity = &snapshot.activity;
    let completeness = &snapshot.completeness;
    let seen = all_read(completeness)
        && completeness.moving == 0
        && completeness.unsettled_objects == 0
        && index.objects.iter().all(|object| !object.unsettled);
    if !seen || activity.timers > 0 {
        return Asleep::No;
    }
    let sleepers = sleepers(index);
    if !sleepers.is_empty() {
        return unless_they_wake(index, sleepers);
    }
    let quiet = activity.still && activity.queued == 0;
    if !quiet || !activity.threads_known || !all_wait(index) {
        return Asleep::No;
    }
    if activity.threads.is_empty() {
        return Asleep::Certain;
    }
    let mut names: Vec<String> =
        activity.threads.iter().map(|thread| thread.name.clone()).collect();
    names.sort();
    Asleep::UnlessThreads(names)
}

/// Workers that a task holds and whose threads sleep in the kernel all the same.
fn sleepers(index: &Index<'_>) -> Vec<WorkerId> {
    let workers = index.snapshot.workers.iter();
    workers.filter(|worker| worker.sleeps.is_some()).map(|worker| worker.id).collect()
}

/// The process is not still as long as they are in their tasks, so this says no more than that nobody
/// else was seen to move, and proves nothing.
fn unless_they_wake(index: &Index<'_>, sleepers: Vec<WorkerId>) -> Asleep {
    let stranded = |task: &&&Task| {
        let behind = task.worker.is_some_and(|worker| sleepers.contains(&worker));
        behind && task.state == TaskState::Runnable
    };
    let queued = index.tasks.iter().filter(stranded).count() as u64;
    let idle = |task: &&Task| match &task.state {
        TaskState::Waiting(wait) => !ends_from_outside(wait),
        TaskState::Running | TaskState::Runnable => {
            task.worker.is_some_and(|worker| sleepers.contains(&worker))
        }
        TaskState::Fresh | TaskState::Moving => false,
    };
    if index.snapshot.activity.queued > queued || !index.tasks.iter().all(idle) {
        return Asleep::No;
    }
    Asleep::UnlessWorkers(sleepers)
}

/// A thread that does not wait must be in the list of threads, which then names it. A context's
/// deadline is a timer of whoever waits for the context.
fn all_wait(index: &Index<'_>) -> bool {
    let listed = !index.snapshot.activity.threads.is_empty();
    let idle = |task: &Task| match &task.state {
        TaskState::Waiting(wait) => !ends_from_outside(wait),
        TaskState::Running => task.kind == WaiterKind::Thread && listed,
        TaskState::Fresh | TaskState::Runnable | TaskState::Moving => false,
    };
    let somebody = index.tasks.iter().any(|task| waits_for_more(task));
    somebody && index.tasks.iter().all(|task| idle(task))
}
