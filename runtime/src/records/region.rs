//! Region records: what tasks are charged to.
//!
//! A region's record lives while somebody holds the region open or a task is charged to it.

use std::mem::offset_of;

pub use gleak_snapshot::RegionKind;
use gleak_snapshot::image::Field;

use crate::records::state::State;
use crate::records::statics::{Site, Static};
use crate::records::table::{Ref, Slot, Table};
use crate::records::tags::{self, Key, Tags};
use crate::records::waiter::{Reason, THREAD, WAITERS, WaiterRecord};
use crate::scheduler::worker::Worker;
use crate::scheduler::{activity, current};
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use crate::wait::{self, Claimed, Why};

#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct RegionRecord {
    pub(crate) slot: Slot,
    pub(crate) id: AtomicU64,
    kind: AtomicU32,
    pub(crate) site: Static<std::panic::Location<'static>>,
    /// The region that was current when this one was opened.
    parent: AtomicU64,
    /// Whether `users` is kept. It is a word that all workers write, so the region of a program's
    /// main, which all its tasks are charged to, does without unless somebody waits for its end.
    counted: AtomicU32,
    /// Live tasks, plus one while the region is open.
    users: AtomicU64,
    /// How often somebody came to be charged to it, or ceased to be. Kept where `users` is.
    changes: AtomicU64,
    /// Functions that will be tasks of it later, when a time has come or a context is done.
    pub(crate) deferred: AtomicU64,
    /// Its verdict has been given.
    closed: AtomicU32,
    /// Its tasks are not scheduled any more: main has returned.
    halted: AtomicU32,
    /// A waiter that wants to know when no task is left, and which wait of it.
    host: AtomicU64,
    host_ticket: AtomicU64,
}

/// For the anchor.
pub(crate) const LAYOUT: &[(Field, usize)] = &[
    (Field::RegionSize, size_of::<RegionRecord>()),
    (Field::RegionSlot, offset_of!(RegionRecord, slot)),
    (Field::RegionId, offset_of!(RegionRecord, id)),
    (Field::RegionKind, offset_of!(RegionRecord, kind)),
    (Field::RegionSite, offset_of!(RegionRecord, site)),
    (Field::RegionClosed, offset_of!(RegionRecord, closed)),
    (Field::RegionDeferred, offset_of!(RegionRecord, deferred)),
];

pub(crate) static REGIONS: Table<RegionRecord> = Table::new();
static NEXT: AtomicU64 = AtomicU64::new(1);
static HALTED: AtomicBool = AtomicBool::new(false);

/// What a new region is.
pub(crate) struct Opening<'a> {
    pub(crate) kind: RegionKind,
    pub(crate) name: &'a str,
    pub(crate) parent: Option<Ref>,
    pub(crate) site: Site,
    /// Whether anybody will ask how many tasks it has, or wait for none.
    pub(crate) counted: bool,
}

/// Opens a region. None when the table is full.
pub(crate) fn open(opening: &Opening<'_>) -> Option<Ref> {
    let Opening { kind, name, parent, site, counted } = *opening;
    let (reference, record) = REGIONS.take().ok()?;
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    record.id.store(id, Ordering::Relaxed);
    record.kind.store(kind as u32, Ordering::Relaxed);
    record.site.set(site);
    record.parent.store(parent.map_or(0, Ref::to_bits), Ordering::Relaxed);
    record.counted.store(u32::from(counted), Ordering::Relaxed);
    record.users.store(1, Ordering::Relaxed);
    record.changes.store(0, Ordering::Relaxed);
    record.deferred.store(0, Ordering::Relaxed);
    record.closed.store(0, Ordering::Relaxed);
    record.halted.store(0, Ordering::Relaxed);
    record.host.store(0, Ordering::Relaxed);
    tags::set(Key::Region(id), Tags::named(name));
    Some(reference)
}

impl RegionRecord {
    pub(crate) fn kind(&self) -> RegionKind {
        RegionKind::ALL[self.kind.load(Ordering::Relaxed) as usize % RegionKind::ALL.len()]
    }

    /// Live tasks that are charged to it. Zero when it does not count.
    pub(crate) fn live(&self) -> u64 {
        self.users.load(Ordering::Acquire).saturating_sub(u64::from(!self.closed()))
    }

