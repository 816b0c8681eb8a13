//! From memory to a snapshot, by what the anchor says.

use super::anchor::{Anchor, RecordsError, half, word};
use super::layout::{Field, Root};
use super::memory::{Memory, Process, Signal};
use super::names::Names;
use super::objects::{Objects, Reader};
use super::places::Places;
use super::table::{Kind, Table};
use super::tasks::{self, Made};
use crate::dump::{Facts, assemble_facts};
use crate::{
    Completeness, Counters, Crash, Header, Owner, Reason, Registers, Snapshot, Task, TaskId,
    TaskState, Worker, WorkerId,
};

const WAITERS: Kind =
    Kind { root: Root::Waiters, size: Field::WaiterSize, slot: Field::WaiterSlot };
const NODES: Kind = Kind { root: Root::Nodes, size: Field::NodeSize, slot: Field::NodeSlot };
const OBJECTS: Kind =
    Kind { root: Root::Objects, size: Field::ObjectSize, slot: Field::ObjectSlot };
const REGIONS: Kind =
    Kind { root: Root::Regions, size: Field::RegionSize, slot: Field::RegionSlot };

/// A snapshot, and what it takes to add stacks to it.
#[derive(Debug)]
pub struct Interpreted {
    /// Without stacks.
    pub snapshot: Snapshot,
    /// Where the stacks of tasks stood.
    pub standing: Vec<(TaskId, Registers)>,
    /// The return address of every task's outermost frame.
    pub stack_root: u64,
}

/// Reads the records of a process from its memory. They are kept as `reason` says.
///
/// Misuses, panics that nobody has joined and the order of locks are in no record: the snapshot has none.
/// Names and labels are there if [`Memory::names`] has them; [`Completeness::unread_names`] counts the others.
///
/// # Errors
/// [`RecordsError`], when nothing is known of any task.
pub fn read_image(memory: &dyn Memory, reason: Reason) -> Result<Interpreted, RecordsError> {
    let anchor = Anchor::find(memory)?;
    let waiters = Table::read(memory, &anchor, &WAITERS)?;
    let nodes = Table::read(memory, &anchor, &NODES)?;
    let regions = Table::read(memory, &anchor, &REGIONS)?;
    let mut places = Places::new(memory, &anchor);
    let mut names = Names::of(memory.names());
    let mut reader = Reader {
        memory,
        waiters: &waiters,
        regions: &regions,
        places: &mut places,
        names: &mut names,
    };
    let table = Table::read(memory, &anchor, &OBJECTS)?;
    let lost_objects = table.lost;
    let mut objects = reader.objects(&table);
    let Made { mut tasks, moving } = reader.tasks(&nodes, &objects);
    doubt_missing_owners(&mut objects, &tasks);
    tasks::add_owned(&mut tasks, &objects);
    let found_regions = reader.regions();
    let seats = seats(memory, &anchor, &waiters, &tasks);
    let (signal, flaws) = (memory.signal(), memory.flaws());
    let standing = standing(memory, &tasks, &seats);
    let completeness = Completeness {
        moving,
        unsettled_uncharged: !memory.is_one_moment(),
        missing_tasks: waiters.lost,
        unread_names: names.unread,
        cut: flaws.cut,
        unknown_lines: flaws.unknown,
        ..Completeness::default()
    };
    let header = Header {
        reason,
        taken_ns: taken_ns(memory, &anchor, &tasks),
        counters: counters(memory, &anchor, &seats),
        crash: signal.map(|signal| crash(signal, &seats)),
        ..header(memory.process())
    };
    let keep = |seat: &Seat| {
        // Of a thread that went on, nobody knows when it was seen.
        let stood = memory.is_one_moment() || signal.is_some_and(|it| it.thread == seat.thread);
        if stood {
            seat.worker
        } else {
            Worker { running: None, held_since_ns: None, ..seat.worker }
        }
    };
    let facts = Facts {
        header,
        sites: places.sites,
        spawns: places.spawns,
        regions: found_regions,
        objects: objects.list.into_iter().map(|it| it.object).collect(),
        workers: seats.iter().map(keep).collect(),
        tasks,
        completeness,
        lost_records: flaws.damaged + nodes.lost + regions.lost + lost_objects,
    };
    let snapshot = assemble_facts(facts);
    Ok(Interpreted { snapshot, standing, stack_root: anchor.root(Root::StackRoot) })
}

fn header(process: &Process) -> Header {
    let Process { program, pid, wall_s, .. } = process.clone();
    Header { program, pid, wall_s, ..Header::default() }
}

