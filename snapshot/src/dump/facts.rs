//! Facts that were read elsewhere than from lines, mended as those of a dump are.

use super::collect::Collected;
use super::line::{EndLine, HeaderLine, LineCounts};
use super::repair;
use crate::{Completeness, Header, Object, Region, Site, Snapshot, SpawnPoint, Task, Worker};

/// What was read.
pub(crate) struct Facts {
    pub(crate) header: Header,
    pub(crate) sites: Vec<Site>,
    pub(crate) spawns: Vec<SpawnPoint>,
    pub(crate) regions: Vec<Region>,
    pub(crate) objects: Vec<Object>,
    pub(crate) workers: Vec<Worker>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) completeness: Completeness,
    /// Records other than tasks that may be there and could not be read.
    pub(crate) lost_records: u64,
}

/// The snapshot that they make. Nothing is known of what could act.
pub(crate) fn assemble_facts(facts: Facts) -> Snapshot {
    let Header { program, pid, reason, taken_ns, wall_s, counters, crash } = facts.header;
    let header = HeaderLine {
        program,
        pid,
        reason,
        taken_ns,
        wall_s,
        counters,
        crash,
        completeness: facts.completeness,
        lines: LineCounts::default(),
    };
    repair::assemble(Collected {
        header: Some(header),
        sites: (0..).zip(facts.sites).collect(),
        spawns: (0..).zip(facts.spawns).collect(),
        regions: facts.regions,
        objects: facts.objects,
        workers: facts.workers,
        tasks: facts.tasks,
        damaged: facts.lost_records,
        // Nothing was cut off that had been there.
        end: Some(EndLine::default()),
        ..Collected::default()
    })
}
