//! Memory of a process that has ended, as a dump: ELF core files, and image files of our own.
//!
//! What the records say is the snapshot crate's to tell; here are the files, and what follows from code:
//! places and names, which lie in the program's file, and stacks.

mod blocks;
mod code;
mod core;
mod notes;
mod stacks;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::time::UNIX_EPOCH;

use gleak_detector::snapshot::image::{
    self, CrashImage, Memory, RecordsError, file::ImageFile, read_image,
};
use gleak_detector::snapshot::{Reason, Snapshot};

use crate::error::reason;
use crate::names::Names;
use code::WithFiles;
use core::ElfCore;

/// Why the memory in a file cannot be used.
#[derive(Debug)]
pub(crate) enum MemoryFault {
    /// It could not be read.
    Io(io::Error),
    /// It is a file of code, not memory.
    NotACore,
    /// It is a core file that cannot be used.
    Core(&'static str),
    /// It is an image file that cannot be used.
    Image(image::file::ImageError),
    /// The records of tasks are not in it.
    Records(RecordsError),
    /// It has to be read here and there, and comes as a stream.
    Stream,
}

impl fmt::Display for MemoryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MemoryFault::Io(error) => f.write_str(&reason(error)),
            MemoryFault::NotACore => {
                f.write_str("is a program or library, want a core file; --exe names a program")
            }
            MemoryFault::Core(why) => write!(f, "is a core file that {why}"),
            MemoryFault::Image(error) => write!(f, "{error}"),
            MemoryFault::Records(error) => write!(f, "{error}"),
            MemoryFault::Stream => f.write_str(
                "is memory of a process, which is read by ranges: unpack it, and name the file",
            ),
        }
    }
}

/// Whether a file that begins like this holds memory.
pub(crate) fn begins(first: &[u8]) -> bool {
    is_elf(first) || is_image(first)
}

fn is_elf(first: &[u8]) -> bool {
    first.starts_with(b"\x7fELF")
}

fn is_image(first: &[u8]) -> bool {
    ImageFile::<File>::begins(first)
}

/// The dump that is in the memory of a process.
pub(crate) fn read(mut file: File, names: &mut Names) -> Result<Snapshot, MemoryFault> {
    let changed = file.metadata().and_then(|it| it.modified()).ok();
    let changed = changed.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    let mut first = [0; 8];
    let had = file.read(&mut first).map_err(MemoryFault::Io)?;
    file.rewind().map_err(MemoryFault::Io)?;
    let wall_s = changed.map_or(0, |it| it.as_secs());
    if is_image(&first[..had]) {
        of_image(BufReader::new(file), names)
    } else {
        of_core(file, wall_s, names)
    }
}

/// Of a core file that was written then.
pub(crate) fn of_core<R: Read + Seek>(
    file: R,
    wall_s: u64,
    names: &mut Names,
) -> Result<Snapshot, MemoryFault> {
    let core = ElfCore::open(file, wall_s)?;
    let vdso = core.vdso();
    of_memory(&core, vdso, Reason::Core, names)
}

pub(crate) fn of_image<R: Read + Seek>(
    file: R,
    names: &mut Names,
) -> Result<Snapshot, MemoryFault> {
    let file = ImageFile::open(file).map_err(MemoryFault::Image)?;
    of_memory(&CrashImage::new(file), None, Reason::Crash, names)
}

fn of_memory(
    memory: &dyn Memory,
    vdso: Option<u64>,
    reason: Reason,
    names: &mut Names,
) -> Result<Snapshot, MemoryFault> {
    let memory = WithFiles::new(memory, names, vdso);
    let found = read_image(&memory, reason).map_err(MemoryFault::Records)?;
    let snapshot = stacks::add(found, &memory);
    let unread = memory.unread();
    names.note_unread(unread);
    Ok(snapshot)
}

/// The last part of a path.
fn basename(path: &str) -> Option<&str> {
    path.rsplit('/').next().filter(|name| !name.is_empty())
}
