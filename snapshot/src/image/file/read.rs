//! Reads an image file: where its blocks are, and what is in them.
//!
//! A file is gone through once, block by block, and only places are kept: memory is read when it is asked
//! for. What a checksum does not hold for is counted and is not there.
//!
//! Invariants:
//! 1. Nothing is allocated by a length that the file names, but for a block, which has a limit.
//! 2. Memory comes from blocks whose checksums were right.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use serde::Deserialize;

use super::super::little_endian::{half, word};
use super::{
    BLOCK_HEAD_BYTES, BLOCK_MAX, HEAD_BYTES, MAGIC, NameKind, REGISTERS, SYNC, Tag, VERSION,
    padding,
};

/// More blocks, pieces or names are not read.
const COUNT_MAX: usize = 1 << 26;
/// Bytes that are looked through at a time for the next block.
const SEARCH_BYTES: usize = 1 << 16;

/// Why a file could not be read as an image at all. Damage inside is no error: it is counted.
#[derive(Debug)]
#[non_exhaustive]
pub enum ImageError {
    /// The file could not be read.
    Io(io::Error),
    /// It does not begin as an image does.
    NotAnImage,
    /// It is of a version that this reader does not know.
    Version {
        /// The version it names.
        found: u16,
    },
    /// It ends before it says which process it is of, or that is damaged.
    NoFacts,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImageError::Io(error) => write!(f, "cannot read the image: {error}"),
            ImageError::NotAnImage => f.write_str("this is no image of a crash, or its head is damaged"),
            ImageError::Version { found } => {
                write!(f, "the image has version {found}, this reader knows version {VERSION}")
            }
            ImageError::NoFacts => f.write_str(
                "the image ends before it says which process it is of, or that part of it is damaged",
            ),
        }
    }
}

impl std::error::Error for ImageError {}

impl From<io::Error> for ImageError {
    fn from(error: io::Error) -> ImageError {
        ImageError::Io(error)
    }
}

/// Which process it was and what ended it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Facts {
    /// Name of the program, without its path.
    pub program: String,
    /// Process id.
    pub pid: u32,
    /// The signal's number, as Linux counts.
    pub signal: i32,
    /// Its name, `SIGSEGV` for instance.
    pub signal_name: String,
    /// Why it was sent, as the kernel says: above zero for a fault.
    pub code: i32,
    /// The address of a fault, as `0x` and hexadecimal digits.
    pub address: Option<String>,
    /// The process that has sent it, when it was not for something that the thread did.
    pub sender: Option<i32>,
    /// Kernel id of the thread that got it.
    pub thread: u32,
    /// That thread's name.
    pub thread_name: String,
    /// The task that ran there.
    pub task: Option<u64>,
    /// The name of that task.
    pub task_name: Option<String>,
    /// Whether that task ran over the end of its stack.
    pub overflow: bool,
    /// Seconds since 1970, UTC.
    pub wall_s: u64,
    /// Nanoseconds on the clock of the records.
    pub taken_ns: u64,
    /// Tasks spawned in this process.
    pub spawned: u64,
    /// Tasks that have finished.
    pub finished: u64,
}

impl Facts {
    /// The address of the fault as a number.
    #[must_use]
    pub fn fault(&self) -> Option<u64> {
        u64::from_str_radix(self.address.as_deref()?.strip_prefix("0x")?, 16).ok()
    }
}

/// What was written, as its writer says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub struct End {
    /// Blocks before this one.
    pub blocks: u64,
    /// Bytes before this block.
    pub bytes: u64,
    /// Pages that were to be in it and could not be read.
    pub unreadable: u64,
    /// Stacks of parked tasks.
    pub stacks: u64,
    /// Those of them of which only the innermost part is in it.
    pub cut_stacks: u64,
    /// Names that were being changed when they were looked for.
    pub unnamed: u64,
    /// From the signal to this block, in nanoseconds.
    pub write_ns: u64,
}

/// A name that lies where no reader of memory finds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name {
    /// Of what.
    pub kind: NameKind,
    /// Of which one.
    pub id: u64,
    /// The name.
    pub text: String,
}

/// A range of memory that the file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Range {
    start: u64,
    length: u64,
    /// Where its bytes are; none for zeros.
    at: Option<u64>,
}

