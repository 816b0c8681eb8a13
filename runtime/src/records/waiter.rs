//! The record of who can wait: a task, a thread that was spawned through us, or another thread that is not
//! ours and has waited in us.
//!
//! Written by the waiter itself (facts of a wait, held locks) or by the worker that has it in hand;
//! read by anybody. What the waiter writes before [`StateWord::begin_wait`] is complete for whoever
//! sees the wait.

use std::mem::offset_of;

use gleak_snapshot::image::Field;
pub(crate) use gleak_snapshot::{Tenure, WaitReason as Reason};

use crate::machine::futex::Parker;
use crate::records::entries;
use crate::records::fact::{Fact, SmallFact, StaticFact};
use crate::records::ids::Ids;
use crate::records::node::{NODES, Node};
use crate::records::region::RegionRecord;
use crate::records::state::StateWord;
use crate::records::statics::{Entry, Site};
use crate::records::table::{Cache, Full, Ref, Slot, Table};
use crate::records::tags::{self, Key, Labels};
use crate::records::woken::WokenWord;
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// Ancestors whose spawn points a task carries along.
pub(crate) const ANCESTORS: usize = 4;
/// Locks read that the record has room for; more go to a side table.
pub(crate) const READS: usize = 2;

/// Set at registration, but for `LOCALS` and `INITIALISES`, which the task itself changes.
pub(crate) const THREAD: u32 = 1;
pub(crate) const MAIN: u32 = 2;
pub(crate) const TAGGED: u32 = 4;
/// A thread of ours that acts for a task: it runs what may block.
pub(crate) const HELPER: u32 = 8;
/// Its tags have labels, which are inherited.
pub(crate) const LABELLED: u32 = 16;
const BACKGROUND: u32 = 32;
const DAEMON: u32 = 64;
/// It has values in task locals.
pub(crate) const LOCALS: u32 = 128;
/// In what order it takes locks is recorded.
pub(crate) const ORDERED: u32 = 256;
/// It runs the initialiser of a static cell: what it spawns there serves whoever uses the value.
pub(crate) const INITIALISES: u32 = 512;
/// A thread that was spawned through us: what it spawns names it as its parent.
pub(crate) const SPAWNED: u32 = 1024;

/// The bit of `locks` that says the same: it is looked at there with each lock.
pub(crate) const RECORDED: u32 = 1 << 31;

/// What a helper has from the task that it acts for.
pub(crate) const INHERITED: u32 = LABELLED | BACKGROUND | DAEMON | ORDERED | INITIALISES;

pub(crate) const fn tenure_flag(tenure: Tenure) -> u32 {
    match tenure {
        Tenure::Ordinary => 0,
        Tenure::Background => BACKGROUND,
        Tenure::Daemon => DAEMON,
    }
}

/// No arm: the timer ended the wait.
pub(crate) const TIMED_OUT: u32 = u32::MAX;
/// No arm: the wait is given up from outside, and the waiter unwinds.
pub(crate) const ABANDONED: u32 = u32::MAX - 1;

/// Where an ancestor was spawned, and what it ran.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) entry: StaticFact<Entry>,
    pub(crate) site: StaticFact<std::panic::Location<'static>>,
}

/// The facts of the current or last wait.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct WaitFacts {
    reason: SmallFact,
    /// First arm: node index + 1; zero when there is none.
    pub(crate) first: SmallFact,
    /// Arms that could not be recorded.
    pub(crate) unlisted: SmallFact,
    /// 1 while the waiter sleeps on `parker` and not on its worker's queue.
    pub(crate) on_thread: AtomicU32,
    pub(crate) site: StaticFact<std::panic::Location<'static>>,
    pub(crate) since: Fact,
    /// Zero when no timer is armed.
    pub(crate) until: AtomicU64,
    pub(crate) ip: Fact,
    pub(crate) sp: Fact,
    pub(crate) bp: Fact,
}

