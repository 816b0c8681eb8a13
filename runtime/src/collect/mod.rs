//! Takes a snapshot of the process while it runs: every record is read twice.
//!
//! A wait counts only if the state word (with its ticket) says the same in both passes: then the
//! task was parked in that very wait at every moment between the passes. An owner counts only if
//! its word is the same in both. Since the whole first pass comes before the whole second one, all
//! edges that count existed together (the double collect of Afek et al., "Atomic snapshots of
//! shared memory", 1993, without the retry: what moved is marked as moving instead).
//!
//! What the passes cannot have seen is marked as well: who came or went meanwhile (`regions.rs`).

mod hash;
#[cfg(all(test, not(loom)))]
mod interleave;
mod lock_order;
mod objects;
mod order;
#[cfg(all(test, not(loom)))]
mod phantom;
mod quiet;
mod regions;
mod sites;
mod stacks;
mod tasks;
mod waits;
mod workers;

use gleak_snapshot::{
    Completeness, Counters, Header, LastUse, MisuseFact, MisusedObject, ObjectId, Owner, PanicFact,
    Reason, RegionId, Snapshot, TaskId,
};

use crate::lock::order::pairs;
use crate::machine::process;
use crate::records::misuse::{self, Event};
use crate::records::panics::{self, Unjoined};
use crate::scheduler::activity;
use crate::time::clock;

use sites::Sites;
use tasks::Stacks;

/// What a snapshot is to hold besides the records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Detail {
    /// Where stacks stand: [`Task::backtrace`](gleak_snapshot::Task::backtrace). Below a microsecond a
    /// parked task. A worker that runs one is interrupted by SIGURG for some microseconds, and its task
    /// is seen a moment later than the records. With them comes whether the thread of a held worker
    /// sleeps in the kernel.
    pub stacks: bool,
    /// What the code is called there. The first time it takes up to a second, since the program's debug
    /// information is read; without it addresses are kept, which the command line tool can name.
    pub names: bool,
    /// How much of its stack each parked task has touched: a system call a task.
    pub stack_use: bool,
}

impl Detail {
    /// What people want to read: stacks, with names.
    pub const REPORT: Detail = Detail { stacks: true, names: true, stack_use: false };
    /// What a file is to hold that somebody reads when the process has gone: all there is.
    pub const DUMP: Detail = Detail { stacks: true, names: true, stack_use: true };
}

/// A snapshot to which more of the same moment can be added: for who looks first, and wants stacks only
/// when there is something to tell.
#[derive(Debug)]
pub struct Taken {
    /// What was seen.
    pub snapshot: Snapshot,
    /// Where stacks are to be found; none once they are added.
    stacks: Option<Stacks>,
}

impl Taken {
    /// Looks.
    #[must_use]
    pub fn now() -> Taken {
        take(Reason::Request)
    }

    /// Adds this to the snapshot, as far as its tasks are still where they were: the stack of one that
    /// has moved counts as lost. What is there already stays: it is of an earlier moment.
    pub fn add(&mut self, detail: Detail) {
        let Taken { snapshot, stacks } = self;
        if let Some(stacks) = stacks.take_if(|_| detail.stacks) {
            workers::add_sleeps(snapshot);
            stacks::add(snapshot, &stacks);
        }
        if detail.names {
            stacks::name(snapshot);
        }
        if detail.stack_use {
            stacks::measure(snapshot);
        }
    }

    pub(crate) fn with(mut self, detail: Detail) -> Snapshot {
        self.add(detail);
        self.snapshot
    }
}

/// Everything known of the process right now, in its records.
pub(crate) fn collect(reason: Reason) -> Snapshot {
    take(reason).snapshot
}

/// As [`collect`], for more later.
pub(crate) fn take(reason: Reason) -> Taken {
    let still = quiet::begin();
    let mut sites = Sites::default();
    // Around all that is read of tasks.
    let first_regions = regions::first_pass();
    let first_workers = workers::first_pass();
    let first_waits = waits::first_pass();
    let first_objects = objects::first_pass();
    let objects = objects::second_pass(first_objects, &mut sites);
    let found = waits::second_pass(&first_waits);
    drop(first_waits);
    let tasks::Made { mut tasks, mut stacks, moving } = tasks::make(found, &objects, &mut sites);
    tasks::add_owned(&mut tasks, &objects);
    let (lock_order, pair_stacks) = lock_order::collect(&mut sites);
    stacks.paired = pair_stacks;
    let (panics, dropped_panics) = panics(&mut sites);
    let (misuses, dropped_misuses) = misuses(&mut sites);
    let regions::Found { regions, unsettled_uncharged } =
        regions::second_pass(&first_regions, &mut sites);
    let activity = still.end(&tasks);
    let mut snapshot = Snapshot {
        header: header(reason),
        sites: Vec::new(),
        spawns: Vec::new(),
        modules: Vec::new(),
        frames: Vec::new(),
        stacks: Vec::new(),
        regions,
        objects: objects.list.into_iter().map(|it| it.object).collect(),
        workers: Vec::new(),
        tasks,
        lock_order,
        panics,
        misuses,
        activity,
        completeness: Completeness {
            moving,
            unsettled_uncharged,
            dropped_panics,
            dropped_misuses,
            dropped_pairs: pairs::dropped(),
            ..Completeness::default()
        },
    };
    (snapshot.sites, snapshot.spawns) = sites.finish();
    snapshot.objects.sort_by_key(|object| object.id);
    snapshot.regions.sort_by_key(|region| region.id);
    snapshot.workers = workers::second_pass(&first_workers, &snapshot.tasks);
    drop_dangling_regions(&mut snapshot);
    doubt_missing_owners(&mut snapshot);
    let unsettled = snapshot.objects.iter().filter(|object| object.unsettled).count();
    snapshot.completeness.unsettled_objects = unsettled as u64;
    Taken { snapshot, stacks: Some(stacks) }
}