/// A worker, and its thread.
struct Seat {
    worker: Worker,
    thread: u32,
    spawned: u64,
    finished: u64,
}

fn seats(memory: &dyn Memory, anchor: &Anchor, waiters: &Table<'_>, tasks: &[Task]) -> Vec<Seat> {
    let count = half(memory, anchor.root(Root::SeatCount)).unwrap_or(0);
    let count = u64::from(count).min(anchor.field(Field::SeatCapacity));
    let seat = |number: u64| {
        let at = word(memory, anchor.root(Root::Seats).wrapping_add(number * 8))?;
        let half = |field| half(memory, at.wrapping_add(anchor.field(field)));
        let word = |field| word(memory, at.wrapping_add(anchor.field(field)));
        let id = WorkerId(half(Field::SeatIndex)?);
        let reference = word(Field::SeatRunning)?;
        let running = waiters.get(reference).map(|task| TaskId(task.word(Field::WaiterId)));
        let running = running.filter(|running| {
            let listed = tasks.binary_search_by_key(running, |it| it.id);
            listed.is_ok_and(|at| tasks[at].worker == Some(id))
        });
        let goes_on = half(Field::SeatTurn) == half(Field::SeatHeldTurn) && running.is_some();
        let held_since_ns = word(Field::SeatHeldSince).filter(|since| *since != 0 && goes_on);
        Some(Seat {
            worker: Worker { id, running, held_since_ns, sleeps: None },
            thread: half(Field::SeatThread)?,
            spawned: word(Field::SeatSpawned)?,
            finished: word(Field::SeatFinished)?,
        })
    };
    (0..count).filter_map(seat).collect()
}

/// Above this a signal was sent by the kernel, for what the thread itself has done.
const FAULT: i32 = 0;
/// What a thread sends to a thread, as `abort` to itself.
const BY_THREAD: i32 = -6;

fn crash(signal: Signal, seats: &[Seat]) -> Crash {
    let Signal { number, code, address, thread, task, overflow } = signal;
    let own_doing = code > FAULT || code == BY_THREAD;
    let seat = seats.iter().find(|seat| own_doing && seat.thread == thread);
    let task = task.map(TaskId).or_else(|| seat?.worker.running);
    Crash { signal: number, code, address, thread, task, overflow }
}

/// Where stacks stand: of tasks that wait by their own registers, of those on workers by their threads'.
fn standing(memory: &dyn Memory, tasks: &[Task], seats: &[Seat]) -> Vec<(TaskId, Registers)> {
    let of_thread = |task: &Task| {
        let seat = seats.iter().find(|seat| seat.worker.running == Some(task.id))?;
        let thread = memory.threads().iter().find(|thread| thread.tid == seat.thread)?;
        Some(thread.registers)
    };
    let registers = |task: &Task| match &task.state {
        TaskState::Waiting(wait) => wait.registers.or_else(|| of_thread(task)),
        TaskState::Running => of_thread(task),
        TaskState::Fresh | TaskState::Runnable | TaskState::Moving => None,
    };
    tasks.iter().filter_map(|task| Some((task.id, registers(task)?))).collect()
}

/// An owner that had come to its end: nobody knows who owns the lock now.
fn doubt_missing_owners(objects: &mut Objects, tasks: &[Task]) {
    for object in objects.list.iter_mut().map(|it| &mut it.object) {
        let Some(owner) = object.detail.owner_mut() else { continue };
        let missing = |owner: &Owner| {
            owner.alive && tasks.binary_search_by_key(&owner.task, |it| it.id).is_err()
        };
        if owner.as_ref().is_some_and(missing) {
            *owner = None;
            object.unsettled = true;
        }
    }
}

/// The process's own clock, which may have stood still for as long as nothing ran.
fn taken_ns(memory: &dyn Memory, anchor: &Anchor, tasks: &[Task]) -> u64 {
    let since = tasks.iter().filter_map(|task| match &task.state {
        TaskState::Waiting(wait) => Some(wait.since_ns),
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => None,
    });
    let clock = word(memory, anchor.root(Root::Clock));
    since.chain(clock).chain(memory.process().taken_ns).max().unwrap_or(0)
}

fn counters(memory: &dyn Memory, anchor: &Anchor, seats: &[Seat]) -> Counters {
    let outside = word(memory, anchor.root(Root::SpawnedOutside)).unwrap_or(0);
    let sum = |count: fn(&Seat) -> u64| seats.iter().map(count).fold(0, u64::saturating_add);
    let spawned = sum(|it| it.spawned).saturating_add(outside);
    Counters { spawned, finished: sum(|it| it.finished) }
}
