//! A task that has waited for longer than was asked about, on what nobody came to meanwhile.

use std::collections::BTreeMap;

use gleak_snapshot::{Object, ObjectDetail, ObjectId, Target, Task, Wait, WaitOp, WaitReason};

use super::{Case, Draft, RuleInfo, is_charged};
use crate::index::{Index, wait_of};
use crate::{Certainty, Rule};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::WaitingLong,
    summary: "A task has waited for longer than was asked about, and nobody came to what it waits for.",
    certainty: Certainty::Weak,
    needs: "a question that asks for it (`gleak report --longer 10m`)",
    silent: "nobody asked; a timer ends the wait, or what no record shows: a helper, a future's \
             waker, a new connection; somebody else has come to the same object meanwhile, or the \
             lock that it waits for has changed hands; it waits for the end of a task that is not \
             found itself; it was spawned as a background task or a daemon",
    find,
    because,
    facts: None,
};

fn find(case: &Case<'_>, taken: &[bool]) -> Vec<Draft> {
    let Some(longer_ns) = case.question.suspect.longer_ns else { return Vec::new() };
    let index = case.index;
    let Some(before_ns) = index.snapshot.header.taken_ns.checked_sub(longer_ns) else {
        return Vec::new();
    };
    let last = last_come(index);
    let is_long = |&number: &usize| {
        let task = index.tasks[number];
        let wait = wait_of(task).filter(|wait| wait.since_ns < before_ns);
        let idle = |wait: &Wait| is_idle(index, &last, wait, before_ns);
        !taken[number] && is_charged(task) && wait.is_some_and(idle)
    };
    let long: Vec<usize> = (0..index.tasks.len()).filter(is_long).collect();
    let still = case.supposing(&long);
    let named = |&number: &usize| still.stuck[number] || !joins(index.tasks[number]);
    case.by_cause(&long.iter().copied().filter(named).collect::<Vec<_>>())
}

/// The end of a task is nobody's coming: who waits for it waits for what that task waits for.
fn joins(task: &Task) -> bool {
    wait_of(task).is_some_and(|wait| wait.arms.iter().any(|arm| arm.op == WaitOp::Join))
}

fn because(_case: &Case<'_>, _tasks: &[usize]) -> String {
    "it has waited for longer than was asked about, and nobody has come to what it waits for \
     meanwhile; it may be idle as it should"
        .to_owned()
}

/// When the last of those who wait for an object began to.
fn last_come(index: &Index<'_>) -> BTreeMap<ObjectId, u64> {
    let mut last: BTreeMap<ObjectId, u64> = BTreeMap::new();
    for wait in index.tasks.iter().filter_map(|task| wait_of(task)) {
        for id in objects(wait) {
            let newest = last.entry(id).or_default();
            *newest = wait.since_ns.max(*newest);
        }
    }
    last
}

fn objects(wait: &Wait) -> impl Iterator<Item = ObjectId> {
    wait.arms.iter().filter_map(|arm| match arm.on {
        Target::Object(id) => Some(id),
        Target::Task(_) | Target::Never => None,
    })
}

fn is_idle(index: &Index<'_>, last: &BTreeMap<ObjectId, u64>, wait: &Wait, before_ns: u64) -> bool {
    let seen = wait.unlisted_arms == 0 && wait.until_ns.is_none();
    let recorded = match wait.reason {
        WaitReason::Blocking | WaitReason::Future | WaitReason::Sleep | WaitReason::Host => false,
        WaitReason::Send
        | WaitReason::Receive
        | WaitReason::Select
        | WaitReason::Read
        | WaitReason::Write
        | WaitReason::Lock
        | WaitReason::ReadLock
        | WaitReason::WriteLock
        | WaitReason::WaitGroup
        | WaitReason::Cancel
        | WaitReason::Join
        | WaitReason::Cond
        | WaitReason::Once
        | WaitReason::Semaphore
        | WaitReason::Barrier => true,
    };
    let rests = |id| {
        last.get(&id).is_none_or(|newest| *newest < before_ns)
            && index.object(id).is_none_or(|object| rests_since(object, before_ns))
    };
    seen && recorded && objects(wait).all(rests)
}

/// As far as its own record tells; listeners wait for strangers, whom no program can hurry.
fn rests_since(object: &Object, before_ns: u64) -> bool {
    match object.detail.ownership() {
        Some(ownership) => ownership.owner.is_none_or(|it| it.since_ns < before_ns),
        None => !matches!(object.detail, ObjectDetail::Socket { listens: true, .. }),
    }
}
