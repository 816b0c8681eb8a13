//! Tasks and outside threads, read twice.

use gleak_snapshot::{
    Arm, Hold, HoldMode, ObjectDetail, ObjectId, RegionId, Registers, SpawnId, Target, Task,
    TaskId, TaskState, Wait, WaiterKind, WorkerId,
};

use crate::collect::objects::Collected;
use crate::collect::sites::Sites;
use crate::records::node::{Node, Op};
use crate::records::object;
use crate::records::region::REGIONS;
use crate::records::state::{State, Word};
use crate::records::statics::Site;
use crate::records::table::Ref;
use crate::records::tags::{self, Key, SpawnStack, Tags};
use crate::records::waiter::{MAIN, Origin, Reason, THREAD, WAITERS, WaiterRecord};
use crate::sync::Ordering;

/// What the first pass remembers of a waiter; its facts are read here, and hold if the word is the
/// same in the second pass.
pub(super) struct Seen {
    reference: Ref,
    id: u64,
    word: Word,
    wait: Option<SeenWait>,
}

struct SeenWait {
    reason: Reason,
    site: Option<Site>,
    since: u64,
    until: u64,
    unlisted: u32,
    on_thread: bool,
    wanted: Option<u64>,
    arms: Vec<(Op, u64)>,
    registers: Option<Registers>,
}

pub(super) fn first_pass() -> Vec<Seen> {
    WAITERS
        .live()
        .map(|(reference, record)| {
            let word = record.state.load();
            let wait = (word.state() == State::Waiting).then(|| wait(record));
            Seen { reference, id: record.id(), word, wait }
        })
        .collect()
}

fn wait(record: &WaiterRecord) -> SeenWait {
    let facts = &record.wait;
    let sp = facts.sp.get();
    let asks = |node: &&Node| node.op() == Op::Acquire;
    SeenWait {
        reason: facts.reason(),
        site: facts.site.get(),
        since: facts.since.get(),
        until: facts.until.load(Ordering::Relaxed),
        unlisted: facts.unlisted.get(),
        // Of a thread of others nothing else is to be expected.
        on_thread: record.wait.on_thread.load(Ordering::Relaxed) != 0 && !record.has(THREAD),
        wanted: record.arms().next().filter(asks).map(|node| node.asked() as u64),
        arms: record.arms().map(|node| (node.op(), node.target.get())).collect(),
        registers: (sp != 0).then(|| Registers { ip: facts.ip.get(), sp, bp: facts.bp.get() }),
    }
}

/// A task that has a stack, and in which state both passes saw it.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) task: TaskId,
    pub(super) reference: Ref,
    pub(super) word: Word,
}

/// What it takes to add stacks to a snapshot.
#[derive(Debug, Default)]
pub(super) struct Stacks {
    pub(super) standing: Vec<Standing>,
    pub(super) spawned: Vec<(TaskId, SpawnStack)>,
}

/// What the second pass found.
pub(super) struct Found {
    pub(super) tasks: Vec<Task>,
    pub(super) stacks: Stacks,
    /// How many tasks moved between the passes.
    pub(super) moving: u64,
}

pub(super) fn second_pass(seen: Vec<Seen>, objects: &[Collected], sites: &mut Sites) -> Found {
    let mut tasks = Vec::with_capacity(seen.len());
    let mut stacks = Stacks::default();
    let mut moving = 0;
    for seen in seen {
        let Some(record) = WAITERS.get(seen.reference) else { continue };
        let word = record.state.load();
        if word.state() == State::Finished {
            continue;
        }
        let state = if word == seen.word {
            let has_stack = matches!(word.state(), State::Waiting | State::Running);
            if has_stack && !record.has(THREAD) {
                let task = TaskId(seen.id);
                stacks.standing.push(Standing { task, reference: seen.reference, word });
            }
            state(word.state(), seen.wait, objects, sites)
        } else {
            moving += 1;
            TaskState::Moving
        };
        let tags = tags::get(Key::Task(seen.id)).unwrap_or_default();
        let spawned = tags.spawn_stack.clone();
        let mut task = task(seen.reference, record, seen.id, tags, state, objects, sites);
        // Whose state is no longer fresh has its worker written down.
        let has_started = word.state() != State::Fresh && task.kind == WaiterKind::Task;
        task.worker = has_started.then(|| WorkerId(record.worker.load(Ordering::Relaxed)));
        // Still the same task after all of its facts were read?
        if WAITERS.get(seen.reference).is_some() {
            stacks.spawned.extend(spawned.map(|calls| (task.id, calls)));
            tasks.push(task);
        }
    }
    Found { tasks, stacks, moving }
}

fn state(
    state: State,
    wait: Option<SeenWait>,
    objects: &[Collected],
    sites: &mut Sites,
) -> TaskState {
    match (state, wait) {
        (State::Fresh, _) => TaskState::Fresh,
        (State::Runnable | State::Claimed, _) => TaskState::Runnable,
        (State::Waiting, Some(seen)) => match seen.site {
            Some(site) => {
                let site = sites.site(site);
                TaskState::Waiting(finish_wait(seen, site, objects))
            }
            None => TaskState::Moving,
        },
        (State::Running | State::Finished | State::Waiting, _) => TaskState::Running,
    }
}

