//! What may be said of a worker and of a task's place on one.

use super::find_task;
use crate::{Invalid, Task, TaskState, WaiterKind, Worker, WorkerId};

/// What is wrong with where a task has started.
pub(crate) fn worker_fault(task: &Task, is_known: impl Fn(WorkerId) -> bool) -> Option<Invalid> {
    let worker = task.worker?;
    if task.kind == WaiterKind::Thread || task.state == TaskState::Fresh {
        return Some(Invalid::NotStarted { task: task.id, worker });
    }
    (!is_known(worker)).then_some(Invalid::NoWorker { task: task.id, worker })
}

/// What is wrong with the task on a worker. Since a task has one worker, no two workers pass with
/// the same task.
pub(crate) fn running_fault(worker: &Worker, tasks: &[Task]) -> Option<Invalid> {
    let Worker { id, running, held_since_ns, sleeps } = *worker;
    match running {
        None if held_since_ns.is_none() && sleeps.is_none() => None,
        None => Some(Invalid::Held { worker: id }),
        Some(running) => {
            let here = find_task(tasks, running).is_some_and(|task| task.worker == Some(id));
            (!here).then_some(Invalid::Running { worker: id, task: running })
        }
    }
}