/// Four cache lines: what the scheduler touches, the facts of a wait, what is held and where it came
/// from, and the ancestors.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct WaiterRecord {
    pub(crate) slot: Slot,
    pub(crate) state: StateWord,
    pub(crate) id: AtomicU64,
    /// Next in the inbox of its worker.
    pub(crate) link: AtomicU64,
    /// The arm that ended the wait; written by the claimer before it wakes.
    pub(crate) won: AtomicU32,
    pub(crate) flags: AtomicU32,
    /// Worker that the started task is pinned to, and its place in that worker's fibers; a thread's
    /// kernel id is in `place`.
    pub(crate) worker: AtomicU32,
    pub(crate) place: AtomicU32,
    pub(crate) parker: Parker,
    /// Node kept for plain waits: index + 1. More of them, from selects, hang on it.
    node: AtomicU32,
    /// Locks that it holds alone: which ones, the locks' own records say. With [`RECORDED`], if so.
    pub(crate) locks: AtomicU32,
    /// Locks that it reads and that had no room in `reads`.
    pub(crate) reads_more: AtomicU32,
    pub(crate) wait: WaitFacts,
    pub(crate) parent: Fact,
    pub(crate) region: AtomicU64,
    pub(crate) origin: Origin,
    /// Wakes of futures that it drives.
    pub(crate) woken: WokenWord,
    /// The record of the context that it has last asked whether it is done, or waited for.
    pub(crate) asked: Fact,
    /// Locks that it holds among readers.
    pub(crate) reads: [AtomicU64; READS],
    pub(crate) ancestors: [Origin; ANCESTORS],
}

const WAIT: usize = offset_of!(WaiterRecord, wait);
const ORIGIN: usize = offset_of!(WaiterRecord, origin);

/// For the anchor.
pub(crate) const LAYOUT: &[(Field, usize)] = &[
    (Field::WaiterSize, size_of::<WaiterRecord>()),
    (Field::WaiterSlot, offset_of!(WaiterRecord, slot)),
    (Field::WaiterState, offset_of!(WaiterRecord, state)),
    (Field::WaiterId, offset_of!(WaiterRecord, id)),
    (Field::WaiterFlags, offset_of!(WaiterRecord, flags)),
    (Field::FlagThread, THREAD as usize),
    (Field::FlagMain, MAIN as usize),
    (Field::FlagTagged, TAGGED as usize),
    (Field::FlagBackground, BACKGROUND as usize),
    (Field::FlagDaemon, DAEMON as usize),
    (Field::WaiterWorker, offset_of!(WaiterRecord, worker)),
    (Field::WaiterPlace, offset_of!(WaiterRecord, place)),
    (Field::WaiterParent, offset_of!(WaiterRecord, parent)),
    (Field::WaiterRegion, offset_of!(WaiterRecord, region)),
    (Field::WaiterEntry, ORIGIN + offset_of!(Origin, entry)),
    (Field::WaiterSite, ORIGIN + offset_of!(Origin, site)),
    (Field::WaiterAsked, offset_of!(WaiterRecord, asked)),
    (Field::WaiterReads, offset_of!(WaiterRecord, reads)),
    (Field::ReadCount, READS),
    (Field::WaiterReadsMore, offset_of!(WaiterRecord, reads_more)),
    (Field::WaiterAncestors, offset_of!(WaiterRecord, ancestors)),
    (Field::AncestorCount, ANCESTORS),
    (Field::AncestorSize, size_of::<Origin>()),
    (Field::AncestorEntry, offset_of!(Origin, entry)),
    (Field::AncestorSite, offset_of!(Origin, site)),
    (Field::WaitReason, WAIT + offset_of!(WaitFacts, reason)),
    (Field::WaitFirst, WAIT + offset_of!(WaitFacts, first)),
    (Field::WaitUnlisted, WAIT + offset_of!(WaitFacts, unlisted)),
    (Field::WaitOnThread, WAIT + offset_of!(WaitFacts, on_thread)),
    (Field::WaitSite, WAIT + offset_of!(WaitFacts, site)),
    (Field::WaitSince, WAIT + offset_of!(WaitFacts, since)),
    (Field::WaitUntil, WAIT + offset_of!(WaitFacts, until)),
    (Field::WaitIp, WAIT + offset_of!(WaitFacts, ip)),
    (Field::WaitSp, WAIT + offset_of!(WaitFacts, sp)),
    (Field::WaitBp, WAIT + offset_of!(WaitFacts, bp)),
];

/// A waiter and its record: who calls, who was claimed, who holds a guard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Current {
    pub(crate) record: &'static WaiterRecord,
}

impl Current {
    #[inline]
    pub(crate) fn reference(self) -> Ref {
        self.record.slot.me()
    }

    /// Whether both are the same waiter, one of them now.
    #[inline]
    pub(crate) fn is(self, other: &WaiterRecord) -> bool {
        std::ptr::eq(self.record, other)
    }
}

pub(crate) static WAITERS: Table<WaiterRecord> = Table::new();
pub(crate) static IDS: Ids = Ids::new();