/// An image file.
#[derive(Debug)]
pub struct ImageFile<R> {
    file: RefCell<R>,
    ranges: Vec<Range>,
    words: HashMap<u64, u64>,
    /// Which process it was and what ended it.
    pub facts: Facts,
    /// All registers of the thread that got the signal, in the order of [`REGISTERS`]; none when they were
    /// damaged.
    pub registers: Option<[u64; REGISTERS.len()]>,
    /// The kernel's list of what was mapped.
    pub maps: String,
    /// Names of tasks, objects and regions.
    pub names: Vec<Name>,
    /// What the writer says of its work; none when it did not come to that.
    pub end: Option<End>,
    /// Places at which something was damaged and is missing.
    pub missing: u64,
    /// Blocks of a kind that this reader does not know.
    pub unknown: u64,
}

/// What has been found so far.
#[derive(Default)]
struct Found {
    ranges: Vec<Range>,
    words: HashMap<u64, u64>,
    facts: Option<Facts>,
    registers: Option<[u64; REGISTERS.len()]>,
    maps: Vec<u8>,
    names: Vec<Name>,
    end: Option<End>,
    missing: u64,
    unknown: u64,
}

/// A block whose head is as it was written.
struct Head {
    tag: u32,
    address: u64,
    length: usize,
    sum: u32,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Head> {
        let bytes: &[u8; BLOCK_HEAD_BYTES] = bytes.first_chunk()?;
        let right = bytes.starts_with(&SYNC) && half(bytes, 28) == crc32fast::hash(&bytes[..28]);
        let length = usize::try_from(word(bytes, 16)).ok().filter(|it| *it <= BLOCK_MAX)?;
        right.then(|| Head {
            tag: half(bytes, 4),
            address: word(bytes, 8),
            length,
            sum: half(bytes, 24),
        })
    }
}

impl<R: Read + Seek> ImageFile<R> {
    /// Whether a file that begins like this is to be read as an image.
    #[must_use]
    pub fn begins(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// Goes through a file.
    ///
    /// # Errors
    /// When it cannot be read, is none, or does not say which process it is of.
    pub fn open(mut file: R) -> Result<ImageFile<R>, ImageError> {
        file.rewind()?;
        let mut head = [0; HEAD_BYTES];
        if fill(&mut file, &mut head)? < HEAD_BYTES || !head.starts_with(&MAGIC) {
            return Err(ImageError::NotAnImage);
        }
        if half(&head, 12) != crc32fast::hash(&head[..12]) {
            return Err(ImageError::NotAnImage);
        }
        let version = u16::from_le_bytes([head[8], head[9]]);
        if version != VERSION {
            return Err(ImageError::Version { found: version });
        }
        let mut found = Found::default();
        found.scan(&mut file)?;
        let Found { mut ranges, words, facts, registers, maps, names, end, missing, unknown } =
            found;
        ranges.sort_by_key(|range| range.start);
        Ok(ImageFile {
            file: RefCell::new(file),
            ranges,
            words,
            facts: facts.ok_or(ImageError::NoFacts)?,
            registers,
            maps: String::from_utf8_lossy(&maps).into_owned(),
            names,
            end,
            missing,
            unknown,
        })
    }

    /// Fills `into` with memory. False when not all of it is in the file.
    pub fn read(&self, mut address: u64, mut into: &mut [u8]) -> bool {
        while !into.is_empty() {
            let after = self.ranges.partition_point(|range| range.start <= address);
            let Some(range) = after.checked_sub(1).map(|at| self.ranges[at]) else { return false };
            let skipped = address - range.start;
            let Some(left) = range.length.checked_sub(skipped).filter(|left| *left > 0) else {
                return false;
            };
            let count = usize::try_from(left).map_or(into.len(), |left| left.min(into.len()));
            let (now, rest) = std::mem::take(&mut into).split_at_mut(count);
            match range.at {
                None => now.fill(0),
                Some(at) => {
                    let mut file = self.file.borrow_mut();
                    let read =
                        file.seek(SeekFrom::Start(at + skipped)).and_then(|_| file.read_exact(now));
                    if read.is_err() {
                        return false;
                    }
                }
            }
            into = rest;
            let Some(next) = address.checked_add(count as u64) else { return into.is_empty() };
            address = next;
        }
        true
    }

    /// The word that was read once more after all memory had been.
    #[must_use]
    pub fn later(&self, address: u64) -> Option<u64> {
        self.words.get(&address).copied()
    }
}

impl Found {
    fn scan(&mut self, file: &mut (impl Read + Seek)) -> io::Result<()> {
        let mut at = HEAD_BYTES as u64;
        let mut payload = Vec::new();
        let mut head = [0; BLOCK_HEAD_BYTES];
        loop {
            file.seek(SeekFrom::Start(at))?;
            let had = fill(file, &mut head)?;
            if had == 0 || self.end.is_some() {
                return Ok(());
            }
            let Some(block) = Head::parse(head.get(..had).unwrap_or_default()) else {
                self.missing += 1;
                match next_head(file, at + 8)? {
                    Some(next) => at = next,
                    None => return Ok(()),
                }
                continue;
            };
            payload.resize(block.length, 0);
            let whole = fill(file, &mut payload)? == block.length;
            let place = at + BLOCK_HEAD_BYTES as u64;
            if whole && crc32fast::hash(&payload) == block.sum {
                self.take(&block, &payload, place);
            } else {
                self.missing += 1;
            }
            at = place + (block.length + padding(block.length)) as u64;
        }
    }

