//! Where the stacks of tasks stand, and how much of them is used: only on request, since a snapshot of
//! a hundred thousand tasks is to cost milliseconds.
//!
//! A parked task's stack is read after the two passes, while the task may run on. It counts only if
//! the task is in the very wait that both passes saw when the reading has ended: then it has stood
//! still all the time. A task that runs is asked where it is (`scheduler/probe.rs`).

use std::collections::HashMap;

use gleak_snapshot::{
    Frame, FrameId, Module, ModuleId, Registers, Snapshot, Stack, StackId, StackUse, Task, TaskId,
    TaskState, WorkerId,
};

use crate::collect::lock_order::PairStack;
use crate::collect::tasks::{Stacks, Standing};
use crate::machine::code::{self, Code};
use crate::machine::unwind::{Chain, Unwinder};
use crate::machine::{names, slabs, stack};
use crate::records::state::{State, Word};
use crate::records::table::Ref;
use crate::records::tags::SpawnStack;
use crate::records::waiter::WAITERS;
use crate::scheduler::{probe, seat};
use crate::sync::{Ordering, fence};

/// How often a running task is asked.
const TRIES: usize = 4;

/// Adds the stacks of these tasks to the snapshot; counts those that are not had.
pub(super) fn add(snapshot: &mut Snapshot, stacks: &Stacks) {
    let mut unwinder = Unwinder::current();
    let mut table = Table::default();
    for Standing { task, reference, word } in &stacks.standing {
        let Ok(at) = snapshot.tasks.binary_search_by_key(task, |it| it.id) else { continue };
        let task = &mut snapshot.tasks[at];
        let chain = match registers(task) {
            Some(registers) => parked(&mut unwinder, registers, *reference, *word),
            None => {
                task.worker.and_then(|worker| running(&mut unwinder, worker, *reference, *word))
            }
        };
        match chain {
            Some(chain) => task.backtrace = Some(table.id(Found::Unwound(chain))),
            None => snapshot.completeness.lost_stacks += 1,
        }
    }
    for (task, calls) in &stacks.spawned {
        if let Ok(at) = snapshot.tasks.binary_search_by_key(task, |it| it.id) {
            snapshot.tasks[at].spawn_backtrace = Some(table.id(Found::Taken(calls.clone())));
        }
    }
    for PairStack { pair, witness, calls } in &stacks.paired {
        let witness = &mut snapshot.lock_order[*pair].witnesses[*witness];
        witness.stack = Some(table.id(Found::Taken(calls.clone())));
    }
    table.finish(&unwinder, snapshot);
    unwinder.keep();
}

fn registers(task: &Task) -> Option<Registers> {
    match &task.state {
        TaskState::Waiting(wait) => wait.registers,
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => None,
    }
}

/// None when the task has moved, or its stack cannot be read.
fn parked(unwinder: &mut Unwinder, from: Registers, task: Ref, word: Word) -> Option<Chain> {
    let place = slabs::find(usize::try_from(from.sp).ok()?)?;
    let chain = unwinder.unwind(from, &place)?;
    stood_still(task, word).then_some(chain)
}

/// Whether all that was read so far was read while the task was in that state.
fn stood_still(task: Ref, word: Word) -> bool {
    fence(Ordering::Acquire);
    WAITERS.get(task).is_some_and(|record| record.state.load() == word)
}

/// Of a task that runs, or keeps its worker while it waits. None when it does so no more.
///
/// It may be caught between two instructions for which the tables hold no longer, or not yet: in the
/// switch of stacks, or in a piece of assembly. What then comes out does not end at the task's entry, is
/// not believed, and is asked for again, since the next moment is another one.
fn running(unwinder: &mut Unwinder, worker: WorkerId, task: Ref, word: Word) -> Option<Chain> {
    for _ in 0..TRIES {
        let copied = probe::stack_of(seat::of(worker.0), task)?;
        // A wait is shown with its own stack; where a task runs may be a moment later.
        if word.state() == State::Waiting && !stood_still(task, word) {
            return None;
        }
        let chain = unwinder.unwind(copied.registers, &copied)?;
        if chain.whole || copied.is_cut() {
            return Some(chain);
        }
    }
    None
}