fn finish_wait(seen: SeenWait, site: gleak_snapshot::SiteId, objects: &[Collected]) -> Wait {
    let mut unlisted = seen.unlisted;
    let mut arms = Vec::with_capacity(seen.arms.len());
    for (op, target) in seen.arms {
        match arm(op, target, objects) {
            Some(arm) => arms.push(arm),
            // It has ended: the others are what the wait still needs.
            None if seen.reason == Reason::Join => {}
            None => unlisted += 1,
        }
    }
    let arms_gone = seen.reason == Reason::Join && arms.is_empty();
    Wait {
        reason: seen.reason,
        arms,
        // All have ended: about to be woken, by what is in no record.
        unlisted_arms: if arms_gone { unlisted.max(1) } else { unlisted },
        wanted: seen.wanted,
        site,
        since_ns: seen.since,
        until_ns: (seen.until != 0).then_some(seen.until),
        on_thread: seen.on_thread,
        registers: seen.registers,
    }
}

/// None when what the arm waits on came or went while the snapshot was taken.
fn arm(op: Op, target: u64, objects: &[Collected]) -> Option<Arm> {
    let on = match (op, Ref::from_bits(target)) {
        (_, None) => Target::Never,
        (Op::Join, Some(task)) => Target::Task(TaskId(WAITERS.get(task)?.id())),
        (
            Op::Send
            | Op::Receive
            | Op::Lock
            | Op::ReadLock
            | Op::WaitGroup
            | Op::Cancel
            | Op::Read
            | Op::Write
            | Op::Cond
            | Op::Once
            | Op::Acquire
            | Op::Barrier,
            Some(object),
        ) => Target::Object(find(object, objects)?),
    };
    Some(Arm { op, on })
}

fn find(object: Ref, objects: &[Collected]) -> Option<ObjectId> {
    let at = objects.binary_search_by_key(&object, |it| it.reference).ok()?;
    Some(objects[at].object.id)
}

fn task(
    reference: Ref,
    record: &WaiterRecord,
    id: u64,
    tags: Tags,
    state: TaskState,
    objects: &[Collected],
    sites: &mut Sites,
) -> Task {
    let parent = record.parent.get();
    let region = record.region().and_then(|region| REGIONS.get(region));
    let is_thread = record.has(THREAD);
    let reads = object::reads(reference, record).into_iter().filter_map(|target| {
        let object = find(Ref::from_bits(target)?, objects)?;
        Some(Hold { object, mode: HoldMode::Shared })
    });
    Task {
        id: TaskId(id),
        kind: if is_thread { WaiterKind::Thread } else { WaiterKind::Task },
        parent: (parent != 0).then_some(TaskId(parent)),
        region: region.map(|region| RegionId(region.id.load(Ordering::Relaxed))),
        spawn: origin(&record.origin, sites),
        ancestry: record.ancestors.iter().map_while(|it| origin(it, sites)).collect(),
        name: tags.name,
        labels: tags.labels.as_deref().unwrap_or_default().to_vec(),
        main: record.has(MAIN),
        tenure: record.tenure(),
        worker: None,
        state,
        holds: reads.collect(),
        backtrace: None,
        spawn_backtrace: None,
        stack: None,
    }
}

/// Gives tasks the locks that they hold alone, as the locks say: in the order of their acquisition,
/// before those that they read. `tasks` are sorted by id.
pub(super) fn add_owned(tasks: &mut [Task], objects: &[Collected]) {
    let owned = |it: &Collected| match it.object.detail {
        ObjectDetail::Mutex { owner: Some(owner), .. }
        | ObjectDetail::RwLock { owner: Some(owner), .. }
        | ObjectDetail::Once { owner: Some(owner), .. } => {
            owner.alive.then_some((owner.task, it.depth, it.object.id))
        }
        ObjectDetail::Mutex { owner: None, .. }
        | ObjectDetail::RwLock { owner: None, .. }
        | ObjectDetail::Once { owner: None, .. }
        | ObjectDetail::Channel { .. }
        | ObjectDetail::WaitGroup { .. }
        | ObjectDetail::Context { .. }
        | ObjectDetail::Socket { .. }
        | ObjectDetail::Cond { .. }
        | ObjectDetail::Semaphore { .. }
        | ObjectDetail::Barrier { .. } => None,
    };
    let mut owned: Vec<(TaskId, u32, ObjectId)> = objects.iter().filter_map(owned).collect();
    owned.sort_unstable();
    for (task, _, object) in owned.into_iter().rev() {
        if let Ok(at) = tasks.binary_search_by_key(&task, |it| it.id) {
            tasks[at].holds.insert(0, Hold { object, mode: HoldMode::Exclusive });
        }
    }
}

fn origin(origin: &Origin, sites: &mut Sites) -> Option<SpawnId> {
    Some(sites.spawn(origin.site.get()?, origin.entry.get()?.name()))
}
