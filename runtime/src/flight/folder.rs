//! The folder: how files are called, and how many of processes that have ended stay there.
//!
//! A file is locked for as long as its process lives, or a child that was forked from it. So who holds no lock has
//! ended, in whatever container it ran; where there are no locks, nobody is taken for ended.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use gleak_snapshot::flight::{FlightHeader, read_flight_header};

/// Files of one program that stay when another process of it starts: one that dies again and again must not fill
/// the disk, or the memory where the folder is in that.
const KEPT: usize = 8;
/// Names that are tried. The same process number at the same tick is rare, but machines that start alike have it,
/// and a process that executes itself anew.
const NAMES: u32 = 100;

/// A new file `gleak-<pid>-<ticks at its start>.flight`, readable by its owner alone; files and links that are there
/// are left alone.
pub(super) fn create(folder: &Path, pid: u32, started: u64) -> io::Result<(File, PathBuf)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    let mut last = io::Error::from(ErrorKind::AlreadyExists);
    for again in 1..=NAMES {
        let more = if again == 1 { String::new() } else { format!("-{again}") };
        let path = folder.join(format!("gleak-{pid}-{started}{more}.flight"));
        let path = std::path::absolute(path)?;
        match options.open(&path) {
            Ok(file) => {
                // Before there is a header, without which nobody takes it for one of an ended process. Refused
                // by a file system without locks.
                let _ = file.try_lock();
                return Ok((file, path));
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Removes the oldest files of ended processes of this program, up to [`KEPT`].
pub(super) fn tidy(folder: &Path, program: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let is_flight = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("gleak-") && name.ends_with(".flight")
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_flight);
    let mut ended: Vec<_> =
        paths.filter_map(|path| Some((ended_at(&path, program)?, path))).collect();
    ended.sort();
    for (_, path) in ended.iter().rev().skip(KEPT) {
        // Somebody else may have done so.
        let _ = fs::remove_file(path);
    }
}

/// When its process started, if that was one of this program and has ended.
fn ended_at(path: &Path, program: &str) -> Option<(u64, u64)> {
    let mut options = OpenOptions::new();
    // No link, and nothing that it would have to wait for.
    let file =
        options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path).ok()?;
    let header: FlightHeader = read_flight_header(&mut BufReader::new(&file)).ok()?;
    // The lock goes with the file, which is closed here.
    let ended = header.program == program && file.try_lock().is_ok();
    ended.then_some((header.wall_s, header.started))
}
