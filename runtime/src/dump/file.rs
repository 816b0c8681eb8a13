//! The file of a dump: made for it alone, readable by its owner, whole or not there.
//!
//! Invariants:
//! 1. What has the name already, a file, a link, a folder, is left alone: another number is taken.
//! 2. A file that cannot be written to its end is removed. If the process dies meanwhile, its last line
//!    is missing, and every reader says that it is cut.
//! 3. No write goes beyond the limit on the size of files: the signal that it brings would end the process.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use gleak_snapshot::{Snapshot, write_dump};
use rustix::process::{Resource, getrlimit};

use crate::sync::{AtomicU32, Ordering};

/// Names that are tried; who finds all of them taken has not made them by accident.
const TRIED_MAX: u32 = 10_000;

/// The number of the next dump of this process: one that is removed does not come again.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// Writes it into a new file of this folder, `gleak-<pid>-<n>.ndjson`.
pub(super) fn write(snapshot: &Snapshot, folder: &Path) -> io::Result<PathBuf> {
    let (file, path) = create(folder, snapshot.header.pid)?;
    let left = getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX);
    let mut limited = Limited { file, left };
    let written = write_dump(snapshot, &mut limited);
    written.map(|()| path.clone()).inspect_err(|_| {
        // Half a dump would be taken for the whole; the error tells what happened.
        let _ = fs::remove_file(&path);
    })
}

fn create(folder: &Path, pid: u32) -> io::Result<(File, PathBuf)> {
    for _ in 0..TRIED_MAX {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("gleak-{pid}-{n}.ndjson"));
        // A new file is never reached through a link.
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    let message = format!("{TRIED_MAX} names for a dump of this process are taken");
    Err(io::Error::new(io::ErrorKind::AlreadyExists, message))
}

/// A file as long as the process may make one.
struct Limited {
    file: File,
    left: u64,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let written = self.file.write(bytes)?;
        self.left = self.left.saturating_sub(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
