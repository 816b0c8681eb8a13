//! Tasks and outside threads of a process, as its records have them. What is said of a wait counts if its
//! state word was the same when it was read once more ([`Memory::later`]).

use super::anchor::Anchor;
use super::layout::Field;
use super::objects::{Objects, Reader};
use super::order;
use super::table::{Record, Table};
use crate::{
    Arm, Hold, HoldMode, ObjectId, Registers, SpawnId, Target, Task, TaskId, TaskState, Tenure,
    Wait, WaitOp, WaitReason, WaiterKind, WorkerId,
};

/// A list of arms that is longer is torn.
const ARMS_MAX: usize = 1_000_000;

/// What a state word says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Fresh,
    Running,
    Runnable,
    Waiting,
    Claimed,
    /// Nobody has the record, or nobody knows.
    Finished,
}

impl State {
    fn of(anchor: &Anchor, word: u64) -> State {
        let code = word & ((1 << anchor.field(Field::StateBits)) - 1);
        let states = [
            (Field::StateFresh, State::Fresh),
            (Field::StateRunning, State::Running),
            (Field::StateRunnable, State::Runnable),
            (Field::StateWaiting, State::Waiting),
            (Field::StateClaimed, State::Claimed),
        ];
        let known = states.into_iter().find(|(field, _)| anchor.field(*field) == code);
        known.map_or(State::Finished, |(_, state)| state)
    }
}

/// An arm of a wait that counts.
#[derive(Debug)]
pub(super) struct SeenArm {
    pub(super) op: WaitOp,
    pub(super) target: u64,
    pub(super) asked: u64,
    /// Its place in the table, and those of its neighbours in the object's queue: + 1, as there.
    pub(super) node: u32,
    pub(super) previous: u32,
    pub(super) next: u32,
}

/// The tasks, sorted by id.
pub(super) struct Made {
    pub(super) tasks: Vec<Task>,
    /// Those that moved while the memory was copied.
    pub(super) moving: u64,
}

struct Seen<'t> {
    record: Record<'t>,
    state: State,
    moved: bool,
    /// Its arms among all: from here, so many.
    arms: std::ops::Range<usize>,
}

impl<'r> Reader<'r, '_> {
    pub(super) fn tasks(&mut self, nodes: &Table<'_>, objects: &Objects) -> Made {
        let (seen, arms) = self.seen(nodes);
        let places = order::places(&arms);
        let mut made = Made { tasks: Vec::with_capacity(seen.len()), moving: 0 };
        for Seen { record, state, moved, arms: range } in seen {
            made.moving += u64::from(moved);
            let known = (&arms[range.clone()], &places[range]);
            let state = match state {
                _ if moved => TaskState::Moving,
                State::Fresh => TaskState::Fresh,
                State::Runnable | State::Claimed => TaskState::Runnable,
                State::Running | State::Finished => TaskState::Running,
                State::Waiting => {
                    let wait = self.wait(record, known, objects);
                    wait.map_or(TaskState::Moving, TaskState::Waiting)
                }
            };
            made.tasks.push(self.task(record, state, objects));
        }
        made.tasks.sort_by_key(|task| task.id);
        made
    }

    fn seen(&self, nodes: &Table<'_>) -> (Vec<Seen<'r>>, Vec<SeenArm>) {
        let waiters: &'r Table<'r> = self.waiters;
        let (mut seen, mut arms) = (Vec::new(), Vec::new());
        for record in waiters.live() {
            let word = record.word(Field::WaiterState);
            let later = record.later(self.memory, Field::WaiterState);
            let moved = later != Some(word);
            let state = State::of(record.anchor, later.unwrap_or(word));
            if state == State::Finished {
                continue;
            }
            let first = arms.len();
            if !moved && state == State::Waiting {
                arms_of(record.half(Field::WaitFirst), nodes, &mut arms);
            }
            seen.push(Seen { record, state, moved, arms: first..arms.len() });
        }
        (seen, arms)
    }

    /// None for what is no wait.
    fn wait(
        &mut self,
        record: Record<'_>,
        (seen, places): (&[SeenArm], &[Option<u32>]),
        objects: &Objects,
    ) -> Option<Wait> {
        let reason = *WaitReason::ALL.get(record.half(Field::WaitReason) as usize)?;
        let site = self.places.site(record.word(Field::WaitSite))?;
        let mut unlisted = record.half(Field::WaitUnlisted);
        let mut arms = Vec::with_capacity(seen.len());
        for (SeenArm { op, target, .. }, place) in seen.iter().zip(places) {
            match self.target(*op, *target, objects) {
                Some(on) => arms.push(Arm { op: *op, on, place: *place }),
                // It has ended: the others are what the wait still needs.
                None if reason == WaitReason::Join => {}
                None => unlisted = unlisted.saturating_add(1),
            }
        }
        // All have ended: about to be woken, by what is in no record.
        let arms_gone = reason == WaitReason::Join && arms.is_empty();
        let until = record.word(Field::WaitUntil);
        let asks = |arm: &&SeenArm| arm.op == WaitOp::Acquire;
        let is_thread = has(record, record.anchor.field(Field::FlagThread));
        let sp = record.word(Field::WaitSp);
        let registers =
            Registers { ip: record.word(Field::WaitIp), sp, bp: record.word(Field::WaitBp) };
        Some(Wait {
            reason,
            arms,
            unlisted_arms: if arms_gone { unlisted.max(1) } else { unlisted },
            wanted: seen.iter().find(asks).map(|arm| arm.asked),
            site,
            since_ns: record.word(Field::WaitSince),
            until_ns: (until != 0).then_some(until),
            on_thread: record.half(Field::WaitOnThread) != 0 && !is_thread,
            registers: (sp != 0).then_some(registers),
        })
    }

    /// None when what the arm waits on came or went meanwhile.
    fn target(&self, op: WaitOp, target: u64, objects: &Objects) -> Option<Target> {
        match (op, target) {
            (_, 0) => Some(Target::Never),
            (WaitOp::Join, task) => {
                let task = self.waiters.get(task)?;
                Some(Target::Task(TaskId(task.word(Field::WaiterId))))
            }
            (
                WaitOp::Send
                | WaitOp::Receive
                | WaitOp::Lock
                | WaitOp::ReadLock
                | WaitOp::WaitGroup
                | WaitOp::Cancel
                | WaitOp::Read
                | WaitOp::Write
                | WaitOp::Cond
                | WaitOp::Once
                | WaitOp::Acquire
                | WaitOp::Barrier,
                object,
            ) => objects.id(object).map(Target::Object),
        }
    }

    fn task(&mut self, record: Record<'_>, state: TaskState, objects: &Objects) -> Task {
        let anchor = record.anchor;
        let is_thread = has(record, anchor.field(Field::FlagThread));
        let parent = record.word(Field::WaiterParent);
        let moved = state == TaskState::Moving;
        let reads = (0..anchor.small(Field::ReadCount))
            .map(|at| record.word_at(anchor.small(Field::WaiterReads) + at * 8));
        let shared = |object| Hold { object, mode: HoldMode::Shared };
        // What it reads by now it did not read in a wait that is over.
        let holds = reads.filter(|_| !moved).filter_map(|it| objects.id(it)).map(shared).collect();
        let has_started = state != TaskState::Fresh && !is_thread;
        let worker = || WorkerId(record.half(Field::WaiterWorker));
        let entry = record.word(Field::WaiterEntry);
        let id = record.word(Field::WaiterId);
        let tagged = anchor.field(Field::FlagTagged) | anchor.field(Field::FlagThread);
        let (name, labels) =
            if has(record, tagged) { self.names.task(id) } else { (None, Vec::new()) };
        Task {
            id: TaskId(id),
            kind: if is_thread { WaiterKind::Thread } else { WaiterKind::Task },
            parent: (parent != 0).then_some(TaskId(parent)),
            region: self.region(record.word(Field::WaiterRegion)),
            spawn: self.places.spawn(record.word(Field::WaiterSite), entry),
            ancestry: self.ancestry(record),
            name,
            labels,
            main: has(record, anchor.field(Field::FlagMain)),
            tenure: tenure(record),
            worker: has_started.then(worker),
            state,
            holds,
            asked: objects.id(record.word(Field::WaiterAsked)),
            backtrace: None,
            spawn_backtrace: None,
            stack: None,
        }
    }

    fn ancestry(&mut self, record: Record<'_>) -> Vec<SpawnId> {
        let anchor = record.anchor;
        let mut points = Vec::new();
        for number in 0..anchor.small(Field::AncestorCount) {
            let at =
                anchor.small(Field::WaiterAncestors) + number * anchor.small(Field::AncestorSize);
            let word = |field| record.word_at(at + anchor.small(field));
            let (site, entry) = (word(Field::AncestorSite), word(Field::AncestorEntry));
            match self.places.spawn(site, entry) {
                Some(point) => points.push(point),
                None => break,
            }
        }
        points
    }
}

