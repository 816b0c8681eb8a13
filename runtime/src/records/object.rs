//! The record of an object, and the cell by which a channel or lock owns one.
//!
//! An object registers at its first use, so that it can be made in a `const` and an unused one
//! costs nothing. If the table is full the object works all the same, and waits on it say that an
//! arm is not listed: nothing certain follows from them.
//!
//! Facts are written under the object's own lock, so they are consistent with each other up to the
//! snapshot's two reads.

use std::mem::offset_of;

pub(crate) use gleak_snapshot::ObjectKind as Kind;
use gleak_snapshot::image::Field;

use crate::records::fact::{Fact, SmallFact, StaticFact};
use crate::records::ids::Ids;
use crate::records::statics::{Site, Static};
use crate::records::table::{Ref, Slot, Table};
use crate::records::tags::{self, Key, Tags};
use crate::records::waiter::{Current, RECORDED, WaiterRecord};
use crate::scheduler::current;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use dashmap::DashMap;
use once_cell::sync::Lazy;

/// One side of a channel in a record.
#[derive(Debug)]
pub(crate) struct EndRecord {
    /// Handles + 1; zero when they are not counted. How often a cond was notified in vain since
    /// somebody was woken.
    pub(crate) handles: Fact,
    pub(crate) last: Fact,
    pub(crate) last_site: StaticFact<std::panic::Location<'static>>,
}

/// Three cache lines: what a lock writes, what a channel writes, and what rarely changes.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct ObjectRecord {
    pub(crate) slot: Slot,
    /// Its own reference.
    me: AtomicU64,
    /// Zero: nobody; `SHARED`; else the region that alone has used it.
    pub(crate) touched: Fact,
    /// The waiter that owns a lock alone, or zero; since when and where. Of a context that is over,
    /// since when it is.
    pub(crate) owner: AtomicU64,
    pub(crate) owner_since: Fact,
    pub(crate) owner_site: StaticFact<std::panic::Location<'static>>,
    /// How many locks the owner held alone already.
    pub(crate) owner_depth: SmallFact,
    /// A guard was dropped by another task than the one that locked.
    pub(crate) inexact: AtomicU32,
    kind: AtomicU32,
    /// It has a name in the tags.
    named: AtomicU32,
    /// Values in a channel, readers of a lock, count of a group (as `i64`), permits that nobody has,
    /// who has come to a barrier, ids of a cond's mutex and a context's parent
    /// (zero: none).
    pub(crate) level: Fact,
    /// Capacity + 1 of a channel (zero: unbounded), deadline of a context (zero: none), writers that
    /// wait for a lock, tokens of a group, all permits of a semaphore, size of a barrier, 1 of a socket
    /// that listens, when a cond was notified in vain.
    pub(crate) bound: Fact,
    /// Of a context, who has cancelled it.
    pub(crate) sender: EndRecord,
    pub(crate) receiver: EndRecord,
    pub(crate) id: AtomicU64,
    pub(crate) site: StaticFact<std::panic::Location<'static>>,
    /// Closed, cancelled, initialised, counted by hand.
    pub(crate) over: SmallFact,
    /// Id of an owner that has ended without letting go.
    pub(crate) late_owner: AtomicU64,
}

/// For the anchor.
pub(crate) const LAYOUT: &[(Field, usize)] = &[
    (Field::ObjectSize, size_of::<ObjectRecord>()),
    (Field::ObjectSlot, offset_of!(ObjectRecord, slot)),
    (Field::ObjectKind, offset_of!(ObjectRecord, kind)),
    (Field::ObjectId, offset_of!(ObjectRecord, id)),
    (Field::ObjectSite, offset_of!(ObjectRecord, site)),
    (Field::ObjectTouched, offset_of!(ObjectRecord, touched)),
    (Field::ObjectNamed, offset_of!(ObjectRecord, named)),
    (Field::ObjectOwner, offset_of!(ObjectRecord, owner)),
    (Field::ObjectOwnerSince, offset_of!(ObjectRecord, owner_since)),
    (Field::ObjectOwnerSite, offset_of!(ObjectRecord, owner_site)),
    (Field::ObjectOwnerDepth, offset_of!(ObjectRecord, owner_depth)),
    (Field::ObjectLateOwner, offset_of!(ObjectRecord, late_owner)),
    (Field::ObjectInexact, offset_of!(ObjectRecord, inexact)),
    (Field::ObjectLevel, offset_of!(ObjectRecord, level)),
    (Field::ObjectBound, offset_of!(ObjectRecord, bound)),
    (Field::ObjectOver, offset_of!(ObjectRecord, over)),
    (Field::ObjectSender, offset_of!(ObjectRecord, sender)),
    (Field::ObjectReceiver, offset_of!(ObjectRecord, receiver)),
    (Field::EndHandles, offset_of!(EndRecord, handles)),
    (Field::EndLast, offset_of!(EndRecord, last)),
    (Field::EndLastSite, offset_of!(EndRecord, last_site)),
];

