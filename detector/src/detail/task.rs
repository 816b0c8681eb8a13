//! A task: where it comes from, what it waits for, what could end that, what it keeps from others.

use std::collections::BTreeSet;

use gleak_snapshot::{
    HoldMode, ObjectId, Site, StackUse, Target, Task, TaskId, TaskState, Tenure, Wait, WaitOp,
    WaiterKind,
};
use serde::Serialize;

use super::{some, who_now};
use crate::index::{Index, wait_of};
use crate::wait_graph::WaitGraph;
use crate::{Backtrace, Link, Report, chain, facts, words};

/// All that is known of a task.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TaskView {
    /// Its id.
    pub id: TaskId,
    /// `t7 "feeder"`, `thread t9 "io"`.
    pub who: String,
    /// What it runs.
    pub entry: String,
    /// Where it was spawned; none for threads.
    pub spawn: Option<Site>,
    /// Who spawned it, and what that one does now.
    pub parent: Option<String>,
    /// What its ancestors run and where they were spawned, nearest first.
    pub ancestry: Vec<Ancestor>,
    /// Labels, sorted by key.
    pub labels: Vec<(String, String)>,
    /// What it is charged to.
    pub region: Option<String>,
    /// Whether it may outlive that.
    pub tenure: Tenure,
    /// What it does: `waiting`, `running`, `never started`.
    pub state: String,
    /// Where alone it runs, once it has started.
    pub worker: Option<String>,
    /// Its wait, if it waits.
    pub wait: Option<WaitView>,
    /// Locks that it holds, with who wants them.
    pub holds: Vec<Held>,
    /// Who waits for its end.
    pub joined_by: Vec<String>,
    /// Who would see its error or panic.
    pub failure: String,
    /// Findings that it is in, or behind.
    pub findings: Vec<FindingOn>,
    /// Where its stack stood.
    pub backtrace: Option<Backtrace>,
    /// Where its spawner's stack stood.
    pub spawn_backtrace: Option<Backtrace>,
    /// What it uses of its stack.
    pub stack: Option<StackUse>,
}

/// Somebody a task descends from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Ancestor {
    /// What it runs.
    pub entry: String,
    /// Where it was spawned.
    pub spawn: Site,
}

/// A wait.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct WaitView {
    /// `to receive on channel #4 "jobs"`
    pub what: String,
    /// Where.
    pub at: Site,
    /// For how long.
    pub waited_ns: u64,
    /// What could end it.
    pub ends_by: Vec<String>,
    /// What is known of what it waits for.
    pub facts: Vec<String>,
    /// From here to whom everything hangs on, where owners are known.
    pub chain: Vec<Link>,
}

/// A lock that a task holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Held {
    /// `lock #4 "accounts"`
    pub lock: String,
    /// Alone or among readers.
    pub mode: HoldMode,
    /// Where it took it, where that is recorded.
    pub taken_at: Option<Site>,
    /// For how long.
    pub held_ns: Option<u64>,
    /// Who waits for it.
    pub wanted_by: Vec<String>,
}

/// A finding on a task.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FindingOn {
    /// Its identity.
    pub fingerprint: String,
    /// Its rule.
    pub rule: &'static str,
    /// What it is worth.
    pub certainty: &'static str,
    /// Whether the task only waits behind those that it is about.
    pub behind: bool,
    /// Why it is known.
    pub because: String,
}

pub(super) fn view(index: &Index<'_>, report: &Report, number: usize) -> TaskView {
    let task = index.tasks[number];
    let joined_by = joiners(index, task.id);
    TaskView {
        id: task.id,
        who: index.who(task.id),
        entry: index.entry_of(task.kind, task.spawn).to_owned(),
        spawn: task.spawn.map(|spawn| index.spawn_site(spawn).clone()),
        parent: task.parent.map(|parent| who_now(index, parent)),
        ancestry: task
            .ancestry
            .iter()
            .map(|&spawn| Ancestor {
                entry: index.entry(spawn).to_owned(),
                spawn: index.spawn_site(spawn).clone(),
            })
            .collect(),
        labels: task.labels.clone(),
        region: task.region.map(|region| index.region_name(region)),
        tenure: task.tenure,
        state: state(task),
        worker: task.worker.map(|worker| worker.to_string()),
        wait: wait_of(task).map(|wait| wait_view(index, number, wait)),
        holds: holds(index, task),
        failure: failure(task, &joined_by),
        joined_by,
        findings: findings(report, task.id),
        backtrace: index.stacks.of_tasks([task].into_iter(), |task| task.backtrace),
        spawn_backtrace: index.stacks.of_tasks([task].into_iter(), |task| task.spawn_backtrace),
        stack: task.stack,
    }
}

fn state(task: &Task) -> String {
    match &task.state {
        TaskState::Fresh => words::NEVER_STARTED,
        TaskState::Runnable => "ready to run",
        TaskState::Running => words::RUNNING,
        TaskState::Moving => "moving while the snapshot was taken",
        TaskState::Waiting(wait) if wait.on_thread => "waiting, and it keeps its worker",
        TaskState::Waiting(_) => "waiting",
    }
    .to_owned()
}

fn wait_view(index: &Index<'_>, number: usize, wait: &Wait) -> WaitView {
    let graph = WaitGraph::new(index);
    WaitView {
        what: words::waits_for(index, &[wait]),
        at: index.site(wait.site).clone(),
        waited_ns: index.snapshot.header.taken_ns.saturating_sub(wait.since_ns),
        ends_by: ends_by(index, wait),
        facts: facts::of(index, &[number], facts::Holders::Told),
        chain: chain::from(index, &graph, number),
    }
}

