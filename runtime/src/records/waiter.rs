//! The record of who can wait: a task, or a thread that is not ours and has waited in us.
//!
//! Written by the waiter itself (facts of a wait, held locks) or by the worker that has it in hand;
//! read by anybody. What the waiter writes before [`StateWord::begin_wait`] is complete for whoever
//! sees the wait.

pub(crate) use gleak_snapshot::WaitReason as Reason;

use crate::machine::futex::Parker;
use crate::records::node::{NODES, Node};
use crate::records::region;
use crate::records::state::StateWord;
use crate::records::statics::{Entry, Site, Static};
use crate::records::table::{Full, Ref, Slot, Table};
use crate::records::woken::WokenWord;
use crate::sync::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Ancestors whose spawn points a task carries along.
pub(crate) const ANCESTORS: usize = 4;
/// Locks held that the record has room for; more go to a side table.
pub(crate) const HELD: usize = 4;

/// By discriminant, for reading them back from a word.
const REASONS: [Reason; 15] = [
    Reason::Send,
    Reason::Receive,
    Reason::Select,
    Reason::Lock,
    Reason::ReadLock,
    Reason::WriteLock,
    Reason::WaitGroup,
    Reason::Cancel,
    Reason::Join,
    Reason::Read,
    Reason::Write,
    Reason::Blocking,
    Reason::Future,
    Reason::Sleep,
    Reason::Host,
];

/// Set once at registration.
pub(crate) const THREAD: u32 = 1;
pub(crate) const MAIN: u32 = 2;
pub(crate) const TAGGED: u32 = 4;
/// A thread of ours that acts for a task: it runs what may block.
pub(crate) const HELPER: u32 = 8;

/// No arm: the timer ended the wait.
pub(crate) const TIMED_OUT: u32 = u32::MAX;
/// No arm: the wait is given up from outside, and the waiter unwinds.
pub(crate) const ABANDONED: u32 = u32::MAX - 1;

/// Where an ancestor was spawned, and what it ran.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) entry: Static<Entry>,
    pub(crate) site: Static<std::panic::Location<'static>>,
}

/// The facts of the current or last wait.
#[derive(Debug)]
pub(crate) struct WaitFacts {
    reason: AtomicU32,
    pub(crate) site: Static<std::panic::Location<'static>>,
    pub(crate) since: AtomicU64,
    /// Zero when no timer is armed.
    pub(crate) until: AtomicU64,
    /// First arm: node index + 1; zero when there is none.
    pub(crate) first: AtomicU32,
    /// Arms that could not be recorded.
    pub(crate) unlisted: AtomicU32,
    pub(crate) ip: AtomicUsize,
    pub(crate) sp: AtomicUsize,
    pub(crate) bp: AtomicUsize,
}

#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct WaiterRecord {
    pub(crate) slot: Slot,
    pub(crate) state: StateWord,
    /// The arm that ended the wait; written by the claimer before it wakes.
    pub(crate) won: AtomicU32,
    pub(crate) flags: AtomicU32,
    /// Worker that the started task is pinned to, and its place in that worker's fibers.
    pub(crate) worker: AtomicU32,
    pub(crate) fiber: AtomicU32,
    /// 1 while the waiter sleeps on `parker` and not on its worker's queue.
    pub(crate) on_thread: AtomicU32,
    pub(crate) parker: Parker,
    /// Node kept for plain waits: index + 1.
    node: AtomicU32,
    pub(crate) id: AtomicU64,
    pub(crate) parent: AtomicU64,
    pub(crate) region: AtomicU64,
    pub(crate) tid: AtomicU32,
    pub(crate) origin: Origin,
    pub(crate) ancestors: [Origin; ANCESTORS],
    pub(crate) wait: WaitFacts,
    /// Object references; the top bit of the generation half is free for "shared".
    pub(crate) held: [AtomicU64; HELD],
    /// Locks that had no room above.
    pub(crate) held_more: AtomicU32,
    /// Wakes of futures that it drives, and how many of them it has taken so far.
    pub(crate) woken: WokenWord,
    pub(crate) wakes_taken: AtomicU32,
}