pub(crate) const SHARED: u64 = u64::MAX;

pub(crate) static OBJECTS: Table<ObjectRecord> = Table::new();
static IDS: Ids = Ids::new();

impl ObjectRecord {
    pub(crate) fn kind(&self) -> Kind {
        Kind::ALL[self.kind.load(Ordering::Relaxed) as usize % Kind::ALL.len()]
    }

    /// What waits name it by.
    #[inline]
    pub(crate) fn target(&self) -> u64 {
        self.me.load(Ordering::Relaxed)
    }

    /// Whether it has been given a name.
    pub(crate) fn is_named(&self) -> bool {
        self.named.load(Ordering::Relaxed) != 0
    }

    /// Notes that `who` uses it.
    #[inline]
    fn touch(&self, who: Current) {
        let (region, before) = (who.record.region.load(Ordering::Relaxed), self.touched.get());
        if (before == region && before != 0) || before == SHARED {
            return;
        }
        let mine = if region == 0 { SHARED } else { region };
        // From nobody to me, or from somebody else to everybody. Whoever was faster may have been of
        // my region too.
        if self.touched.set_once(mine).is_err_and(|now| now != mine) {
            self.touched.set(SHARED);
        }
    }

    /// The new owner of a lock.
    #[inline]
    pub(crate) fn own(&self, who: Current, site: Site) {
        self.owner_since.set(crate::time::clock::coarse_ns());
        self.owner_site.set(site);
        self.owner_depth.set(who.record.locks.load(Ordering::Relaxed));
        self.owner.store(who.reference().to_bits(), Ordering::Release);
    }

    #[inline]
    pub(crate) fn disown(&self) {
        self.owner.store(0, Ordering::Release);
    }
}

impl EndRecord {
    /// Who used this side last.
    #[inline]
    pub(crate) fn used(&self, who: Current, site: Site) {
        self.last.set(who.record.id());
        self.last_site.set(site);
    }
}

/// What an object holds of its record.
#[derive(Debug)]
pub(crate) struct ObjectCell {
    kind: Kind,
    site: Site,
    /// See the record.
    bound: u64,
    record: Static<ObjectRecord>,
}

impl ObjectCell {
    pub(crate) const fn new(kind: Kind, site: Site) -> ObjectCell {
        ObjectCell::bounded(kind, site, 0)
    }

    pub(crate) const fn bounded(kind: Kind, site: Site, bound: u64) -> ObjectCell {
        ObjectCell { kind, site, bound, record: Static::none() }
    }

    /// Where the object was made.
    pub(crate) fn site(&self) -> Site {
        self.site
    }