    pub(crate) fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire) != 0
    }

    pub(crate) fn halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed) != 0
    }

    fn tell_host(&self) {
        fence(Ordering::SeqCst);
        let host = Ref::from_bits(self.host.load(Ordering::Acquire));
        let ticket = self.host_ticket.load(Ordering::Relaxed);
        if let Some(claimed) = host.and_then(|host| Claimed::by_ticket(host, ticket)) {
            claimed.wake();
        }
    }

    pub(crate) fn enter(&self) {
        if self.is_counted() {
            self.users.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often somebody came or went; none where that is only counted for all such regions together:
    /// [`activity::uncounted`].
    pub(crate) fn changes(&self) -> Option<u64> {
        self.is_counted().then(|| self.changes.load(Ordering::Acquire))
    }

    fn is_counted(&self) -> bool {
        self.counted.load(Ordering::Relaxed) != 0
    }
}

/// A task comes to be charged to this region, or to none, or ceases to be. Said before it shows in any
/// record, and by a task that ends after the last that it did: so between two equal counts a region has
/// had the same tasks all the time, and who reads both sees whom it can have missed.
#[inline]
pub(crate) fn changing(region: Option<&RegionRecord>, by: Option<&Worker>) {
    match region {
        Some(record) if record.is_counted() => {
            record.changes.fetch_add(1, Ordering::Release);
        }
        Some(_) | None => activity::uncounted_changes(by),
    }
}

/// One user less; the last one frees the record.
pub(crate) fn leave(region: Ref) {
    if let Some(record) = REGIONS.get(region) {
        leave_live(region, record);
    }
}

/// As [`leave`], by who counts in it: then it is live.
#[inline]
pub(crate) fn leave_live(region: Ref, record: &RegionRecord) {
    if !record.is_counted() {
        return;
    }
    let left = record.users.fetch_sub(1, Ordering::AcqRel) - 1;
    if left == 1 {
        record.tell_host();
    }
    if left == 0 {
        free(region, record);
    }
}

fn free(region: Ref, record: &RegionRecord) {
    tags::remove(Key::Region(record.id.load(Ordering::Relaxed)));
    REGIONS.give_back(region);
}

/// Waits until no task is charged to an open region.
pub(crate) fn wait_until_empty(region: Ref, site: Site) {
    let Some(record) = REGIONS.get(region) else { return };
    while record.live() > 0 {
        let who = current::get();
        let why = Why { reason: Reason::Host, site, until: None };
        let waiting = wait::begin_bare(who, why);
        record.host_ticket.store(who.record.state.load().ticket(), Ordering::Relaxed);
        record.host.store(who.reference().to_bits(), Ordering::Release);
        // Pairs with the fence in `tell_host`: either it sees the host, or the host sees no task.
        fence(Ordering::SeqCst);
        if record.live() == 0 && waiting.cancel() {
            break;
        }
        waiting.park().or_unwind();
    }
    record.host.store(0, Ordering::Relaxed);
}

/// Whether a task of it is on a worker right now, and so may come to its end.
pub(crate) fn is_running(region: Ref) -> bool {
    tasks_of(region).any(|task| task.state.load().state() == State::Running)
}

/// Tasks charged to it; not the helpers that act for them.
fn tasks_of(region: Ref) -> impl Iterator<Item = &'static WaiterRecord> {
    let all = WAITERS.live().map(|(_, waiter)| waiter);
    all.filter(move |waiter| waiter.region() == Some(region) && !waiter.has(THREAD))
}

/// Live tasks that are charged to it.
pub(crate) fn live_tasks(region: Ref) -> u64 {
    match REGIONS.get(region) {
        Some(record) if record.is_counted() => record.live(),
        Some(_) => {
            let lives = |waiter: &WaiterRecord| waiter.state.load().state() != State::Finished;
            tasks_of(region).filter(|task| lives(task)).count() as u64
        }
        None => 0,
    }
}

/// Its verdict is given. Idempotent.
pub(crate) fn close(region: Ref) {
    let Some(record) = REGIONS.get(region) else { return };
    if record.closed.swap(1, Ordering::AcqRel) != 0 {
        return;
    }
    if record.is_counted() {
        leave(region);
    } else if !WAITERS.live().any(|(_, waiter)| waiter.region() == Some(region)) {
        // Otherwise it stays: its main has returned, so what is left of it never ends.
        free(region, record);
    }
}

pub(crate) fn get(region: Ref) -> Option<&'static RegionRecord> {
    REGIONS.get(region)
}

/// Whether any region was ever halted: what a worker asks at every turn.
#[inline]
pub(crate) fn any_halted() -> bool {
    HALTED.load(Ordering::Relaxed)
}

/// Stops the scheduling of its tasks, and of the tasks of every region opened inside it.
pub(crate) fn halt(region: Ref) {
    HALTED.store(true, Ordering::Relaxed);
    for (_, record) in REGIONS.live().filter(|(candidate, _)| inside(*candidate, region)) {
        record.halted.store(1, Ordering::Relaxed);
    }
}

/// The call of `run` that a region belongs to: itself, or what it was opened in.
pub(crate) fn run_of(mut region: Ref) -> Option<Ref> {
    loop {
        let record = REGIONS.get(region)?;
        match record.kind() {
            RegionKind::Run => return Some(region),
            RegionKind::Test | RegionKind::Guard | RegionKind::Thread => {
                region = Ref::from_bits(record.parent.load(Ordering::Relaxed))?;
            }
        }
    }
}

/// The ids of a region and of those that it was opened in, from the innermost on.
pub(crate) fn outward(region: Ref) -> impl Iterator<Item = u64> {
    let mut next = Some(region);
    std::iter::from_fn(move || {
        let record = REGIONS.get(next?)?;
        next = Ref::from_bits(record.parent.load(Ordering::Relaxed));
        Some(record.id.load(Ordering::Relaxed))
    })
}

fn inside(mut region: Ref, outer: Ref) -> bool {
    loop {
        if region == outer {
            return true;
        }
        let parent = REGIONS.get(region).map_or(0, |it| it.parent.load(Ordering::Relaxed));
        match Ref::from_bits(parent) {
            Some(parent) => region = parent,
            None => return false,
        }
    }
}
