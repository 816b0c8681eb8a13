//! Chains of known owners: the steps of a circle, or from a waiting task to its root blocker.

use gleak_snapshot::{Arm, HoldMode, ObjectId, Target, WaitOp};

use crate::group::member;
use crate::holder::{Holder, sole_owner};
use crate::index::{Index, wait_of};
use crate::wait_graph::WaitGraph;
use crate::{Link, words};

/// Longer chains say no more.
const LINKS: usize = 16;

/// The links of a circle of tasks.
pub(crate) fn around(index: &Index<'_>, circle: &[usize]) -> Vec<Link> {
    let next = circle.iter().cycle().skip(1);
    circle.iter().zip(next).filter_map(|(&from, &to)| link(index, from, to)).collect()
}

/// From a task to the one that everything hangs on, along the first known owner of each.
pub(crate) fn from(index: &Index<'_>, graph: &WaitGraph, start: usize) -> Vec<Link> {
    let mut links = Vec::new();
    let mut seen = vec![start];
    let mut node = start;
    while let Some(next) = first_enabler(graph, node)
        && links.len() < LINKS
    {
        links.extend(link(index, node, next));
        if seen.contains(&next) {
            break;
        }
        seen.push(next);
        node = next;
    }
    links
}

/// The first task that keeps another; helper nodes are looked through.
fn first_enabler(graph: &WaitGraph, node: usize) -> Option<usize> {
    let first = graph.enablers.get(node, 0)?;
    if first < graph.tasks {
        return Some(first);
    }
    graph.enablers.get(first, 0)
}

fn link(index: &Index<'_>, from: usize, to: usize) -> Option<Link> {
    let task = index.tasks[from];
    let holder = index.tasks[to];
    let wait = wait_of(task)?;
    let arm = wait.arms.iter().find(|arm| leads_to(index, **arm, to))?;
    let mut wants = words::name_target(index, arm.op, arm.on);
    let mut owner = None;
    if let Target::Object(id) = arm.on
        && let Some(object) = index.object(id)
    {
        match sole_owner(object) {
            Holder::Owner(found) => owner = Some(found),
            Holder::Readers(_) if arm.op == WaitOp::ReadLock => {
                wants = format!("{wants}, behind the queued writer");
            }
            Holder::Unknown | Holder::Readers(_) => {}
        }
    }
    let taken_ns = index.snapshot.header.taken_ns;
    Some(Link {
        task: member(index, from),
        spawn: task.spawn.map(|spawn| index.spawn_site(spawn).clone()),
        wants,
        at: index.site(wait.site).clone(),
        held_by: holder.id,
        taken_at: owner.map(|owner| index.site(owner.site).clone()),
        held_ns: owner.map(|owner| taken_ns.saturating_sub(owner.since_ns)),
    })
}

fn leads_to(index: &Index<'_>, arm: Arm, to: usize) -> bool {
    let holder = index.tasks[to];
    match arm.on {
        Target::Never => false,
        Target::Task(id) => id == holder.id,
        Target::Object(id) => match index.object(id).map(sole_owner) {
            None | Some(Holder::Unknown) => false,
            Some(Holder::Owner(owner)) => owner.task == holder.id,
            Some(Holder::Readers(_)) if arm.op == WaitOp::ReadLock => {
                let writes = |it: &Arm| it.is(WaitOp::Lock, arm.on);
                wait_of(holder).is_some_and(|wait| wait.arms.iter().any(writes))
            }
            Some(Holder::Readers(_)) => reads(holder, id),
        },
    }
}

fn reads(task: &gleak_snapshot::Task, id: ObjectId) -> bool {
    task.holds.iter().any(|hold| hold.object == id && hold.mode == HoldMode::Shared)
}
