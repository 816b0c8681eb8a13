//! Memory of this process, read through the kernel: what is gone is an error and no fault.

use std::ops::Range;
use std::os::fd::OwnedFd;

use gleak_snapshot::image::file::{BLOCK_MAX, Tag};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::crash::output::Output;

const PAGE: usize = 4096;
/// Pages one after the other that cannot be read, after which the rest of a range is given up.
const GAP_MAX: u32 = 16;

/// Its own memory, as far as the kernel lets the process have it: one that must leave no core file has none.
pub(super) struct Memory {
    file: Option<OwnedFd>,
    /// Pages that could not be read.
    pub(super) unreadable: u64,
}

impl Memory {
    pub(super) fn open() -> Memory {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::open(c"/proc/self/mem", flags, Mode::empty());
        Memory { file: file.ok(), unreadable: 0 }
    }

    /// How many bytes could be read.
    fn read(&self, address: usize, into: &mut [u8]) -> usize {
        let Some(file) = &self.file else { return 0 };
        let mut done = 0;
        while let Some(room) = into.get_mut(done..).filter(|room| !room.is_empty()) {
            match rustix::io::pread(file, room, (address + done) as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
        done
    }

    /// Writes a range, as far as it can be read.
    pub(super) fn copy(&mut self, range: Range<usize>, output: &mut Output) {
        let mut at = range.start;
        let mut gap = 0;
        while at < range.end && output.failed().is_none() {
            let read = self.copy_block(at, range.end, output);
            at += read;
            if read > 0 {
                gap = 0;
                continue;
            }
            at = (at + 1).next_multiple_of(PAGE);
            self.unreadable += 1;
            gap += 1;
            if gap == GAP_MAX {
                self.unreadable += (range.end.saturating_sub(at) / PAGE) as u64;
                return;
            }
        }
    }

    /// Writes what can be read from there on, up to a block; how many bytes that is.
    pub(super) fn copy_block(&mut self, at: usize, end: usize, output: &mut Output) -> usize {
        let wanted = end.saturating_sub(at).min(BLOCK_MAX);
        let Some(room) = output.room(wanted) else { return 0 };
        let read = self.read(at, room);
        let is_zero = room.iter().take(read).all(|byte| *byte == 0);
        output.cut_to(read);
        if read > 8 && is_zero {
            output.cut_to(0);
            output.add(Tag::Zeros, &[&(read as u64).to_le_bytes()]);
            output.end_block(Tag::Zeros, at);
        } else {
            output.end_block(Tag::Memory, at);
        }
        read
    }
}
