//! Dump files: a snapshot written where the operator will find it.
//!
//! `gleak-<pid>-<n>.ndjson` in `GLEAK_DUMP_DIR` or the working directory, made exclusively (no
//! file is overwritten, no link followed) and readable by its owner alone.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use gleak_snapshot::{Reason, Snapshot, write_dump};

use crate::collect::{self, Detail};
use crate::report;

/// Dumps of one process in one folder.
const FILES_MAX: u32 = 10_000;

/// Writes what is known of the process right now, and returns where.
///
/// # Errors
/// When the file cannot be made or written; a half-written one is removed.
pub fn dump() -> io::Result<PathBuf> {
    write(&collect::take(Reason::Request).with(Detail::REPORT))
}

/// As [`dump`], for a snapshot taken before.
pub(crate) fn write(snapshot: &Snapshot) -> io::Result<PathBuf> {
    let folder = std::env::var_os("GLEAK_DUMP_DIR").map_or_else(PathBuf::new, PathBuf::from);
    let (mut file, path) = create(&folder, snapshot.header.pid)?;
    let written = write_dump(snapshot, &mut file).and_then(|()| file.flush());
    match written {
        Ok(()) => Ok(path),
        Err(error) => {
            // Half a dump would be taken for the whole; the error tells what happened.
            let _ = std::fs::remove_file(&path);
            Err(error)
        }
    }
}

fn create(folder: &Path, pid: u32) -> io::Result<(File, PathBuf)> {
    for n in 1..=FILES_MAX {
        let path = folder.join(format!("gleak-{pid}-{n}.ndjson"));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        format!("{FILES_MAX} dumps of this process are there already"),
    ))
}

/// What to tell people about a dump.
pub(crate) fn outcome_line(written: &io::Result<PathBuf>) -> String {
    match written {
        Ok(path) => {
            let path = path.display();
            format!("gleak: dump written to {path}; read it with: gleak report {path}")
        }
        Err(error) => format!("gleak: no dump written: {error}"),
    }
}

/// The main task has panicked.
pub(crate) fn after_panic() {
    let written = write(&collect::take(Reason::Panic).with(Detail::REPORT));
    report::say(&outcome_line(&written));
}