/// The two passes and nothing else: how many waiters were seen in both.
pub(crate) fn read_twice() -> usize {
    let (waits, objects) = (waits::first_pass(), objects::first_pass());
    objects::second_pass(objects, &mut Sites::default());
    waits::second_pass(&waits).waiters.len()
}

/// The process and the moment, without its tasks.
pub(crate) fn header(reason: Reason) -> Header {
    let (spawned, finished) = activity::counters();
    Header {
        program: process::program(),
        pid: std::process::id(),
        reason,
        taken_ns: clock::now_ns(),
        wall_s: process::wall_s(),
        counters: Counters { spawned, finished },
        crash: None,
    }
}

/// An owner that was alive when the lock was read and had ended when tasks were: nobody knows who
/// owns the lock now.
fn doubt_missing_owners(snapshot: &mut Snapshot) {
    for object in &mut snapshot.objects {
        let Some(owner) = object.detail.owner_mut() else { continue };
        let missing = |owner: &Owner| {
            owner.alive && snapshot.tasks.binary_search_by_key(&owner.task, |it| it.id).is_err()
        };
        if owner.as_ref().is_some_and(missing) {
            *owner = None;
            object.unsettled = true;
        }
    }
}

/// A region may have ended between the reading of a task and the reading of the regions.
fn drop_dangling_regions(snapshot: &mut Snapshot) {
    let known: Vec<RegionId> = snapshot.regions.iter().map(|region| region.id).collect();
    let is_known = |region: &RegionId| known.binary_search(region).is_ok();
    for task in &mut snapshot.tasks {
        task.region = task.region.filter(is_known);
    }
    for witness in snapshot.lock_order.iter_mut().flat_map(|pair| &mut pair.witnesses) {
        witness.region = witness.region.filter(is_known);
    }
    for panic in &mut snapshot.panics {
        panic.region = panic.region.filter(is_known);
    }
    for misuse in &mut snapshot.misuses {
        misuse.region = misuse.region.filter(is_known);
    }
    for object in &mut snapshot.objects {
        if let gleak_snapshot::Touched::Only(region) = object.touched
            && !is_known(&region)
        {
            object.touched = gleak_snapshot::Touched::Shared;
        }
    }
}

fn panics(sites: &mut Sites) -> (Vec<PanicFact>, u64) {
    let (kept, dropped) = panics::all();
    let facts = kept.into_iter().map(|Unjoined { task, panic }| PanicFact {
        task: TaskId(task.id),
        kind: task.kind,
        name: task.name,
        region: (task.region != 0).then_some(RegionId(task.region)),
        spawn: sites.spawn(task.site, task.entry),
        site: panic.site().map(|(file, line, column)| sites.place(file, *line, *column)),
        message: panic.message().to_owned(),
        stack: panic.frames().to_vec(),
    });
    (facts.collect(), dropped)
}

fn misuses(sites: &mut Sites) -> (Vec<MisuseFact>, u64) {
    let (kept, dropped) = misuse::all();
    let facts =
        kept.into_iter().map(|Event { kind, doer, object, site, other, times }| MisuseFact {
            kind,
            task: TaskId(doer.id),
            name: doer.name,
            region: (doer.region != 0).then_some(RegionId(doer.region)),
            spawn: doer.origin.map(|(site, entry)| sites.spawn(site, entry)),
            object: object.and_then(|it| {
                let site = sites.site(it.site?);
                Some(MisusedObject { id: ObjectId(it.id), kind: it.kind, site, name: it.name })
            }),
            site: site.map(|site| sites.site(site)),
            other: other.map(|(task, site)| LastUse { task: TaskId(task), site: sites.site(site) }),
            times,
        });
    (facts.collect(), dropped)
}