fn has(record: Record<'_>, flags: u64) -> bool {
    u64::from(record.half(Field::WaiterFlags)) & flags != 0
}

fn tenure(record: Record<'_>) -> Tenure {
    if has(record, record.anchor.field(Field::FlagDaemon)) {
        Tenure::Daemon
    } else if has(record, record.anchor.field(Field::FlagBackground)) {
        Tenure::Background
    } else {
        Tenure::Ordinary
    }
}

/// By the chain of nodes. A wait whose chain cannot be followed has a last arm that is not known.
fn arms_of(first: u32, nodes: &Table<'_>, arms: &mut Vec<SeenArm>) {
    let start = arms.len();
    let mut next = first;
    while let Some(index) = next.checked_sub(1) {
        let known = nodes.at(index).filter(|_| arms.len() - start < ARMS_MAX);
        let op = known.and_then(|node| WaitOp::ALL.get(node.half(Field::NodeOp) as usize).copied());
        let (Some(node), Some(op)) = (known, op) else {
            arms.push(SeenArm {
                op: WaitOp::Receive,
                target: u64::MAX,
                asked: 0,
                node: next,
                previous: 0,
                next: 0,
            });
            return;
        };
        arms.push(SeenArm {
            op,
            target: node.word(Field::NodeTarget),
            asked: node.word(Field::NodeAsked),
            node: node.index + 1,
            previous: node.half(Field::NodePrevious),
            next: node.half(Field::NodeNext),
        });
        next = node.half(Field::NodeNextArm);
    }
}

/// Gives tasks the locks that they hold alone, in the order of their acquisition, before those that they
/// read. `tasks` are sorted by id.
pub(super) fn add_owned(tasks: &mut [Task], objects: &Objects) {
    let mut owned: Vec<(TaskId, u32, ObjectId)> = objects
        .list
        .iter()
        .filter_map(|it| {
            let owner = it.object.detail.ownership()?.owner.filter(|owner| owner.alive)?;
            Some((owner.task, it.depth, it.object.id))
        })
        .collect();
    owned.sort_unstable();
    for (task, _, object) in owned.into_iter().rev() {
        if let Ok(at) = tasks.binary_search_by_key(&task, |it| it.id) {
            tasks[at].holds.insert(0, Hold { object, mode: HoldMode::Exclusive });
        }
    }
}
