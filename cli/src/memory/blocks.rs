//! A large file, read by ranges: a few blocks of it are kept, never more.

use std::cell::RefCell;
use std::io::{Read, Seek, SeekFrom};

/// Bytes of a block.
const BLOCK: usize = 64 << 10;
/// Blocks that are kept.
const KEPT: usize = 64;

/// A file, and what was read of it lately.
#[derive(Debug)]
pub(super) struct Blocks<R> {
    length: u64,
    inside: RefCell<Inside<R>>,
}

#[derive(Debug)]
struct Inside<R> {
    file: R,
    /// By number, each at one place.
    kept: Vec<Option<(u64, Vec<u8>)>>,
    read: u64,
}

impl<R: Read + Seek> Blocks<R> {
    pub(super) fn new(mut file: R) -> std::io::Result<Blocks<R>> {
        let length = file.seek(SeekFrom::End(0))?;
        let kept = vec![None; KEPT];
        Ok(Blocks { length, inside: RefCell::new(Inside { file, kept, read: 0 }) })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// How many bytes of the file have been read.
    #[cfg(test)]
    pub(super) fn bytes_read(&self) -> u64 {
        self.inside.borrow().read
    }

    /// False when the file has not all of it.
    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> bool {
        let end = offset.checked_add(into.len() as u64);
        if end.is_none_or(|end| end > self.length) {
            return false;
        }
        let mut inside = self.inside.borrow_mut();
        if into.len() >= BLOCK {
            inside.read += into.len() as u64;
            return inside.fill(offset, into);
        }
        let (mut at, mut rest) = (offset, into);
        while !rest.is_empty() {
            let within = (at % BLOCK as u64) as usize;
            let count = rest.len().min(BLOCK - within);
            let (now, later) = rest.split_at_mut(count);
            let Some(block) = inside.block(at / BLOCK as u64, self.length) else { return false };
            let Some(bytes) = block.get(within..within + count) else { return false };
            now.copy_from_slice(bytes);
            (at, rest) = (at + count as u64, later);
        }
        true
    }
}

impl<R: Read + Seek> Inside<R> {
    fn fill(&mut self, offset: u64, into: &mut [u8]) -> bool {
        self.file.seek(SeekFrom::Start(offset)).is_ok() && self.file.read_exact(into).is_ok()
    }

    fn block(&mut self, number: u64, length: u64) -> Option<&[u8]> {
        let place = (number % KEPT as u64) as usize;
        if self.kept[place].as_ref().is_none_or(|(kept, _)| *kept != number) {
            let start = number * BLOCK as u64;
            let mut bytes = vec![0; (length - start).min(BLOCK as u64) as usize];
            self.read += bytes.len() as u64;
            if !self.fill(start, &mut bytes) {
                return None;
            }
            self.kept[place] = Some((number, bytes));
        }
        self.kept[place].as_ref().map(|(_, bytes)| &bytes[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn what_is_read_is_what_is_there_and_blocks_are_read_once() {
        let bytes: Vec<u8> = (0..BLOCK * 3 + 5).map(|at| (at / 7) as u8).collect();
        let blocks = Blocks::new(Cursor::new(bytes.clone())).expect("memory");
        for (start, count) in [(0, 5), (BLOCK - 3, 9), (BLOCK * 3, 5), (10, BLOCK + 1)] {
            let mut into = vec![0; count];
            assert!(blocks.read(start as u64, &mut into));
            assert_eq!(into, &bytes[start..start + count]);
        }
        assert_eq!(blocks.bytes_read(), (BLOCK * 3 + 6) as u64);
        assert!(!blocks.read(BLOCK as u64 * 3, &mut [0; 6]));
        assert!(!blocks.read(u64::MAX, &mut [0; 2]));
    }
}
