//! Workers that one task keeps: a fact beside the findings, never one of them.
//!
//! Whoever is ready behind such a task can still go on if that one can, so it is alive, and a task
//! that computes for long is no fault. But who looks for what hangs wants to know.

use std::collections::BTreeMap;

use gleak_snapshot::{KernelSleep, Task, TaskId, TaskState, Worker, WorkerId};

use crate::group::member;
use crate::index::{Index, wait_of};
use crate::{HeldWorker, words};

/// Less is not worth a word.
const HELD_NS: u64 = 10_000_000;

/// Who has started on a worker, besides the task that holds it.
#[derive(Default)]
struct Behind {
    started: u64,
    ready: u64,
    wanted: bool,
}

/// The workers that are held, longest first: those whose holder is `wanted`, by number, or behind
/// which somebody is who is.
pub(crate) fn of(index: &Index<'_>, wanted: &[bool]) -> Vec<HeldWorker> {
    let held: BTreeMap<WorkerId, (TaskId, u64)> =
        index.snapshot.workers.iter().filter_map(|it| Some((it.id, holder(index, it)?))).collect();
    let mut behind: BTreeMap<WorkerId, Behind> = BTreeMap::new();
    for (task, wanted) in index.tasks.iter().zip(wanted) {
        let Some((id, (holder, _))) = task.worker.and_then(|id| held.get_key_value(&id)) else {
            continue;
        };
        let behind = behind.entry(*id).or_default();
        behind.wanted |= wanted;
        if task.id != *holder {
            behind.started += 1;
            behind.ready += u64::from(task.state == TaskState::Runnable);
        }
    }
    let mut all: Vec<HeldWorker> = held
        .into_iter()
        .filter_map(|(worker, (holder, held_ns))| {
            let behind = behind.get(&worker).filter(|behind| behind.wanted)?;
            let number = index.task(holder)?;
            let task = index.tasks[number];
            Some(HeldWorker {
                worker,
                by: member(index, number),
                spawn: task.spawn.map(|spawn| index.spawn_site(spawn).clone()),
                waits: waits(index, task),
                sleeps: task_sleeps(index, worker, task),
                backtrace: index.stacks.of_tasks([task].into_iter(), |task| task.backtrace),
                held_ns,
                started: behind.started,
                ready: behind.ready,
            })
        })
        .collect();
    all.sort_by(|a, b| b.held_ns.cmp(&a.held_ns).then(a.worker.cmp(&b.worker)));
    all
}

/// Who holds the worker, and for how long.
fn holder(index: &Index<'_>, worker: &Worker) -> Option<(TaskId, u64)> {
    let held_ns = index.snapshot.header.taken_ns.saturating_sub(worker.held_since_ns?);
    let running = worker.running.filter(|_| held_ns >= HELD_NS)?;
    Some((running, held_ns))
}

/// In a wait of the runtime it is asleep by right.
fn task_sleeps(index: &Index<'_>, worker: WorkerId, task: &Task) -> Option<KernelSleep> {
    let worker = index.snapshot.workers.iter().find(|it| it.id == worker)?;
    worker.sleeps.filter(|_| wait_of(task).is_none())
}

/// What is to be said of a task that holds its worker.
pub(crate) fn told(index: &Index<'_>, number: usize) -> Option<String> {
    let task = index.tasks[number];
    let worker = index.snapshot.workers.iter().find(|worker| Some(worker.id) == task.worker)?;
    let (_, held_ns) = holder(index, worker).filter(|(by, _)| *by == task.id)?;
    let others = || index.tasks.iter().filter(|it| it.worker == task.worker && it.id != task.id);
    let ready = others().filter(|it| it.state == TaskState::Runnable).count();
    Some(format!(
        "{} has held {} for {}; {} behind it, {ready} ready to run",
        index.who(task.id),
        worker.id,
        words::span(held_ns),
        words::count(others().count(), "other started task"),
    ))
}

fn waits(index: &Index<'_>, task: &Task) -> Option<String> {
    let wait = wait_of(task)?;
    Some(format!("{} at {}", words::waits_for(index, &[wait]), index.site(wait.site)))
}

/// What is to be said of a task whose worker is held: by itself, or by another one while it is ready
/// to run. Empty when there is nothing to say.
pub(crate) fn aside(index: &Index<'_>, id: TaskId) -> String {
    let Some(task) = index.task(id).map(|number| index.tasks[number]) else {
        return String::new();
    };
    let worker = index.snapshot.workers.iter().find(|worker| Some(worker.id) == task.worker);
    let Some((worker, (holder, held_ns))) =
        worker.and_then(|worker| Some((worker.id, holder(index, worker)?)))
    else {
        return String::new();
    };
    let span = words::span(held_ns);
    if holder == id {
        return format!(" (it has held {worker} for {span})");
    }
    if task.state != TaskState::Runnable {
        return String::new();
    }
    let who = index.who(holder);
    format!(" (ready to run behind {who}, which has held {worker} for {span})")
}
