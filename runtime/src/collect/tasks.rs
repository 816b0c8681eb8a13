//! Tasks and outside threads as values, made of what the passes found.

use gleak_snapshot::{
    Arm, Hold, HoldMode, ObjectId, RegionId, Registers, SpawnId, Target, Task, TaskId, TaskState,
    Wait, WaiterKind, WorkerId,
};

use crate::collect::lock_order::PairStack;
use crate::collect::objects::{Collected, Objects};
use crate::collect::order;
use crate::collect::sites::Sites;
use crate::collect::waits::{self, Found, SeenArm, SeenWait, Waiter};
use crate::records::node::Op;
use crate::records::object;
use crate::records::region::REGIONS;
use crate::records::state::{State, Word};
use crate::records::table::{self, Ref};
use crate::records::tags::{self, Key, SpawnStack};
use crate::records::waiter::{MAIN, Origin, Reason, TAGGED, THREAD, WAITERS, WaiterRecord};
use crate::sync::{Ordering, fence};

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
    pub(super) paired: Vec<PairStack>,
}

/// The tasks of a snapshot.
pub(super) struct Made {
    pub(super) tasks: Vec<Task>,
    pub(super) stacks: Stacks,
    /// How many tasks moved between the passes.
    pub(super) moving: u64,
}

/// Makes values of what the passes found, with the facts that stay as they are while a task lives.
/// Sorted by id.
pub(super) fn make(found: Found, objects: &Objects, sites: &mut Sites) -> Made {
    let Found { mut waiters, arms } = found;
    let places = order::places(&arms);
    if !waiters.is_sorted_by_key(|waiter| waiter.id) {
        waiters.sort_unstable_by_key(|waiter| waiter.id);
    }
    let mut tasks = table::room(waiters.len());
    let mut stacks = Stacks::default();
    let mut moving = 0;
    for Waiter { id, reference, word, moved, wait } in waiters {
        let Some(record) = WAITERS.get(reference) else { continue };
        moving += u64::from(moved);
        let has_stack = matches!(word.state(), State::Waiting | State::Running);
        let is_standing = !moved && has_stack && !record.has(THREAD);
        let state = match wait {
            _ if moved => TaskState::Moving,
            Some(seen) => {
                let registers = waits::registers(record, word);
                TaskState::Waiting(wait_of(&seen, registers, (&arms, &places), objects, sites))
            }
            None => state(word.state()),
        };
        let (task, spawned) = task(id, reference, record, word, state, objects, sites);
        // Still the same task after all of its facts were read?
        if WAITERS.get(reference).is_some() {
            stacks.spawned.extend(spawned.map(|calls| (task.id, calls)));
            if is_standing {
                stacks.standing.push(Standing { task: task.id, reference, word });
            }
            tasks.push(task);
        }
    }
    Made { tasks, stacks, moving }
}

/// Of one that does not wait.
fn state(state: State) -> TaskState {
    match state {
        State::Fresh => TaskState::Fresh,
        State::Runnable | State::Claimed => TaskState::Runnable,
        State::Running | State::Finished => TaskState::Running,
        // Without a site it was none.
        State::Waiting => TaskState::Moving,
    }
}

fn wait_of(
    seen: &SeenWait,
    registers: Option<Registers>,
    (all_arms, places): (&[SeenArm], &[Option<u32>]),
    objects: &Objects,
    sites: &mut Sites,
) -> Wait {
    let range = seen.first_arm as usize..seen.first_arm as usize + seen.arms as usize;
    let (seen_arms, places) = (&all_arms[range.clone()], &places[range]);
    let mut unlisted = seen.unlisted;
    let mut arms = Vec::with_capacity(seen_arms.len());
    for (SeenArm { op, target, .. }, place) in seen_arms.iter().zip(places) {
        match target_of(*op, *target, objects) {
            Some(on) => arms.push(Arm { op: *op, on, place: *place }),
            // It has ended: the others are what the wait still needs.
            None if seen.reason == Reason::Join => {}
            None => unlisted += 1,
        }
    }
    let arms_gone = seen.reason == Reason::Join && arms.is_empty();
    let asks = |arm: &&SeenArm| arm.op == Op::Acquire;
    Wait {
        reason: seen.reason,
        arms,
        // All have ended: about to be woken, by what is in no record.
        unlisted_arms: if arms_gone { unlisted.max(1) } else { unlisted },
        wanted: seen_arms.iter().find(asks).map(|arm| arm.asked as u64),
        site: sites.site(seen.site),
        since_ns: seen.since,
        until_ns: (seen.until != 0).then_some(seen.until),
        on_thread: seen.on_thread,
        registers,
    }
}

/// None when what the arm waits on came or went while the snapshot was taken.
fn target_of(op: Op, target: u64, objects: &Objects) -> Option<Target> {
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
        ) => Target::Object(objects.id(object)?),
    };
    Some(on)
}

fn task(
    id: u64,
    reference: Ref,
    record: &WaiterRecord,
    word: Word,
    state: TaskState,
    objects: &Objects,
    sites: &mut Sites,
) -> (Task, Option<SpawnStack>) {
    let is_thread = record.has(THREAD);
    // Few have any, and to ask costs more than the rest of it.
    let tags = if record.has(THREAD | TAGGED) { tags::get(Key::Task(id)) } else { None };
    let tags = tags.unwrap_or_default();
    let parent = record.parent.get();
    let region = record.region().and_then(|region| REGIONS.get(region));
    let mut holds = Vec::new();
    object::each_read(reference, record, |target| {
        let object = Ref::from_bits(target).and_then(|it| objects.id(it));
        holds.extend(object.map(|object| Hold { object, mode: HoldMode::Shared }));
    });
    fence(Ordering::Acquire);
    if record.state.load() != word {
        // It has gone on since the passes, and what it reads by now it did not read in its wait. A
        // lock with readers that are not known is one that anybody may give back.
        holds.clear();
    }
    // Whose state is no longer fresh has its worker written down.
    let has_started = word.state() != State::Fresh && !is_thread;
    let task = Task {
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
        worker: has_started.then(|| WorkerId(record.worker.load(Ordering::Relaxed))),
        state,
        holds,
        asked: Ref::from_bits(record.asked.get()).and_then(|it| objects.id(it)),
        backtrace: None,
        spawn_backtrace: None,
        stack: None,
    };
    (task, tags.spawn_stack)
}

/// Gives tasks the locks that they hold alone, as the locks say: in the order of their acquisition,
/// before those that they read. `tasks` are sorted by id.
pub(super) fn add_owned(tasks: &mut [Task], objects: &Objects) {
    let owned = |it: &Collected| {
        let owner = it.object.detail.ownership()?.owner.filter(|owner| owner.alive)?;
        Some((owner.task, it.depth, it.object.id))
    };
    let mut owned: Vec<(TaskId, u32, ObjectId)> = objects.list.iter().filter_map(owned).collect();
    owned.sort_unstable();
    for (task, _, object) in owned.into_iter().rev() {
        if let Ok(at) = tasks.binary_search_by_key(&task, |it| it.id) {
            tasks[at].holds.insert(0, Hold { object, mode: HoldMode::Exclusive });
        }
    }
}

fn origin(origin: &Origin, sites: &mut Sites) -> Option<SpawnId> {
    Some(sites.spawn(origin.site.get()?, origin.entry.get()?))
}
