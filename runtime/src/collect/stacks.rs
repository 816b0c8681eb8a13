//! How much stack parked tasks use: only on request, since it is a system call a task, and a
//! snapshot of a hundred thousand tasks is to cost milliseconds.

use gleak_snapshot::{Snapshot, StackUse, TaskId, TaskState};

use crate::machine::slabs;
use crate::machine::stack;
use crate::records::table::Ref;
use crate::records::waiter::WAITERS;

/// Adds it to the snapshot's parked tasks, as far as they still live.
pub(super) fn measure(snapshot: &mut Snapshot) {
    for task in &mut snapshot.tasks {
        if let TaskState::Waiting(wait) = &task.state
            && let Some(registers) = wait.registers
        {
            task.stack = used(registers.sp, task.id);
        }
    }
}

fn used(sp: u64, task: TaskId) -> Option<StackUse> {
    let place = slabs::find(usize::try_from(sp).ok()?)?;
    // A task has its stack for as long as it lives: the figure is its own if it does so before and
    // after.
    let is_its = || {
        let reference = Ref::from_bits(stack::task_on(place));
        reference.and_then(|it| WAITERS.get(it)).is_some_and(|record| record.id() == task.0)
    };
    if !is_its() {
        return None;
    }
    let touched = stack::touched(place)?;
    is_its().then_some(StackUse { bytes: place.class().stride() as u64, touched: touched as u64 })
}
