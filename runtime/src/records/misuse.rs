//! What was done that is never right, kept until the verdict of its region: alike ones once with their
//! number, at most [`KEPT`] different ones; more are counted.
//!
//! Invariant: nobody comes here who did nothing wrong, so nothing here is on a hot path. What panics is
//! not noted: whoever catches the panic or joins its task knows, and the others are told of it.

use gleak_snapshot::Misuse;

use crate::records::object::{Kind, ObjectRecord};
use crate::records::region;
use crate::records::statics::{Entry, Site};
use crate::records::table::Ref;
use crate::records::tags::{self, Key};
use crate::records::waiter::{Current, TAGGED, THREAD, WAITERS, WaiterRecord};
use crate::sync::{AtomicU64, Lock, Ordering};

const KEPT: usize = 1000;

/// Who did it; it may be gone when somebody reads that.
#[derive(Clone, Debug)]
pub(crate) struct Doer {
    pub(crate) id: u64,
    pub(crate) name: Option<String>,
    pub(crate) region: u64,
    /// None for an outside thread.
    pub(crate) origin: Option<(Site, &'static Entry)>,
}

impl Doer {
    pub(crate) fn of(who: Current) -> Doer {
        let record = who.record;
        let id = record.id();
        let tagged = record.has(THREAD | TAGGED);
        let region = record.region().and_then(region::get);
        Doer {
            id,
            name: tagged.then(|| tags::get(Key::Task(id))).flatten().and_then(|tags| tags.name),
            region: region.map_or(0, |region| region.id.load(Ordering::Relaxed)),
            origin: record.origin.site.get().zip(record.origin.entry.get()),
        }
    }
}

/// An object as it was then.
#[derive(Clone, Debug)]
pub(crate) struct Misused {
    pub(crate) id: u64,
    pub(crate) kind: Kind,
    pub(crate) site: Option<Site>,
    pub(crate) name: Option<String>,
}

impl Misused {
    fn of(record: &ObjectRecord) -> Misused {
        let id = record.id.load(Ordering::Relaxed);
        let tags = if record.is_named() { tags::get(Key::Object(id)) } else { None };
        let name = tags.and_then(|tags| tags.name);
        Misused { id, kind: record.kind(), site: record.site.get(), name }
    }
}

/// One misuse, or some alike.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) kind: Misuse,
    pub(crate) doer: Doer,
    pub(crate) object: Option<Misused>,
    pub(crate) site: Option<Site>,
    /// The other party, and where.
    pub(crate) other: Option<(u64, Site)>,
    pub(crate) times: u64,
}

impl Event {
    /// Told once: the same places, in the same region.
    fn is_like(&self, other: &Event) -> bool {
        let places = |it: &Event| {
            let made = it.object.as_ref().and_then(|object| object.site);
            let spawned = it.doer.origin.map(|(site, _)| site);
            (it.kind, it.doer.region, spawned, made, it.site, it.other.map(|(_, site)| site))
        };
        places(self) == places(other)
    }
}

static EVENTS: Lock<Vec<Event>> = Lock::new(Vec::new());
static DROPPED: AtomicU64 = AtomicU64::new(0);

fn add(event: Event) {
    let mut kept = EVENTS.lock();
    if let Some(like) = kept.iter_mut().find(|it| it.is_like(&event)) {
        like.times += 1;
    } else if kept.len() < KEPT {
        kept.push(event);
    } else {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

/// `who` counted a group up by hand at `site` while a wait that had ended had not returned yet; `wait`
/// is the last one that began.
#[cold]
pub(crate) fn group_reused(
    group: &ObjectRecord,
    who: Current,
    site: Site,
    wait: Option<(u64, Site)>,
) {
    let (kind, object) = (Misuse::GroupReused, Some(Misused::of(group)));
    add(Event { kind, doer: Doer::of(who), object, site: Some(site), other: wait, times: 1 });
}

/// `who` dropped a guard of this lock that another one had taken, alone or to read.
#[cold]
pub(crate) fn stranger_unlock(lock: &ObjectRecord, who: Current) {
    let owner = Ref::from_bits(lock.owner.load(Ordering::Acquire));
    // One that has ended has left its id; a reader is not known.
    let owner = owner.map(|owner| {
        let alive = WAITERS.get(owner).map(WaiterRecord::id);
        alive.unwrap_or_else(|| lock.late_owner.load(Ordering::Relaxed))
    });
    let (kind, object) = (Misuse::StrangerUnlock, Some(Misused::of(lock)));
    let other = owner.zip(lock.owner_site.get());
    add(Event { kind, doer: Doer::of(who), object, site: None, other, times: 1 });
}

/// A group made at `made` is gone, and so is the error that `member` came back with.
#[cold]
pub(crate) fn unseen_error(made: Site, member: Doer) {
    let (kind, site) = (Misuse::UnseenError, Some(made));
    add(Event { kind, doer: member, object: None, site, other: None, times: 1 });
}

/// What was kept, and how many were not.
pub(crate) fn all() -> (Vec<Event>, u64) {
    (EVENTS.lock().clone(), DROPPED.load(Ordering::Relaxed))
}

/// Whether one of a region was kept.
pub(crate) fn any_of(region: u64) -> bool {
    EVENTS.lock().iter().any(|event| event.doer.region == region)
}

/// Forgets those of a region whose verdict has been given.
pub(crate) fn forget_region(region: u64) {
    EVENTS.lock().retain(|event| event.doer.region != region);
}
