//! Every task of a region waits for objects that only this region ever touched.

use gleak_snapshot::{
    Arm, ObjectDetail, Region, RegionId, Target, Task, Touched, WaitOp, WaitReason,
};

use super::{Case, Draft, RuleInfo};
use crate::index::{Index, all_read, ends_from_outside, wait_of};
use crate::{Certainty, Rule, Scope};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::AsleepInRegion,
    summary: "Every task of the region waits for objects that only this region ever touched.",
    certainty: Certainty::Strong,
    needs: "the end of a region (a test, a guard); all its tasks waiting, without timers, on \
            objects of its own or for each other's end",
    silent: "one task of the region runs or sleeps, or waits on an object that somebody else has \
             used, or a function is to run in it later, or tasks of it came or went while the \
             snapshot was taken: then the tasks have outlived the region; the dump is cut or damaged",
    find,
    because,
    facts: None,
};

fn find(case: &Case<'_>, taken: &[bool]) -> Vec<Draft> {
    let Scope::Region(region) = *case.scope else { return Vec::new() };
    let index = case.index;
    let of_region = |&number: &usize| index.tasks[number].region == Some(region);
    let tasks: Vec<usize> = (0..index.tasks.len()).filter(of_region).collect();
    let closed = |&number: &usize| is_closed(index, region, index.tasks[number]);
    // A function that is to run later may wake whoever waits, and so may a task that is not shown.
    let open = |region: &Region| region.deferred > 0 || region.unsettled;
    let is_open = index.region(region).is_some_and(open);
    if is_open || !all_read(&index.snapshot.completeness) || !tasks.iter().all(closed) {
        return Vec::new();
    }
    let left: Vec<usize> = tasks.into_iter().filter(|&number| !taken[number]).collect();
    case.by_cause(&left)
}

fn because(_case: &Case<'_>, _tasks: &[usize]) -> String {
    "all tasks left wait, and only for what nobody else has ever used; none has a timer".to_owned()
}

/// Whether only the region itself could wake the task.
fn is_closed(index: &Index<'_>, region: RegionId, task: &Task) -> bool {
    let Some(wait) = wait_of(task) else { return false };
    let understood = !wait.arms.is_empty() || wait.reason == WaitReason::Select;
    understood
        && wait.reason != WaitReason::Host
        && !ends_from_outside(wait)
        && wait.unlisted_arms == 0
        && wait.arms.iter().all(|&arm| inside(index, region, arm))
}

fn inside(index: &Index<'_>, region: RegionId, arm: Arm) -> bool {
    match arm.on {
        Target::Never => true,
        Target::Task(id) => {
            let joined = index.task(id).map(|number| index.tasks[number]);
            arm.op == WaitOp::Join && joined.is_some_and(|task| task.region == Some(region))
        }
        Target::Object(id) => index.object(id).is_some_and(|object| {
            let by_itself = matches!(
                object.detail,
                ObjectDetail::Context { cancelled: false, deadline_ns: Some(_), .. }
                    | ObjectDetail::Socket { .. }
            );
            !object.unsettled && !by_itself && object.touched == Touched::Only(region)
        }),
    }
}