/// What could end a wait: its arms, in turn, then its timer.
fn ends_by(index: &Index<'_>, wait: &Wait) -> Vec<String> {
    let mut ways: Vec<String> = wait
        .arms
        .iter()
        .map(|arm| {
            let target = words::name_target(index, arm.op, arm.on);
            let way = match (arm.on, arm.op) {
                (Target::Never, _) => "nothing: a never-channel is never ready".to_owned(),
                (Target::Task(id), _) => format!("the end of {}", who_now(index, id)),
                (_, WaitOp::Send) => format!("a receive on {target}, or room in it"),
                (_, WaitOp::Receive) => format!("a send on {target}, or its close"),
                (_, WaitOp::Lock | WaitOp::ReadLock) => format!("{target} given back"),
                (_, WaitOp::WaitGroup) => format!("{target} counted down to 0"),
                (_, WaitOp::Cancel) => format!("a cancel of {target}, or its deadline"),
                (_, WaitOp::Join) => format!("the end of {target}"),
                (_, WaitOp::Read) => format!("data from the other side of {target}, or its end"),
                (_, WaitOp::Write) => format!("the other side of {target} reading, or its end"),
                (_, WaitOp::Cond) => format!("a notification of {target}"),
                (_, WaitOp::Once) => format!("the end of the initialiser of {target}"),
                (_, WaitOp::Acquire) => {
                    let wanted = wait.wanted.map_or("the".to_owned(), |wanted| wanted.to_string());
                    format!("{wanted} permits of {target} given back")
                }
                (_, WaitOp::Barrier) => format!("the others of the round at {target}"),
            };
            match arm.place {
                Some(place @ 1..) => format!("{way}; {place} before it in the queue"),
                _ => way,
            }
        })
        .collect();
    if wait.unlisted_arms > 0 {
        ways.push("something that the record had no room for".to_owned());
    }
    if let Some(until) = wait.until_ns {
        let left = until.saturating_sub(index.snapshot.header.taken_ns);
        ways.push(format!("a timer, due {} after the snapshot", words::span(left)));
    }
    if ways.is_empty() {
        ways.push(if crate::ends_from_outside(wait) {
            "something outside of the records".to_owned()
        } else {
            "nothing that is recorded".to_owned()
        });
    }
    ways
}

fn holds(index: &Index<'_>, task: &Task) -> Vec<Held> {
    let taken_ns = index.snapshot.header.taken_ns;
    let held = task.holds.iter().map(|hold| {
        let object = index.object(hold.object);
        let owner = object.and_then(|object| object.detail.ownership()?.owner);
        let owner = owner.filter(|owner| owner.task == task.id);
        Held {
            lock: object.map_or_else(|| format!("lock {}", hold.object), words::name_object),
            mode: hold.mode,
            taken_at: owner.map(|owner| index.site(owner.site).clone()),
            held_ns: owner.map(|owner| taken_ns.saturating_sub(owner.since_ns)),
            wanted_by: wanting(index, hold.object),
        }
    });
    held.collect()
}

/// Who waits on an object.
pub(super) fn wanting(index: &Index<'_>, id: ObjectId) -> Vec<String> {
    some(waiters(index, Target::Object(id)))
}

fn joiners(index: &Index<'_>, id: TaskId) -> Vec<String> {
    some(waiters(index, Target::Task(id)))
}

fn waiters<'i>(index: &'i Index<'_>, on: Target) -> impl Iterator<Item = String> + 'i {
    let taken_ns = index.snapshot.header.taken_ns;
    index.tasks.iter().filter_map(move |task| {
        let wait = wait_of(task)?;
        let arm = wait.arms.iter().find(|arm| arm.on == on)?;
        let waited = words::span(taken_ns.saturating_sub(wait.since_ns));
        let (who, op) = (index.who(task.id), words::op_class(arm.op));
        Some(format!("{who}, {op} for {waited} at {}", index.site(wait.site)))
    })
}

/// Handles are not recorded, so nobody is said to be the only one who could.
fn failure(task: &Task, joined_by: &[String]) -> String {
    if !task.is_spawned() && task.kind == WaiterKind::Thread {
        return "the thread's own: it is none of the runtime's".to_owned();
    }
    if task.main {
        return "the caller of `run`".to_owned();
    }
    match joined_by.first() {
        Some(first) => format!("who waits for its end: {first}"),
        None => "nobody waits for its end now; whoever has its handle still may (handles are not \
             recorded). If nobody does, its panic is a finding and its error is lost"
            .to_owned(),
    }
}

fn findings(report: &Report, id: TaskId) -> Vec<FindingOn> {
    let has = |groups: &[crate::Group]| {
        groups.iter().flat_map(|group| &group.members).any(|member| member.task == id)
    };
    let on = report.findings.iter().filter_map(|finding| {
        let own = has(&finding.groups);
        (own || has(&finding.dependents)).then(|| FindingOn {
            fingerprint: finding.fingerprint.0.clone(),
            rule: finding.key.rule.id(),
            certainty: finding.certainty.word(),
            behind: !own,
            because: finding.because.clone(),
        })
    });
    let mut seen = BTreeSet::new();
    on.filter(|it| seen.insert(it.fingerprint.clone())).collect()
}
