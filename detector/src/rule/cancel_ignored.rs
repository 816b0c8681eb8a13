//! A task that waits on although a context that it has asked was cancelled.

use std::collections::BTreeSet;

use gleak_snapshot::{ObjectDetail, ObjectId, Task, Wait, WaitOp, WaitReason};

use super::{Case, Draft, RuleInfo};
use crate::facts;
use crate::index::wait_of;
use crate::{Certainty, Rule, Scope};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::CancelIgnored,
    summary: "A task is left over and waits for something that the end of its context does not end.",
    certainty: Certainty::Weak,
    needs: "a question with an end; the context that the task has asked last, which somebody else \
            has cancelled or whose deadline has passed, before that end came",
    silent: "the task was told that the deadline has passed; it waits for the end of others (a join, \
             a group, a lock, a blocking call): then the fault is theirs; a timer ends the wait, or a \
             context does; it was spawned as a background task or a daemon; the whole process is asked \
             for",
    find,
    because,
    facts: Some(facts),
};

fn find(case: &Case<'_>, taken: &[bool]) -> Vec<Draft> {
    if *case.scope == Scope::Process {
        return Vec::new();
    }
    let ignores = |&number: &usize| ignored(case, case.index.tasks[number]).is_some();
    let own = case.left_over(taken).into_iter().filter(ignores);
    case.with_dependents(taken, own.map(|task| (task, Vec::new())).collect())
}

fn because(_case: &Case<'_>, _tasks: &[usize]) -> String {
    "a context that it has asked before is over, and it waits for something else, without that \
     context and without a timer; it may still go on"
        .to_owned()
}

fn facts(case: &Case<'_>, tasks: &[usize]) -> Vec<String> {
    let asked = |&task: &usize| ignored(case, case.index.tasks[task]);
    let contexts: BTreeSet<ObjectId> = tasks.iter().filter_map(asked).collect();
    let lines = facts::of_objects(case.index, &contexts);
    lines.into_iter().map(|line| format!("it has asked {line}")).collect()
}

/// The context that the task waits on in spite of.
fn ignored(case: &Case<'_>, task: &Task) -> Option<ObjectId> {
    let wait = wait_of(task)?;
    if !ends_otherwise(wait) {
        return None;
    }
    let context = case.index.object(task.asked?)?;
    let ObjectDetail::Context { cancelled, cancelled_ns, by, deadline_ns, .. } = &context.detail
    else {
        return None;
    };
    // Who has cancelled it itself is done with it.
    if by.is_some_and(|by| by.task == task.id) {
        return None;
    }
    let over_ns = if *cancelled { cancelled_ns.or(*deadline_ns)? } else { (*deadline_ns)? };
    let end_ns = case.index.snapshot.header.taken_ns.saturating_sub(case.question.settled_ns);
    (over_ns <= end_ns).then_some(context.id)
}

/// Whether neither a context nor a timer nor the end of somebody else's work ends it.
fn ends_otherwise(wait: &Wait) -> bool {
    let may_ignore = match wait.reason {
        WaitReason::Send
        | WaitReason::Receive
        | WaitReason::Select
        | WaitReason::Read
        | WaitReason::Write
        | WaitReason::Cond
        | WaitReason::Semaphore
        | WaitReason::Barrier
        | WaitReason::Future => true,
        WaitReason::Lock
        | WaitReason::ReadLock
        | WaitReason::WriteLock
        | WaitReason::WaitGroup
        | WaitReason::Cancel
        | WaitReason::Join
        | WaitReason::Once
        | WaitReason::Blocking
        | WaitReason::Sleep
        | WaitReason::Host => false,
    };
    let of_others = |op: WaitOp| matches!(op, WaitOp::Cancel | WaitOp::Join | WaitOp::WaitGroup);
    let seen = wait.unlisted_arms == 0 && wait.until_ns.is_none();
    may_ignore && seen && !wait.arms.iter().any(|arm| of_others(arm.op))
}
