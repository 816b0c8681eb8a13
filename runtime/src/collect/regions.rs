//! Regions as values, and whether the tasks that were read are all that they had.
//!
//! Neither pass sees a task that comes after the first one has been where it is put, and the second none
//! that has ended before it: a chain of tasks each of which makes the next and ends can stay ahead of both.
//! What came or went had been counted before (`region::changing`), so a region is settled if its count is
//! the same before the first pass and after all that is read of tasks. Then it had the same tasks all the
//! time, and each of them is read twice.
//!
//! Functions that become tasks later are inside of that: counted after the first count and before the
//! second. One that has become a task in between has changed the count, or is counted still, since it is
//! until its task runs.

use std::collections::HashMap;

use gleak_snapshot::{Region, RegionId};

use super::sites::Sites;
use crate::records::region::{REGIONS, RegionRecord};
use crate::records::table::Ref;
use crate::records::tags::{self, Key};
use crate::scheduler::activity;
use crate::sync::Ordering;

/// What was counted before the first pass over tasks.
pub(super) struct Before {
    uncounted: u64,
    regions: HashMap<Ref, Counts>,
}

struct Counts {
    changes: Option<u64>,
    deferred: u64,
}

/// What both counts together say.
pub(super) struct Found {
    pub(super) regions: Vec<Region>,
    pub(super) unsettled_uncharged: bool,
}

pub(super) fn first_pass() -> Before {
    let uncounted = activity::uncounted();
    let count = |(reference, record): (Ref, &RegionRecord)| {
        let changes = record.changes();
        (reference, Counts { changes, deferred: deferred(record) })
    };
    Before { uncounted, regions: REGIONS.live().map(count).collect() }
}

pub(super) fn second_pass(before: &Before, sites: &mut Sites) -> Found {
    let live = REGIONS.live().map(|(reference, record)| (reference, record, deferred(record)));
    let live: Vec<(Ref, &RegionRecord, u64)> = live.collect();
    let unsettled_uncharged = activity::uncounted() != before.uncounted;
    let regions = live.into_iter().filter_map(|(reference, record, deferred)| {
        let id = record.id.load(Ordering::Relaxed);
        let counts = before.regions.get(&reference);
        let unsettled = counts.is_none_or(|counts| match record.changes() {
            Some(changes) => counts.changes != Some(changes),
            None => unsettled_uncharged,
        });
        Some(Region {
            id: RegionId(id),
            kind: record.kind(),
            name: tags::get(Key::Region(id)).and_then(|tags| tags.name).unwrap_or_default(),
            site: sites.site(record.site.get()?),
            closed: record.closed(),
            deferred: counts.map_or(0, |counts| counts.deferred).max(deferred),
            unsettled,
        })
    });
    Found { regions: regions.collect(), unsettled_uncharged }
}

fn deferred(record: &RegionRecord) -> u64 {
    record.deferred.load(Ordering::SeqCst)
}
