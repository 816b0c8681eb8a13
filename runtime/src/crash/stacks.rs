//! Stacks of tasks: where they are known to stand still, and where the signal came.
//!
//! The memory of tasks' stacks is never unmapped, so it is read word by word and not through the kernel,
//! which would take longer for a hundred thousand of them than everything else together. What is copied
//! while a task goes on is thrown away by the reader, which knows the state of each before and after.

use gleak_snapshot::image::file::{Tag, piece_head};

use crate::crash::memory::Memory;
use crate::crash::output::Output;
use crate::machine::signal::Fault;
use crate::machine::slabs::{self, Place};
use crate::machine::stack;
use crate::records::state::State;
use crate::records::waiter::{THREAD, WAITERS, WaiterRecord};

/// Of a parked task's stack, from its innermost frame on. What is cut is told: who unwinds it does not
/// come to the task's entry.
const PARKED_MAX: usize = 4 << 10;
/// Of the stack on which the signal came.
const FAULT_MAX: usize = 64 << 10;
/// What a function may use below its stack pointer.
const RED_ZONE: usize = 128;
const PAGE: usize = 4096;

/// What was written.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) stacks: u64,
    /// Those that are longer than what is kept of them.
    pub(super) cut: u64,
}

/// Writes where each parked task stands.
pub(super) fn parked(output: &mut Output) -> Counts {
    let mut counts = Counts::default();
    for (_, record) in WAITERS.live() {
        if output.failed().is_some() {
            break;
        }
        if let Some((place, sp)) = stands(record) {
            counts.stacks += 1;
            counts.cut += u64::from(piece(output, place, sp));
        }
    }
    output.end_block(Tag::Pieces, 0);
    counts
}

fn stands(record: &WaiterRecord) -> Option<(Place, usize)> {
    let waits = record.state.load().state() == State::Waiting && !record.has(THREAD);
    let sp = usize::try_from(record.wait.sp.get()).ok().filter(|sp| waits && *sp != 0)?;
    let place = slabs::find(sp)?;
    let inside = (place.floor()..place.base().get()).contains(&sp) && sp.is_multiple_of(8);
    inside.then_some((place, sp))
}

/// Whether it was cut.
fn piece(output: &mut Output, place: Place, sp: usize) -> bool {
    let used = place.base().get() - sp;
    let kept = used.min(PARKED_MAX) / 8 * 8;
    output.add(Tag::Pieces, &[&piece_head(sp as u64, kept as u64)]);
    let room = match output.room(kept) {
        Some(room) => room,
        None => {
            // Its head goes with it into the next block.
            output.cut_to(output.filled() - 16);
            output.end_block(Tag::Pieces, 0);
            output.add(Tag::Pieces, &[&piece_head(sp as u64, kept as u64)]);
            let Some(room) = output.room(kept) else { return true };
            room
        }
    };
    stack::words(place, sp, room);
    used > kept
}

/// Writes the stack of the thread that got the signal, on a task's stack or another.
pub(super) fn of_fault(fault: &Fault, memory: &mut Memory, output: &mut Output) {
    let Ok(sp) = usize::try_from(fault.registers.sp) else { return };
    let place = slabs::find(sp);
    let low = sp.saturating_sub(RED_ZONE);
    let low = place.map_or(low, |place| low.max(place.floor()));
    let high = sp.saturating_add(FAULT_MAX);
    let high = place.map_or(high, |place| high.min(place.end()));
    // A thread's stack may end before that, and just below the pointer: no page of it is missing then.
    if memory.copy_block(low, high, output) == 0 {
        memory.copy_block(sp.next_multiple_of(PAGE), high, output);
    }
}
