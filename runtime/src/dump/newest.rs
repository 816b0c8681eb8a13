//! Only the newest dumps of a program stay in a folder.
//!
//! Invariants:
//! 1. A file goes only if it has the name of a dump, belongs to who has written the last one, and begins
//!    as a dump of this very program does. No link is followed.
//! 2. Whatever cannot be read or removed stays: another process may have been faster.

use std::cmp::Reverse;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use gleak_snapshot::read_header;

/// A longer first line is none of a dump's.
const HEADER_MAX: u64 = 64 << 10;

struct Found {
    written: SystemTime,
    /// Of its process: what was written within one tick of the file system's clock.
    number: u32,
    path: PathBuf,
}

/// Removes all but the newest dumps of this program from the folder that the last one was written into.
pub(super) fn keep(newest: u32, program: &str, last: &Path) {
    let Ok(own) = fs::symlink_metadata(last) else { return };
    let folder = last.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(folder) else { return };
    let paths = entries.flatten().map(|entry| entry.path());
    let paths = paths.filter(|path| path.file_name() != last.file_name());
    let mut others: Vec<Found> = paths.filter_map(|path| found(path, &own)).collect();
    // With the last one itself.
    let many = (newest as usize).saturating_sub(1);
    if others.len() <= many {
        return;
    }
    others.retain(|it| begins_as_dump_of(program, it, &own));
    others.sort_by_key(|it| Reverse((it.written, it.number)));
    for Found { path, .. } in others.iter().skip(many) {
        let _ = fs::remove_file(path);
    }
}

fn found(path: PathBuf, own: &Metadata) -> Option<Found> {
    let number = number(path.file_name()?.to_str()?)?;
    let file = fs::symlink_metadata(&path).ok()?;
    let fits = file.is_file() && file.uid() == own.uid();
    fits.then_some(Found { written: file.modified().ok()?, number, path })
}

/// The last number in `gleak-<pid>-<n>.ndjson`.
fn number(name: &str) -> Option<u32> {
    let (pid, n) = name.strip_prefix("gleak-")?.strip_suffix(".ndjson")?.split_once('-')?;
    let digits = |text: &str| !text.starts_with('0') && text.bytes().all(|it| it.is_ascii_digit());
    if digits(pid) && digits(n) && pid.parse::<u32>().is_ok() { n.parse().ok() } else { None }
}

fn begins_as_dump_of(program: &str, found: &Found, own: &Metadata) -> bool {
    // If something else has come into its place it is neither followed nor waited for.
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let Ok(file) = options.open(&found.path) else { return false };
    file.metadata().is_ok_and(|it| it.is_file() && it.uid() == own.uid())
        && first_line(&file)
            .is_some_and(|line| read_header(&line).is_some_and(|header| header.program == program))
}

fn first_line(file: &File) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(file.take(HEADER_MAX)).read_until(b'\n', &mut line).ok()?;
    line.ends_with(b"\n").then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_is_known_by_its_name() {
        for (name, n) in [
            ("gleak-7-1.ndjson", Some(1)),
            ("gleak-4711-120.ndjson", Some(120)),
            ("gleak-7-01.ndjson", None),
            ("gleak-7-.ndjson", None),
            ("gleak--1.ndjson", None),
            ("gleak-7-1.ndjson.gz", None),
            ("gleak-7-1-2.ndjson", None),
            ("gleak-+7-1.ndjson", None),
            ("findings-7-1.ndjson", None),
            ("gleak-99999999999-1.ndjson", None),
        ] {
            assert_eq!(number(name), n, "{name}");
        }
    }
}
