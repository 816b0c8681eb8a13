//! Whether what locks say of their owners agrees with what tasks say of their holds.
//!
//! Only settled facts are compared. A task that runs or moved may have taken or given back a lock
//! between the two reads, so its holds prove nothing; the same is true of an unsettled lock and of
//! one whose owner is not exact.

use super::{find_object, find_task};
use crate::{
    Hold, HoldMode, Invalid, Object, ObjectDetail, ObjectId, Owner, Task, TaskId, TaskState,
};

/// All contradictions, each with the lock it lies in. Both lists are sorted by id. None is left
/// once those locks are marked as unsettled.
pub(crate) fn lock_faults(objects: &[Object], tasks: &[Task]) -> Vec<(ObjectId, Invalid)> {
    let mut faults = Vec::new();
    let mut shared = vec![0_u64; objects.len()];
    for task in tasks {
        if !matches!(task.state, TaskState::Waiting(_)) {
            continue;
        }
        for hold in &task.holds {
            let Some(index) = find_object(objects, hold.object) else { continue };
            match hold.mode {
                HoldMode::Shared => shared[index] += 1,
                HoldMode::Exclusive => {
                    let fault = hold_fault(&objects[index], task.id);
                    faults.extend(fault.map(|fault| (hold.object, fault)));
                }
            }
        }
    }
    for (object, found) in objects.iter().zip(shared) {
        let both = [owner_fault(object, tasks), readers_fault(object, found)];
        faults.extend(both.into_iter().flatten().map(|fault| (object.id, fault)));
    }
    faults
}

/// The owner of a lock, when the lock's facts are settled and exact.
fn settled_owner(object: &Object) -> Option<Option<Owner>> {
    let ownership = object.detail.ownership().filter(|it| it.exact && !object.unsettled)?;
    Some(ownership.owner)
}

fn owner_fault(object: &Object, tasks: &[Task]) -> Option<Invalid> {
    let owner = settled_owner(object)??;
    let (object, task) = (object.id, owner.task);
    let listed = find_task(tasks, task);
    if !owner.alive {
        let lives = listed.is_some_and(|task| match task.state {
            TaskState::Fresh | TaskState::Runnable | TaskState::Waiting(_) => true,
            // It may have finished between the two reads.
            TaskState::Running | TaskState::Moving => false,
        });
        return lives.then_some(Invalid::FinishedOwnerListed { object, task });
    }
    let Some(listed) = listed else { return Some(Invalid::OwnerNotListed { object, task }) };
    let hold = Hold { object, mode: HoldMode::Exclusive };
    let waits = matches!(listed.state, TaskState::Waiting(_));
    (waits && !listed.holds.contains(&hold)).then_some(Invalid::OwnerWithoutHold { object, task })
}

fn hold_fault(object: &Object, task: TaskId) -> Option<Invalid> {
    let owner = settled_owner(object)?;
    let owns = owner.is_some_and(|owner| owner.alive && owner.task == task);
    (!owns).then_some(Invalid::HoldWithoutOwner { object: object.id, task })
}

fn readers_fault(object: &Object, found: u64) -> Option<Invalid> {
    settled_owner(object)?;
    let ObjectDetail::RwLock { readers, .. } = &object.detail else { return None };
    let said = *readers;
    (found > said).then_some(Invalid::Readers { object: object.id, said, found })
}