/// A waiter and its record: who calls, who was claimed, who holds a guard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Current {
    pub(crate) reference: Ref,
    pub(crate) record: &'static WaiterRecord,
}

pub(crate) static WAITERS: Table<WaiterRecord> = Table::new();
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// What a new waiter is.
pub(crate) struct Birth {
    pub(crate) flags: u32,
    pub(crate) tid: u32,
    pub(crate) parent: Option<&'static WaiterRecord>,
    pub(crate) region: Option<Ref>,
    pub(crate) entry: Option<&'static Entry>,
    pub(crate) site: Option<Site>,
}

/// Registers a waiter in state `Fresh`.
pub(crate) fn register(birth: &Birth) -> Result<(Ref, &'static WaiterRecord), Full> {
    let (reference, record) = WAITERS.take()?;
    if record.node.load(Ordering::Relaxed) == 0 {
        let Ok((node, _)) = NODES.take() else {
            WAITERS.give_back(reference);
            return Err(Full);
        };
        record.node.store(node.index() + 1, Ordering::Relaxed);
    }
    record.flags.store(birth.flags, Ordering::Relaxed);
    record.id.store(NEXT_ID.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    record.tid.store(birth.tid, Ordering::Relaxed);
    record.origin.entry.put(birth.entry);
    record.origin.site.put(birth.site);
    record.inherit(birth.parent);
    record.region.store(birth.region.map_or(0, Ref::to_bits), Ordering::Relaxed);
    if let Some(region) = birth.region.and_then(|region| region::REGIONS.get(region)) {
        region.enter();
    }
    for held in &record.held {
        held.store(0, Ordering::Relaxed);
    }
    record.held_more.store(0, Ordering::Relaxed);
    record.on_thread.store(0, Ordering::Relaxed);
    record.state.set(crate::records::state::State::Fresh);
    Ok((reference, record))
}

impl WaiterRecord {
    fn inherit(&self, parent: Option<&'static WaiterRecord>) {
        let Some(parent) = parent else {
            self.parent.store(0, Ordering::Relaxed);
            for ancestor in &self.ancestors {
                ancestor.entry.put(None);
                ancestor.site.put(None);
            }
            return;
        };
        self.parent.store(parent.id.load(Ordering::Relaxed), Ordering::Relaxed);
        let older = std::iter::once(&parent.origin).chain(&parent.ancestors);
        for (mine, theirs) in self.ancestors.iter().zip(older) {
            mine.entry.put(theirs.entry.get());
            mine.site.put(theirs.site.get());
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id.load(Ordering::Relaxed)
    }

    pub(crate) fn has(&self, flag: u32) -> bool {
        self.flags.load(Ordering::Relaxed) & flag != 0
    }

    pub(crate) fn region(&self) -> Option<Ref> {
        Ref::from_bits(self.region.load(Ordering::Relaxed))
    }

    /// The node for plain waits and the first arm of a select.
    pub(crate) fn own_node(&self) -> u32 {
        self.node.load(Ordering::Relaxed) - 1
    }

    /// Arms of the current wait, in order. Bounded: a torn list ends.
    pub(crate) fn arms(&self) -> impl Iterator<Item = &'static Node> {
        // Acquire: an arm may be named while the wait goes on (`wait::name_later`).
        let mut next = self.wait.first.load(Ordering::Acquire);
        let mut left = 1_000_000;
        std::iter::from_fn(move || {
            let node = NODES.at(next.checked_sub(1)?)?;
            next = node.next_arm.load(Ordering::Relaxed);
            left -= 1;
            (left > 0).then_some(node)
        })
    }
}

impl WaitFacts {
    pub(crate) fn set_reason(&self, reason: Reason) {
        self.reason.store(reason as u32, Ordering::Relaxed);
    }

    pub(crate) fn reason(&self) -> Reason {
        REASONS[self.reason.load(Ordering::Relaxed) as usize % REASONS.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_back() {
        assert!(REASONS.into_iter().enumerate().all(|(code, reason)| reason as usize == code));
    }
}
