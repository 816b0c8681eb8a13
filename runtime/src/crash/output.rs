//! The file, written block by block through a buffer that is as large as the largest block.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use gleak_snapshot::image::file::{self, BLOCK_HEAD_BYTES, BLOCK_MAX, Tag, padding};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::crash::text::Text;

/// Images of one process id in one folder.
const FILES_MAX: u64 = 10_000;

pub(super) struct Output {
    /// With a slash at its end.
    folder: Box<[u8]>,
    path: Text,
    file: Option<OwnedFd>,
    failed: Option<Errno>,
    /// A head, a payload, and what fills it up.
    buffer: Box<[u8]>,
    /// Bytes of the payload so far.
    filled: usize,
    pub(super) blocks: u64,
    pub(super) bytes: u64,
}

impl Output {
    pub(super) fn new(folder: &Path) -> Output {
        let mut bytes = folder.as_os_str().as_bytes().to_vec();
        if bytes.last() != Some(&b'/') {
            bytes.push(b'/');
        }
        Output {
            folder: bytes.into(),
            path: Text::new(),
            file: None,
            failed: None,
            buffer: vec![0; BLOCK_HEAD_BYTES + BLOCK_MAX + 8].into(),
            filled: 0,
            blocks: 0,
            bytes: 0,
        }
    }

    /// Makes `gleak-<pid>-<n>.crash`, readable by its owner alone; a file or link of that name is left
    /// alone. Says whether it could.
    pub(super) fn create(&mut self, pid: u32) -> bool {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let rights = Mode::RUSR | Mode::WUSR;
        for n in 1..=FILES_MAX {
            self.path.clear();
            self.path.raw(&self.folder).str("gleak-").number(pid.into()).str("-").number(n);
            self.path.str(".crash").raw(b"\0");
            let Ok(path) = CStr::from_bytes_with_nul(self.path.bytes()) else {
                self.failed = Some(Errno::NAMETOOLONG);
                return false;
            };
            match rustix::fs::open(path, flags, rights) {
                Ok(file) => {
                    self.file = Some(file);
                    self.failed = None;
                    return self.write(&file::head());
                }
                Err(error) => self.failed = Some(error),
            }
            if self.failed != Some(Errno::EXIST) {
                return false;
            }
        }
        false
    }

    /// Where it is, or was to be.
    pub(super) fn path(&self) -> &[u8] {
        self.path.bytes().strip_suffix(b"\0").unwrap_or_default()
    }

    pub(super) fn exists(&self) -> bool {
        self.file.is_some()
    }

    /// Why it is not complete.
    pub(super) fn failed(&self) -> Option<Errno> {
        self.failed
    }

    /// Room for so many more bytes of the payload; none when the block has no room for them.
    pub(super) fn room(&mut self, bytes: usize) -> Option<&mut [u8]> {
        let start = BLOCK_HEAD_BYTES + self.filled;
        let end = start.checked_add(bytes).filter(|end| *end <= BLOCK_HEAD_BYTES + BLOCK_MAX)?;
        self.filled += bytes;
        self.buffer.get_mut(start..end)
    }

    /// Adds to the payload; what the block has no room for goes into a next one of this tag.
    pub(super) fn add(&mut self, tag: Tag, bytes: &[&[u8]]) {
        let count = bytes.iter().map(|it| it.len()).sum();
        if BLOCK_MAX - self.filled < count {
            self.end_block(tag, 0);
        }
        let Some(mut room) = self.room(count) else { return };
        for part in bytes {
            let Some((now, rest)) = std::mem::take(&mut room).split_at_mut_checked(part.len())
            else {
                return;
            };
            now.copy_from_slice(part);
            room = rest;
        }
    }

    /// Only so many bytes of the payload are right.
    pub(super) fn cut_to(&mut self, bytes: usize) {
        self.filled = self.filled.min(bytes);
    }

    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    /// Writes the block, if there is anything in it.
    pub(super) fn end_block(&mut self, tag: Tag, address: usize) {
        let filled = std::mem::take(&mut self.filled);
        if filled == 0 || self.failed.is_some() {
            return;
        }
        let end = BLOCK_HEAD_BYTES + filled;
        let Some(payload) = self.buffer.get(BLOCK_HEAD_BYTES..end) else { return };
        let head = file::block_head(tag, address as u64, payload);
        let whole = end + padding(filled);
        if let Some(rest) = self.buffer.get_mut(end..whole) {
            rest.fill(0);
        }
        if let Some(begin) = self.buffer.get_mut(..BLOCK_HEAD_BYTES) {
            begin.copy_from_slice(&head);
        }
        let buffer = std::mem::take(&mut self.buffer);
        self.write(buffer.get(..whole).unwrap_or_default());
        self.buffer = buffer;
        self.blocks += 1;
    }

    fn write(&mut self, mut bytes: &[u8]) -> bool {
        let Some(file) = &self.file else { return false };
        while !bytes.is_empty() {
            match rustix::io::write(file, bytes) {
                Ok(0) => self.failed = Some(Errno::IO),
                Ok(count) => {
                    self.bytes += count as u64;
                    bytes = bytes.get(count..).unwrap_or_default();
                    continue;
                }
                Err(Errno::INTR) => continue,
                Err(error) => self.failed = Some(error),
            }
            return false;
        }
        true
    }
}
