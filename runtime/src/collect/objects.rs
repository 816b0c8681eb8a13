//! Objects, read twice.

use gleak_snapshot::{
    Endpoint, LastUse, Object, ObjectDetail, ObjectId, Owner, RegionId, TaskId, Touched, Unheard,
};

use crate::collect::sites::Sites;
use crate::records::object::{EndRecord, Kind, OBJECTS, ObjectRecord, SHARED};
use crate::records::region::REGIONS;
use crate::records::table::Ref;
use crate::records::tags::{self, Key, Tags};
use crate::records::waiter::{WAITERS, WaiterRecord};
use crate::sync::Ordering;

/// What the first pass remembers of an object.
pub(super) struct Seen {
    reference: Ref,
    id: u64,
    owner: u64,
}

/// An object of the snapshot, and the record it came from.
pub(super) struct Collected {
    pub(super) reference: Ref,
    pub(super) object: Object,
    /// How many locks its owner held alone before it.
    pub(super) depth: u32,
}

/// All of them.
pub(super) struct Objects {
    pub(super) list: Vec<Collected>,
    /// By index in the table: place in the list + 1, or zero.
    places: Vec<usize>,
}

impl Objects {
    /// None for one that is not of this snapshot.
    pub(super) fn id(&self, object: Ref) -> Option<ObjectId> {
        let place = self.places.get(object.index() as usize)?.checked_sub(1)?;
        let collected = &self.list[place];
        (collected.reference == object).then_some(collected.object.id)
    }
}

pub(super) fn first_pass() -> Vec<Seen> {
    OBJECTS
        .live()
        .map(|(reference, record)| Seen {
            reference,
            id: record.id.load(Ordering::Relaxed),
            owner: record.owner.load(Ordering::Acquire),
        })
        .collect()
}

/// Objects that went meanwhile are not in it, nor those that came.
pub(super) fn second_pass(seen: Vec<Seen>, sites: &mut Sites) -> Objects {
    let mut list: Vec<Collected> = Vec::with_capacity(seen.len());
    let mut places = Vec::new();
    for seen in seen {
        let Some(record) = OBJECTS.get(seen.reference) else { continue };
        let Some(object) = object(&seen, record, sites) else { continue };
        // Still the same object after all of its facts were read?
        if OBJECTS.get(seen.reference).is_some() {
            let at = seen.reference.index() as usize;
            places.resize(places.len().max(at + 1), 0);
            list.push(Collected {
                reference: seen.reference,
                object,
                depth: record.owner_depth.get(),
            });
            places[at] = list.len();
        }
    }
    Objects { list, places }
}

fn object(seen: &Seen, record: &ObjectRecord, sites: &mut Sites) -> Option<Object> {
    let site = record.site.get()?;
    let owner = record.owner.load(Ordering::Acquire);
    let known = if owner == seen.owner { self::owner(record, owner, sites) } else { None };
    // Asked last: an owner that let go and ended just now is none that ended without letting go.
    let unsettled = owner != seen.owner || owner != record.owner.load(Ordering::Acquire);
    let owner = known.filter(|_| !unsettled);
    let tags = if record.is_named() { tags::get(Key::Object(seen.id)) } else { None };
    Some(Object {
        id: ObjectId(seen.id),
        site: sites.site(site),
        touched: touched(record),
        unsettled,
        detail: detail(record, owner, tags.as_ref(), sites),
        name: tags.and_then(|tags| tags.name),
    })
}

fn owner(record: &ObjectRecord, bits: u64, sites: &mut Sites) -> Option<Owner> {
    let reference = Ref::from_bits(bits)?;
    let site = sites.site(record.owner_site.get()?);
    let since_ns = record.owner_since.get();
    let alive = WAITERS.get(reference).map(WaiterRecord::id);
    // Read before it is asked again whether the record is still the owner's.
    let alive = alive.filter(|_| WAITERS.get(reference).is_some());
    let task = alive.unwrap_or_else(|| record.late_owner.load(Ordering::Relaxed));
    Some(Owner { task: TaskId(task), site, since_ns, alive: alive.is_some() })
}

fn touched(record: &ObjectRecord) -> Touched {
    let bits = record.touched.get();
    if bits == SHARED {
        return Touched::Shared;
    }
    match Ref::from_bits(bits).and_then(|region| REGIONS.get(region)) {
        Some(region) => Touched::Only(RegionId(region.id.load(Ordering::Relaxed))),
        None => Touched::Shared,
    }
}

fn detail(
    record: &ObjectRecord,
    owner: Option<Owner>,
    tags: Option<&Tags>,
    sites: &mut Sites,
) -> ObjectDetail {
    let level = record.level.get();
    let bound = record.bound.get();
    let over = record.over.get() != 0;
    let exact = record.inexact.load(Ordering::Relaxed) == 0;
    match record.kind() {
        Kind::Channel => ObjectDetail::Channel {
            capacity: bound.checked_sub(1),
            len: level,
            closed: over,
            sender: endpoint(&record.sender, sites),
            receiver: endpoint(&record.receiver, sites),
        },
        Kind::Mutex => ObjectDetail::Mutex { owner, exact },
        Kind::RwLock => {
            let reader = last_use(&record.receiver, sites);
            ObjectDetail::RwLock { owner, readers: level, waiting_writers: bound, reader, exact }
        }
        Kind::WaitGroup => {
            ObjectDetail::WaitGroup { count: level.cast_signed(), tokens: bound, loose: over }
        }
        Kind::Socket => ObjectDetail::Socket {
            descriptor: u32::try_from(level).unwrap_or(0),
            peer: tags.and_then(|tags| tags.peer.as_deref().map(str::to_owned)),
            listens: bound != 0,
        },
        Kind::Cond => {
            let times = record.sender.handles.get();
            let by = last_use(&record.sender, sites).filter(|_| times > 0);
            let unheard = by.map(|by| Unheard { by, at_ns: bound, times });
            ObjectDetail::Cond { mutex: (level != 0).then_some(ObjectId(level)), unheard }
        }
        Kind::Once => ObjectDetail::Once { owner, done: over },
        Kind::Semaphore => ObjectDetail::Semaphore {
            permits: bound,
            available: level,
            taken: last_use(&record.receiver, sites),
        },
        Kind::Barrier => ObjectDetail::Barrier { size: bound, arrived: level },
        Kind::Context => ObjectDetail::Context {
            cancelled: over,
            cancelled_ns: over.then(|| record.owner_since.get()),
            by: if over { last_use(&record.sender, sites) } else { None },
            deadline_ns: (bound != 0).then_some(bound),
            parent: (level != 0).then_some(ObjectId(level)),
        },
    }
}

fn endpoint(end: &EndRecord, sites: &mut Sites) -> Endpoint {
    let last = last_use(end, sites);
    Endpoint { handles: end.handles.get().checked_sub(1), last }
}

fn last_use(end: &EndRecord, sites: &mut Sites) -> Option<LastUse> {
    match (end.last.get(), end.last_site.get()) {
        (0, _) | (_, None) => None,
        (task, Some(site)) => Some(LastUse { task: TaskId(task), site: sites.site(site) }),
    }
}
