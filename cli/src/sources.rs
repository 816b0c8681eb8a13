//! Source lines beside a report on a dump, where the program was compiled on this machine.
//!
//! Invariant: a wrong line is worse than none. A file counts only in the folder that the dump's own
//! stacks name, and if it has not changed since the program was built.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gleak_detector::snapshot::Snapshot;
use gleak_detector::{LARGEST_SOURCE, Report, SourceLines};

/// Those that a report on this dump shows.
pub(crate) fn of(report: &Report, dump: &Snapshot) -> SourceLines {
    let Some(built) = built(dump) else { return SourceLines::default() };
    SourceLines::of(report, &[], |path| {
        let file = fs::metadata(path).ok()?;
        let fits = file.is_file() && file.len() <= LARGEST_SOURCE && file.modified().ok()? <= built;
        if fits { fs::read(path).ok() } else { None }
    })
}

/// A moment at which the program had been built: when its file was written, if that is still the one
/// that ran, else when it started.
fn built(dump: &Snapshot) -> Option<SystemTime> {
    let header = &dump.header;
    let taken = UNIX_EPOCH.checked_add(Duration::from_secs(header.wall_s))?;
    let started = taken.checked_sub(Duration::from_nanos(header.taken_ns))?;
    let is_program = |path: &&Path| path.file_name().is_some_and(|it| *it == *header.program);
    let mut modules = dump.modules.iter().map(|module| Path::new(&module.path));
    let file = modules.find(is_program).and_then(|path| fs::metadata(path).ok());
    let written = file.and_then(|file| file.modified().ok()).filter(|written| *written <= taken);
    Some(written.unwrap_or(started))
}
