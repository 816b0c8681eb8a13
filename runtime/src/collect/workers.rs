//! Workers, looked at before the first read of the tasks and after the second.
//!
//! A task is said to be on a worker only if both looks saw it there in the same turn: then it was
//! there at every moment between, and so at every read of a task. How many tasks wait behind it
//! follows from the tasks, which know their workers.

use gleak_snapshot::{Snapshot, Task, TaskId, TaskState, Worker, WorkerId};

use crate::machine::process;
use crate::records::waiter::WAITERS;
use crate::scheduler::held::Look;
use crate::scheduler::seat::{self, Seat};
use crate::sync::Ordering;

/// What the first look remembers of a worker.
pub(super) struct Seen {
    id: WorkerId,
    look: Look,
}

/// By id.
pub(super) fn first_pass() -> Vec<Seen> {
    seat::all()
        .map(|worker| Seen { id: WorkerId(worker.index), look: worker.turns.look() })
        .collect()
}

/// The workers by id, also those that came meanwhile. `tasks` are sorted by id.
pub(super) fn second_pass(seen: &[Seen], tasks: &[Task]) -> Vec<Worker> {
    seat::all().map(|worker| second_look(worker, seen, tasks)).collect()
}

fn second_look(worker: &Seat, seen: &[Seen], tasks: &[Task]) -> Worker {
    let id = WorkerId(worker.index);
    // Before the look: if that sees no switch, what is held is still the turn that it was then.
    let held_since_ns = worker.turns.held_since();
    let look = worker.turns.look();
    let before = seen.binary_search_by_key(&id, |before| before.id).ok().map(|at| &seen[at]);
    let stayed = before.is_some_and(|before| before.look == look);
    let running = look.running().filter(|_| stayed).and_then(|task| {
        let task = TaskId(WAITERS.get(task)?.id());
        // One that is at its very end is in the snapshot no more.
        let listed = tasks.binary_search_by_key(&task, |it| it.id).ok()?;
        (tasks[listed].worker == Some(id)).then_some(task)
    });
    let held_since_ns = held_since_ns.filter(|_| running.is_some());
    Worker { id, running, held_since_ns, sleeps: None }
}

/// Says of held workers whether their threads sleep in the kernel, in the doing of a task that is in no
/// wait of ours. Before stacks are asked for, since that wakes them.
pub(super) fn add_sleeps(snapshot: &mut Snapshot) {
    let Snapshot { workers, tasks, .. } = snapshot;
    for worker in workers.iter_mut().filter(|worker| worker.held_since_ns.is_some()) {
        let runs = worker.running.is_some_and(|running| {
            let at = tasks.binary_search_by_key(&running, |it| it.id);
            at.is_ok_and(|at| tasks[at].state == TaskState::Running)
        });
        let Some(seat) = seat::all().find(|seat| WorkerId(seat.index) == worker.id) else {
            continue;
        };
        if runs {
            let sleeps = process::sleeps_in(seat.tid.load(Ordering::Relaxed));
            // Still in the turn that the snapshot saw?
            worker.sleeps = sleeps.filter(|_| seat.turns.held_since() == worker.held_since_ns);
        }
    }
}
