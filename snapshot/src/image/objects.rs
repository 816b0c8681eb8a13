//! Objects and regions of a process, as its records have them.

use std::collections::BTreeMap;

use super::layout::Field;
use super::memory::Memory;
use super::names::Names;
use super::places::Places;
use super::table::{Record, Table};
use crate::{
    Endpoint, LastUse, Object, ObjectDetail, ObjectId, ObjectKind, Owner, Region, RegionId,
    RegionKind, TaskId, Touched, Unheard,
};

/// In the record, of an object that several have used.
const SHARED: u64 = u64::MAX;

/// An object, and how many locks its owner held alone before it.
pub(super) struct Found {
    pub(super) object: Object,
    pub(super) depth: u32,
}

/// All objects, and by what records name them.
pub(super) struct Objects {
    pub(super) list: Vec<Found>,
    by_reference: BTreeMap<u64, ObjectId>,
}

impl Objects {
    pub(super) fn id(&self, reference: u64) -> Option<ObjectId> {
        self.by_reference.get(&reference).copied()
    }
}

/// Where facts come from.
pub(super) struct Reader<'r, 'm> {
    pub(super) memory: &'m dyn Memory,
    pub(super) waiters: &'r Table<'r>,
    pub(super) regions: &'r Table<'r>,
    pub(super) places: &'r mut Places<'m>,
    pub(super) names: &'r mut Names,
}

impl Reader<'_, '_> {
    pub(super) fn objects(&mut self, table: &Table<'_>) -> Objects {
        let mut objects = Objects { list: Vec::new(), by_reference: BTreeMap::new() };
        for record in table.live() {
            let Some(object) = self.object(record) else { continue };
            objects.by_reference.insert(record.reference, object.id);
            let depth = record.half(Field::ObjectOwnerDepth);
            objects.list.push(Found { object, depth });
        }
        objects
    }

    pub(super) fn regions(&mut self) -> Vec<Region> {
        let table = self.regions;
        let unsettled = !self.memory.is_one_moment();
        let region = |record: Record<'_>| {
            let kind = record.half(Field::RegionKind) as usize;
            Some(Region {
                id: RegionId(record.word(Field::RegionId)),
                kind: *RegionKind::ALL.get(kind)?,
                name: self.names.region(record.word(Field::RegionId)),
                site: self.places.site(record.word(Field::RegionSite))?,
                closed: record.half(Field::RegionClosed) != 0,
                deferred: record.word(Field::RegionDeferred),
                unsettled,
            })
        };
        table.live().filter_map(region).collect()
    }

    /// The id of a region, if it is there still.
    pub(super) fn region(&self, reference: u64) -> Option<RegionId> {
        Some(RegionId(self.regions.get(reference)?.word(Field::RegionId)))
    }

    fn object(&mut self, record: Record<'_>) -> Option<Object> {
        let site = self.places.site(record.word(Field::ObjectSite))?;
        let kind = *ObjectKind::ALL.get(record.half(Field::ObjectKind) as usize)?;
        let said = record.word(Field::ObjectOwner);
        let unsettled = record.later(self.memory, Field::ObjectOwner) != Some(said);
        let owner = if unsettled { None } else { self.owner(record, said) };
        let id = record.word(Field::ObjectId);
        let is_named = record.half(Field::ObjectNamed) != 0;
        Some(Object {
            id: ObjectId(id),
            site,
            name: if is_named { self.names.object(id) } else { None },
            touched: self.touched(record.word(Field::ObjectTouched)),
            unsettled,
            detail: self.detail(kind, record, owner),
        })
    }

    fn owner(&mut self, record: Record<'_>, reference: u64) -> Option<Owner> {
        if reference == 0 {
            return None;
        }
        let site = self.places.site(record.word(Field::ObjectOwnerSite))?;
        let alive = self.waiters.get(reference).map(|owner| owner.word(Field::WaiterId));
        let task = alive.unwrap_or_else(|| record.word(Field::ObjectLateOwner));
        let since_ns = record.word(Field::ObjectOwnerSince);
        Some(Owner { task: TaskId(task), site, since_ns, alive: alive.is_some() })
    }

    fn touched(&self, bits: u64) -> Touched {
        let only = if bits == SHARED { None } else { self.region(bits) };
        only.map_or(Touched::Shared, Touched::Only)
    }

    fn detail(
        &mut self,
        kind: ObjectKind,
        record: Record<'_>,
        owner: Option<Owner>,
    ) -> ObjectDetail {
        let (level, bound) = (record.word(Field::ObjectLevel), record.word(Field::ObjectBound));
        let over = record.half(Field::ObjectOver) != 0;
        let exact = record.half(Field::ObjectInexact) == 0;
        let mut end = |field| self.end(record, field);
        match kind {
            ObjectKind::Channel => ObjectDetail::Channel {
                capacity: bound.checked_sub(1),
                len: level,
                closed: over,
                sender: end(Field::ObjectSender),
                receiver: end(Field::ObjectReceiver),
            },
            ObjectKind::Mutex => ObjectDetail::Mutex { owner, exact },
            ObjectKind::RwLock => {
                let reader = end(Field::ObjectReceiver).last;
                ObjectDetail::RwLock {
                    owner,
                    readers: level,
                    waiting_writers: bound,
                    reader,
                    exact,
                }
            }
            ObjectKind::WaitGroup => {
                ObjectDetail::WaitGroup { count: level.cast_signed(), tokens: bound, loose: over }
            }
            ObjectKind::Socket => ObjectDetail::Socket {
                descriptor: u32::try_from(level).unwrap_or(0),
                peer: self.names.peer(record.word(Field::ObjectId)).filter(|_| bound == 0),
                listens: bound != 0,
            },
            ObjectKind::Cond => {
                let sender = end(Field::ObjectSender);
                // There the word counts as it is.
                let times = sender.handles.map_or(0, |handles| handles.saturating_add(1));
                let by = sender.last.filter(|_| times > 0);
                let unheard = by.map(|by| Unheard { by, at_ns: bound, times });
                ObjectDetail::Cond { mutex: (level != 0).then_some(ObjectId(level)), unheard }
            }
            ObjectKind::Once => ObjectDetail::Once { owner, done: over },
            ObjectKind::Semaphore => ObjectDetail::Semaphore {
                permits: bound,
                available: level,
                taken: end(Field::ObjectReceiver).last,
            },
            ObjectKind::Barrier => ObjectDetail::Barrier { size: bound, arrived: level },
            ObjectKind::Context => ObjectDetail::Context {
                cancelled: over,
                cancelled_ns: over.then(|| record.word(Field::ObjectOwnerSince)),
                by: if over { end(Field::ObjectSender).last } else { None },
                deadline_ns: (bound != 0).then_some(bound),
                parent: (level != 0).then_some(ObjectId(level)),
            },
        }
    }

    fn end(&mut self, record: Record<'_>, end: Field) -> Endpoint {
        let at = |field| record.word_at(record.anchor.small(end) + record.anchor.small(field));
        let site = self.places.site(at(Field::EndLastSite));
        let last = site.filter(|_| at(Field::EndLast) != 0);
        let last = last.map(|site| LastUse { task: TaskId(at(Field::EndLast)), site });
        Endpoint { handles: at(Field::EndHandles).checked_sub(1), last }
    }
}