/// What a new waiter is.
pub(crate) struct Birth {
    pub(crate) id: u64,
    pub(crate) flags: u32,
    pub(crate) parent: Option<&'static WaiterRecord>,
    pub(crate) region: Option<(Ref, &'static RegionRecord)>,
    pub(crate) entry: Option<&'static Entry>,
    pub(crate) site: Option<Site>,
}

/// Registers a waiter in state `Fresh`, through the calling thread's store of records if it has one.
pub(crate) fn register(
    birth: &Birth,
    cache: Option<&Cache>,
) -> Result<(Ref, &'static WaiterRecord), Full> {
    let (reference, record) = match cache {
        Some(cache) => WAITERS.take_from(cache)?,
        None => WAITERS.take()?,
    };
    if record.node.load(Ordering::Relaxed) == 0 {
        let Ok((node, _)) = NODES.take() else {
            WAITERS.give_back(reference);
            return Err(Full);
        };
        record.node.store(node.index() + 1, Ordering::Relaxed);
    }
    record.flags.store(birth.flags, Ordering::Relaxed);
    record.id.store(birth.id, Ordering::Relaxed);
    if let Some(entry) = birth.entry {
        entries::note(entry);
    }
    record.origin.entry.put(birth.entry);
    record.origin.site.put(birth.site);
    record.inherit(birth.parent);
    record.region.store(birth.region.map_or(0, |(it, _)| it.to_bits()), Ordering::Relaxed);
    if let Some((_, region)) = birth.region {
        region.enter();
    }
    for read in &record.reads {
        read.store(0, Ordering::Relaxed);
    }
    record.reads_more.store(0, Ordering::Relaxed);
    record.asked.set(0);
    let recorded = if birth.flags & ORDERED != 0 { RECORDED } else { 0 };
    record.locks.store(recorded, Ordering::Relaxed);
    record.wait.on_thread.store(0, Ordering::Relaxed);
    record.state.set(crate::records::state::State::Fresh);
    Ok((reference, record))
}

impl WaiterRecord {
    fn inherit(&self, parent: Option<&'static WaiterRecord>) {
        let Some(parent) = parent else {
            self.parent.set(0);
            for ancestor in &self.ancestors {
                ancestor.entry.put(None);
                ancestor.site.put(None);
            }
            return;
        };
        self.parent.set(parent.id.load(Ordering::Relaxed));
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

    /// Labels that it was given or has inherited.
    pub(crate) fn labels(&self) -> Labels {
        if self.has(LABELLED) { tags::labels(Key::Task(self.id())) } else { None }
    }

    pub(crate) fn tenure(&self) -> Tenure {
        if self.has(DAEMON) {
            Tenure::Daemon
        } else if self.has(BACKGROUND) {
            Tenure::Background
        } else {
            Tenure::Ordinary
        }
    }

    pub(crate) fn region(&self) -> Option<Ref> {
        Ref::from_bits(self.region.load(Ordering::Relaxed))
    }

    /// The node for plain waits and the first arm of a select.
    pub(crate) fn own_node(&self) -> u32 {
        self.node.load(Ordering::Relaxed) - 1
    }

    /// Sees to it that the waiter has nodes for `count` arms, chained from its own one by `spare`.
    /// They stay with the record for whoever has it next: selects repeat.
    ///
    /// # Errors
    /// When no record is left for another node.
    pub(crate) fn keep_nodes(&self, count: usize) -> Result<(), Full> {
        for _ in self.nodes().take(count).count()..count {
            let (reference, node) = NODES.take()?;
            let own = Node::at(self.own_node());
            node.spare.store(own.spare.load(Ordering::Relaxed), Ordering::Relaxed);
            own.spare.store(reference.index() + 1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Its nodes: its own first.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = u32> {
        let mut next = self.node.load(Ordering::Relaxed);
        std::iter::from_fn(move || {
            let index = next.checked_sub(1)?;
            next = Node::at(index).spare.load(Ordering::Relaxed);
            Some(index)
        })
    }
}

/// Arms of a wait, in order, from what its [`WaitFacts::first`] says. Bounded: a torn list ends.
pub(crate) fn arms_from(first: u32) -> impl Iterator<Item = &'static Node> {
    let mut next = first;
    let mut left = 1_000_000;
    std::iter::from_fn(move || {
        let node = NODES.at(next.checked_sub(1)?)?;
        next = node.next_arm.get();
        left -= 1;
        (left > 0).then_some(node)
    })
}

impl WaitFacts {
    pub(crate) fn set_reason(&self, reason: Reason) {
        self.reason.set(reason as u32);
    }

    pub(crate) fn reason(&self) -> Reason {
        // Always one of them; the remainder would cost a park more than the look.
        Reason::ALL.get(self.reason.get() as usize).copied().unwrap_or(Reason::ALL[0])
    }
}

#[cfg(not(feature = "no-records"))]
const _: () = assert!(size_of::<WaiterRecord>() == 4 * 64, "four cache lines");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_back() {
        assert!(Reason::ALL.into_iter().enumerate().all(|(code, reason)| reason as usize == code));
    }
}