/// Stacks of one snapshot.
#[derive(Default)]
struct Table {
    found: Vec<Found>,
    ids: HashMap<Found, StackId>,
}

/// Where a stack comes from.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Found {
    Unwound(Chain),
    /// By its spawner itself.
    Taken(SpawnStack),
}

impl Table {
    fn id(&mut self, found: Found) -> StackId {
        *self.ids.entry(found).or_insert_with_key(|found| {
            self.found.push(found.clone());
            StackId(index(self.found.len() - 1))
        })
    }

    fn finish(self, unwinder: &Unwinder, snapshot: &mut Snapshot) {
        let mut frames = Frames { code: unwinder.code(), snapshot, known: HashMap::new() };
        for found in self.found {
            let (addresses, cut) = match found {
                Found::Unwound(chain) => (unwinder.frames(chain), !chain.whole),
                Found::Taken(calls) => (calls.to_vec(), false),
            };
            let ids = addresses.into_iter().map(|address| frames.id(address)).collect();
            frames.snapshot.stacks.push(Stack { frames: ids, cut });
        }
    }
}

/// Frames by their address, and the modules that they are of.
struct Frames<'a> {
    code: &'a Code,
    snapshot: &'a mut Snapshot,
    known: HashMap<u64, FrameId>,
}

impl Frames<'_> {
    fn id(&mut self, address: u64) -> FrameId {
        if let Some(known) = self.known.get(&address) {
            return *known;
        }
        let module = self.code.module_of(address).map(|at| self.module(at));
        let base = module.map_or(0, |module| self.snapshot.modules[module.0 as usize].base);
        let id = FrameId(index(self.snapshot.frames.len()));
        self.snapshot.frames.push(Frame { module, address: address - base, symbols: Vec::new() });
        self.known.insert(address, id);
        id
    }

    fn module(&mut self, at: usize) -> ModuleId {
        let code::Module { path, base, build_id, .. } = &self.code.modules()[at];
        let modules = &mut self.snapshot.modules;
        let known = modules.iter().position(|module| module.base == *base);
        let id = known.unwrap_or_else(|| {
            let (path, build_id) = (path.clone(), build_id.clone());
            modules.push(Module { path, base: *base, build_id });
            modules.len() - 1
        });
        ModuleId(index(id))
    }
}

fn index(len: usize) -> u32 {
    u32::try_from(len).expect("fewer stacks than tasks, and fewer frames than instructions")
}

/// Names the frames of this process's snapshot.
pub(super) fn name(snapshot: &mut Snapshot) {
    let Snapshot { frames, modules, .. } = snapshot;
    for frame in frames {
        let base = frame.module.map_or(0, |module| modules[module.0 as usize].base);
        frame.symbols = names::symbols(base + frame.address).to_vec();
    }
}

/// Adds how much stack the snapshot's parked tasks use, as far as they still live: a system call a
/// task.
pub(super) fn measure(snapshot: &mut Snapshot) {
    for task in &mut snapshot.tasks {
        if let Some(registers) = registers(task) {
            task.stack = used(registers.sp, task.id);
        }
    }
}

fn used(sp: u64, task: TaskId) -> Option<StackUse> {
    let place = slabs::find(usize::try_from(sp).ok()?)?;
    // A task has its stack for as long as it lives: the figure is its own if it does so before and
    // after.
    let is_its = || {
        let reference = Ref::from_bits(stack::task_on(place));
        reference.and_then(|it| WAITERS.get(it)).is_some_and(|record| record.id() == task.0)
    };
    if !is_its() {
        return None;
    }
    let touched = stack::touched(place)?;
    is_its().then_some(StackUse { bytes: place.class().stride() as u64, touched: touched as u64 })
}
