//! A task that waits for something else while it holds a lock that others want.

use std::collections::BTreeMap;

use gleak_snapshot::{ObjectId, Target, Task, WaitOp, WaitReason};

use super::{Case, Draft, LONG_NS, RuleInfo, has_ended};
use crate::holder::{Holder, sole_owner};
use crate::index::{Index, wait_of};
use crate::{Certainty, Rule};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::HeldOverBlock,
    summary: "A task waits while it holds a lock for which others have waited for a second.",
    certainty: Certainty::Weak,
    needs: "a question with an end: a region, or tasks new since a moment; an exact owner that waits for \
            something else than a lock or a task's end, and a task that has waited for its lock for a second",
    silent: "the whole process is asked for: a lock may be held for long; nobody has waited for the lock \
             for a second yet; only readers have it; a rule above has the task",
    find,
    because,
    facts: None,
};

fn find(case: &Case<'_>, taken: &[bool]) -> Vec<Draft> {
    if !has_ended(case.scope) {
        return Vec::new();
    }
    let index = case.index;
    let mut behind: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (number, task) in index.tasks.iter().enumerate().filter(|(number, _)| !taken[*number]) {
        let owner = wanted(index, task).and_then(|lock| owner(index, lock));
        if let Some(owner) = owner.filter(|owner| !taken[*owner]) {
            behind.entry(owner).or_default().push(number);
        }
    }
    case.with_dependents(taken, behind)
}

/// The lock that the task has waited for, and for nothing else, for long.
fn wanted(index: &Index<'_>, task: &Task) -> Option<ObjectId> {
    let wait = wait_of(task)?;
    let waited_ns = index.snapshot.header.taken_ns.saturating_sub(wait.since_ns);
    match (&wait.arms[..], wait.unlisted_arms) {
        ([arm], 0) if waited_ns >= LONG_NS => match (arm.op, arm.on) {
            (WaitOp::Lock | WaitOp::ReadLock, Target::Object(id)) => Some(id),
            _ => None,
        },
        _ => None,
    }
}

/// Who has it alone, when that one is in another kind of wait.
fn owner(index: &Index<'_>, lock: ObjectId) -> Option<usize> {
    let Holder::Owner(owner) = sole_owner(index.object(lock)?) else { return None };
    let number = index.task(owner.task)?;
    let blocks = match wait_of(index.tasks[number])?.reason {
        // These are followed to who is the root of it.
        WaitReason::Lock
        | WaitReason::ReadLock
        | WaitReason::WriteLock
        | WaitReason::Join
        | WaitReason::Once
        | WaitReason::Host => false,
        WaitReason::Send
        | WaitReason::Receive
        | WaitReason::Select
        | WaitReason::WaitGroup
        | WaitReason::Cancel
        | WaitReason::Read
        | WaitReason::Write
        | WaitReason::Cond
        | WaitReason::Semaphore
        | WaitReason::Barrier
        | WaitReason::Blocking
        | WaitReason::Future
        | WaitReason::Sleep => true,
    };
    blocks.then_some(number)
}

fn because(_case: &Case<'_>, _tasks: &[usize]) -> String {
    "it waits for something else while it holds a lock that others have waited for longer than a second; \
     all of them may still go on"
        .to_owned()
}
