//! The two passes over tasks and outside threads, and nothing besides: the sooner the second one is
//! through, the fewer tasks have moved.
//!
//! The first pass notes state words. The second reads the facts of a wait and then the word again: if
//! that still says the same, the wait lasted from before the end of the first pass until after its
//! facts were read, so they are of that very wait. Facts are written before a wait is published, and
//! each with release, so that whoever read one of the next wait sees the new word too.
//!
//! One fact comes later: what a wait that began without an arm is on (`wait::name_later`). An edge that
//! was made after the first pass need not have existed together with the others, so an arm counts only
//! if the first pass saw that there was one.

use crate::records::node::{Node, Op};
use crate::records::state::{State, Word};
use crate::records::statics::Site;
use crate::records::table::{self, Ref};
use crate::records::waiter::{self, Reason, THREAD, WAITERS, WaiterRecord};
use crate::sync::{Ordering, fence};
use gleak_snapshot::Registers;

/// What the first pass notes of a waiter.
pub(super) struct Seen {
    reference: Ref,
    word: Word,
    /// Of its arms, as the record has it.
    first_arm: u32,
}

/// What both passes together say.
pub(super) struct Found {
    pub(super) waiters: Vec<Waiter>,
    /// Of all waits.
    pub(super) arms: Vec<SeenArm>,
}

/// A waiter that lived in both passes.
pub(super) struct Waiter {
    pub(super) id: u64,
    pub(super) reference: Ref,
    /// In the second pass.
    pub(super) word: Word,
    /// It was another one in the first.
    pub(super) moved: bool,
    /// The wait that it was in all the time.
    pub(super) wait: Option<SeenWait>,
}

/// Small, since a million of them are to be written in milliseconds.
pub(super) struct SeenWait {
    pub(super) reason: Reason,
    pub(super) on_thread: bool,
    pub(super) unlisted: u32,
    /// Its arms in [`Found::arms`]: the first, and how many.
    pub(super) first_arm: u32,
    pub(super) arms: u32,
    pub(super) site: Site,
    pub(super) since: u64,
    pub(super) until: u64,
}

pub(super) struct SeenArm {
    pub(super) op: Op,
    pub(super) target: u64,
    /// Permits, of a wait for a semaphore.
    pub(super) asked: usize,
    /// Its place in the table, and those of its neighbours in the object's queue: + 1, as there.
    pub(super) node: u32,
    pub(super) previous: u32,
    pub(super) next: u32,
}

pub(super) fn first_pass() -> Vec<Seen> {
    let mut seen = table::room(WAITERS.used());
    seen.extend(WAITERS.live().map(|(reference, record)| {
        #[cfg(all(test, not(loom)))]
        super::interleave::at(super::interleave::Moment::First(reference));
        let word = record.state.load();
        Seen { reference, word, first_arm: record.wait.first.get() }
    }));
    seen
}

pub(super) fn second_pass(seen: &[Seen]) -> Found {
    let mut waiters = table::room(seen.len());
    let mut arms = table::room(seen.len());
    for Seen { reference, word: before, first_arm: named } in seen {
        #[cfg(all(test, not(loom)))]
        super::interleave::at(super::interleave::Moment::Second(*reference));
        let Some(record) = WAITERS.get(*reference) else { continue };
        let first_arm = arms.len();
        let is_waiting = before.state() == State::Waiting;
        let wait = if is_waiting { wait(record, *named, &mut arms) } else { None };
        fence(Ordering::Acquire);
        let word = record.state.load();
        let moved = word != *before;
        if moved {
            arms.truncate(first_arm);
        }
        if word.state() != State::Finished {
            let wait = wait.filter(|_| !moved);
            // It may have been registered since the first pass: its id is what it is from then on.
            let id = record.id();
            waiters.push(Waiter { id, reference: *reference, word, moved, wait });
        }
    }
    Found { waiters, arms }
}

/// None for what is no wait: then it is over already.
fn wait(record: &WaiterRecord, named: u32, arms: &mut Vec<SeenArm>) -> Option<SeenWait> {
    let facts = &record.wait;
    let first_arm = arms.len();
    // By the name that the first pass noted: the nodes need not wait for the record.
    arms.extend(waiter::arms_from(named).map(arm));
    Some(SeenWait {
        reason: facts.reason(),
        // Of a thread of others nothing else is to be expected.
        on_thread: facts.on_thread.load(Ordering::Acquire) != 0 && !record.has(THREAD),
        unlisted: facts.unlisted.get(),
        first_arm: u32::try_from(first_arm).ok()?,
        arms: u32::try_from(arms.len() - first_arm).ok()?,
        site: facts.site.get()?,
        since: facts.since.get(),
        until: facts.until.load(Ordering::Acquire),
    })
}

fn arm(node: &Node) -> SeenArm {
    SeenArm {
        op: node.op(),
        target: node.target.get(),
        asked: node.asked(),
        node: node.slot.me().index() + 1,
        previous: node.previous.load(Ordering::Acquire),
        next: node.next.load(Ordering::Acquire),
    }
}

/// Where the stack of a wait stands; none when the wait is over.
pub(super) fn registers(record: &WaiterRecord, word: Word) -> Option<Registers> {
    let facts = &record.wait;
    let sp = facts.sp.get();
    let registers = Registers { ip: facts.ip.get(), sp, bp: facts.bp.get() };
    fence(Ordering::Acquire);
    (sp != 0 && record.state.load() == word).then_some(registers)
}