    /// The record, and a note that `who` uses the object.
    #[inline]
    pub(crate) fn used_by(&self, who: Current) -> Option<&'static ObjectRecord> {
        let record = self.record()?;
        record.touch(who);
        Some(record)
    }

    /// The record, made at the first call.
    #[inline]
    pub(crate) fn record(&self) -> Option<&'static ObjectRecord> {
        match self.record.get() {
            Some(record) => Some(record),
            None => self.register(),
        }
    }

    /// The record, if there is one already.
    #[inline]
    pub(crate) fn known(&self) -> Option<&'static ObjectRecord> {
        self.record.get()
    }

    /// Zero when it has no record.
    #[inline]
    pub(crate) fn target(&self) -> u64 {
        self.record.get().map_or(0, ObjectRecord::target)
    }

    #[cold]
    fn register(&self) -> Option<&'static ObjectRecord> {
        let worker = current::worker();
        let taken = match worker {
            Some(worker) => OBJECTS.take_from(&worker.objects),
            None => OBJECTS.take(),
        };
        let (reference, record) = taken.ok()?;
        record.me.store(reference.to_bits(), Ordering::Relaxed);
        record.id.store(IDS.next(worker.map(|it| &it.object_ids)), Ordering::Relaxed);
        record.kind.store(self.kind as u32, Ordering::Relaxed);
        record.site.set(self.site);
        record.touched.set(0);
        record.level.set(0);
        record.owner.store(0, Ordering::Relaxed);
        record.bound.set(self.bound);
        record.over.set(0);
        record.named.store(0, Ordering::Relaxed);
        record.inexact.store(0, Ordering::Relaxed);
        for end in [&record.sender, &record.receiver] {
            end.handles.set(0);
            end.last.set(0);
            end.last_site.put(None);
        }
        match self.record.set_once(record) {
            Ok(()) => Some(record),
            Err(theirs) => {
                OBJECTS.give_back(reference);
                Some(theirs)
            }
        }
    }

    /// Gives the object a name that reports use.
    pub(crate) fn set_name(&self, name: &str) {
        self.set_tags(Tags::named(name));
    }

    /// As [`ObjectCell::set_name`], with what else there is to tell.
    pub(crate) fn set_tags(&self, given: Tags) {
        if let Some(record) = self.record() {
            let id = record.id.load(Ordering::Relaxed);
            record.named.store(1, Ordering::Relaxed);
            tags::set(Key::Object(id), given);
        }
    }
}

impl Drop for ObjectCell {
    fn drop(&mut self) {
        let Some(record) = self.record.get() else { return };
        if record.named.load(Ordering::Relaxed) != 0 {
            tags::remove(Key::Object(record.id.load(Ordering::Relaxed)));
        }
        let Some(reference) = Ref::from_bits(record.target()) else { return };
        match current::worker() {
            Some(worker) => OBJECTS.give_back_to(&worker.objects, reference),
            None => OBJECTS.give_back(reference),
        }
    }
}

/// Reads that found no room in the record, by waiter.
static MORE: Lazy<DashMap<Ref, Vec<u64>>> = Lazy::new(DashMap::new);

/// Notes that `who` reads the lock. With release, so that a snapshot that sees it sees as well that an
/// earlier wait is over.
pub(crate) fn read_begins(who: Current, target: u64) {
    for read in &who.record.reads {
        if read.load(Ordering::Relaxed) == 0 {
            read.store(target, Ordering::Release);
            return;
        }
    }
    MORE.entry(who.reference()).or_default().push(target);
    who.record.reads_more.fetch_add(1, Ordering::Release);
}

/// Notes that the waiter reads the lock no more.
pub(crate) fn read_ends(who: Current, target: u64) {
    for read in who.record.reads.iter().rev() {
        if read.load(Ordering::Relaxed) == target {
            read.store(0, Ordering::Relaxed);
            return;
        }
    }
    if who.record.reads_more.load(Ordering::Relaxed) == 0 {
        return;
    }
    let reference = who.reference();
    if let Some(mut more) = MORE.get_mut(&reference)
        && let Some(at) = more.iter().rposition(|it| *it == target)
    {
        more.remove(at);
        who.record.reads_more.fetch_sub(1, Ordering::Relaxed);
    }
    MORE.remove_if(&reference, |_, more| more.is_empty());
}

/// Shows all locks that the waiter reads.
pub(crate) fn each_read(reference: Ref, record: &WaiterRecord, mut show: impl FnMut(u64)) {
    let own = record.reads.iter().map(|it| it.load(Ordering::Relaxed)).filter(|it| *it != 0);
    own.for_each(&mut show);
    if record.reads_more.load(Ordering::Relaxed) != 0 {
        let more = MORE.get(&reference).map(|more| more.clone());
        more.unwrap_or_default().into_iter().for_each(show);
    }
}

/// A waiter has ended. Guards that it leaked go on holding: their locks get to know its id, since
/// its record will be somebody else's.
pub(crate) fn forget_holds(who: Current) {
    if who.record.reads_more.load(Ordering::Relaxed) != 0 {
        MORE.remove(&who.reference());
    }
    if who.record.locks.load(Ordering::Relaxed) & !RECORDED != 0 {
        note_late_owner(who);
    }
}

#[cold]
fn note_late_owner(who: Current) {
    let me = who.reference().to_bits();
    for (_, object) in OBJECTS.live() {
        if object.owner.load(Ordering::Relaxed) == me {
            object.late_owner.store(who.record.id(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back() {
        assert!(Kind::ALL.into_iter().enumerate().all(|(code, kind)| kind as usize == code));
    }
}