    /// A block that is as it was written.
    fn take(&mut self, block: &Head, payload: &[u8], at: u64) {
        match Tag::of(block.tag) {
            Some(Tag::Facts) => self.facts = serde_json::from_slice(payload).ok(),
            Some(Tag::Registers) => self.registers = registers(payload),
            Some(Tag::Maps) => self.maps.extend_from_slice(payload),
            Some(Tag::Memory) => self.add(block.address, payload.len() as u64, Some(at)),
            Some(Tag::Zeros) if payload.len() == 8 => {
                self.add(block.address, word(payload, 0), None);
            }
            // Written by nobody so far.
            Some(Tag::Zeros) | None => self.unknown += 1,
            Some(Tag::Pieces) => self.pieces(payload, at),
            Some(Tag::Words) => self
                .words
                .extend(payload.chunks_exact(16).map(|pair| (word(pair, 0), word(pair, 8)))),
            Some(Tag::Names) => self.names(payload),
            Some(Tag::End) => self.end = serde_json::from_slice(payload).ok(),
        }
    }

    fn add(&mut self, start: u64, length: u64, at: Option<u64>) {
        if start.checked_add(length).is_some() && self.ranges.len() < COUNT_MAX {
            self.ranges.push(Range { start, length, at });
        }
    }

    fn pieces(&mut self, payload: &[u8], at: u64) {
        let mut offset = 0;
        while let Some(head) = payload.get(offset..offset + 16) {
            let (address, length) = (word(head, 0), word(head, 8));
            offset += 16;
            let Ok(bytes) = usize::try_from(length) else { return };
            if payload.len().saturating_sub(offset) < bytes {
                return;
            }
            self.add(address, length, Some(at + offset as u64));
            offset += bytes + padding(bytes);
        }
    }

    fn names(&mut self, payload: &[u8]) {
        let mut rest = payload;
        while let Some((head, after)) = rest.split_at_checked(16) {
            let length = half(head, 4) as usize;
            let Some(text) = after.get(..length) else { return };
            if let Some(kind) = NameKind::of(half(head, 0)) {
                let text = String::from_utf8_lossy(text).into_owned();
                self.names.push(Name { kind, id: word(head, 8), text });
            }
            rest = after.get(length + padding(length)..).unwrap_or_default();
        }
    }
}

fn registers(payload: &[u8]) -> Option<[u64; REGISTERS.len()]> {
    let bytes = payload.get(..REGISTERS.len() * 8)?;
    Some(std::array::from_fn(|at| word(bytes, at * 8)))
}

/// Where the next head is that is as it was written, at `from` or behind it.
fn next_head(file: &mut (impl Read + Seek), from: u64) -> io::Result<Option<u64>> {
    let mut buffer = vec![0; SEARCH_BYTES + BLOCK_HEAD_BYTES];
    let mut at = from;
    loop {
        file.seek(SeekFrom::Start(at))?;
        let had = fill(file, &mut buffer)?;
        let seen = buffer.get(..had).unwrap_or_default();
        let begins = (0..had.min(SEARCH_BYTES)).step_by(8);
        let found = begins.into_iter().find(|offset| Head::parse(&seen[*offset..]).is_some());
        if let Some(offset) = found {
            return Ok(Some(at + offset as u64));
        }
        if had < buffer.len() {
            return Ok(None);
        }
        at += SEARCH_BYTES as u64;
    }
}

/// As many bytes as there are.
fn fill(file: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut had = 0;
    while let Some(room) = into.get_mut(had..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(count) => had += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(had)
}
