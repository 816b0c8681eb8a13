//! A task that waits for a notification, the last of which came before it.

use gleak_snapshot::{ObjectDetail, Target, Task, WaitOp};

use super::{Case, Draft, RuleInfo, has_ended, is_charged};
use crate::index::{Index, wait_of};
use crate::{Certainty, Rule};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::LostWakeUp,
    summary: "A task waits for a cond whose last notification found nobody, before the task came.",
    certainty: Certainty::Weak,
    needs: "a question with an end: a region, or tasks new since a moment; a wait without a timer for a \
            cond that was notified in vain, and not with success since",
    silent: "a rule above has the task (then the notification is among its facts); nobody has ever \
             notified the cond, or somebody was woken since; the whole process is asked for",
    find,
    because,
    facts: None,
};

fn find(case: &Case<'_>, taken: &[bool]) -> Vec<Draft> {
    if !has_ended(case.scope) {
        return Vec::new();
    }
    let tasks = &case.index.tasks;
    let found = |&it: &usize| !taken[it] && is_charged(tasks[it]) && is_late(case.index, tasks[it]);
    vec![Draft::Each((0..tasks.len()).filter(found).collect())]
}

/// A notification that found nobody was before every wait that goes on: it would have found that.
fn is_late(index: &Index<'_>, task: &Task) -> bool {
    let Some(wait) = wait_of(task) else { return false };
    let ([arm], 0, None) = (&wait.arms[..], wait.unlisted_arms, wait.until_ns) else {
        return false;
    };
    let (WaitOp::Cond, Target::Object(id)) = (arm.op, arm.on) else { return false };
    index.object(id).is_some_and(|object| {
        let vain = matches!(object.detail, ObjectDetail::Cond { unheard: Some(_), .. });
        vain && !object.unsettled
    })
}

fn because(_case: &Case<'_>, _tasks: &[usize]) -> String {
    "the last notification found nobody and it began to wait after that: perhaps it had not looked, under \
     the lock, whether there is anything to wait for; another notification may still come"
        .to_owned()
}
