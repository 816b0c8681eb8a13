//! A task that waits for the other side of a socket, without a deadline.

use gleak_snapshot::{ObjectDetail, Target, Task, WaitReason};

use super::{Case, Draft, RuleInfo};
use crate::index::wait_of;
use crate::{Certainty, Rule, Scope};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::SilentPeer,
    summary: "A task is left over and reads from a socket, or waits for connections, without a deadline.",
    certainty: Certainty::Weak,
    needs: "a question with an end; a read or an accept that began before that end came",
    silent: "the read has a deadline, a timeout or a context with one; the task writes; it was \
             spawned as a background task or a daemon; the whole process is asked for: servers \
             wait for their clients",
    find,
    because,
    facts: None,
};

fn find(case: &Case<'_>, taken: &[bool]) -> Vec<Draft> {
    if *case.scope == Scope::Process {
        return Vec::new();
    }
    let listens = |&number: &usize| reads(case, case.index.tasks[number]);
    let own = case.left_over(taken).into_iter().filter(listens);
    case.with_dependents(taken, own.map(|task| (task, Vec::new())).collect())
}

fn because(case: &Case<'_>, tasks: &[usize]) -> String {
    let accepts = |task: &Task| {
        let arms = wait_of(task).map_or(&[][..], |wait| &wait.arms);
        arms.iter().any(|arm| match arm.on {
            Target::Object(id) => case.index.object(id).is_some_and(|object| {
                matches!(object.detail, ObjectDetail::Socket { listens: true, .. })
            }),
            Target::Task(_) | Target::Never => false,
        })
    };
    let why = if tasks.iter().all(|&task| accepts(case.index.tasks[task])) {
        "it waits for connections without a deadline, and nobody connects"
    } else {
        "it reads from a socket without a deadline, and nothing comes"
    };
    format!("{why}; it may still go on")
}

fn reads(case: &Case<'_>, task: &Task) -> bool {
    let end_ns = case.index.snapshot.header.taken_ns.saturating_sub(case.question.settled_ns);
    wait_of(task).is_some_and(|wait| {
        wait.reason == WaitReason::Read && wait.until_ns.is_none() && wait.since_ns <= end_ns
    })
}
