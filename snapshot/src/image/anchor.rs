//! Finding the anchor in memory, and what it says.

use std::fmt;

use super::layout::{ANCHOR_BYTES, Field, HEAD_WORDS, MAGIC, Root, VERSION};
use super::memory::Memory;

/// What is searched at a time.
const PAGE: u64 = 4096;
/// Statics of a program and its libraries are some megabytes; more than this is not searched.
const SEARCHED_MAX: u64 = 4 << 30;
/// Records and their parts are some hundred bytes.
const SIZE_MAX: u64 = 4096;
/// Of whatever there are several of in a record.
const FEW: u64 = 64;

/// Why the records of a process cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordsError {
    /// No anchor is in its memory.
    NoAnchor,
    /// The anchor is of another version.
    Version(u64),
    /// The process was built without records of waits.
    NotRecorded,
    /// The anchor contradicts itself.
    Layout,
    /// The table of tasks is not in it.
    NoTable,
}

impl fmt::Display for RecordsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordsError::NoAnchor => {
                f.write_str("holds no records of tasks: no runtime of gleak was in the process, or its statics are not kept")
            }
            RecordsError::Version(found) => write!(
                f,
                "has records of layout {found}, this reader knows layout {VERSION}"
            ),
            RecordsError::NotRecorded => {
                f.write_str("is of a program that was built without records (no-records)")
            }
            RecordsError::Layout => f.write_str("has an anchor that contradicts itself"),
            RecordsError::NoTable => f.write_str("has lost the table of its tasks"),
        }
    }
}

impl std::error::Error for RecordsError {}

/// The words of an anchor.
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    roots: Vec<u64>,
    fields: Vec<u64>,
}

impl Anchor {
    /// The first one in memory that says where it lies itself.
    pub(super) fn find(memory: &dyn Memory) -> Result<Anchor, RecordsError> {
        let mut left = SEARCHED_MAX;
        let mut other = None;
        for range in memory.data() {
            let mut at = range.start.next_multiple_of(8);
            while at < range.end && left > 0 {
                // The magic may lie across the end of a page.
                let mut page = [0; PAGE as usize + 8];
                let whole = memory.read(at, &mut page);
                let known = if whole || memory.read(at, &mut page[..PAGE as usize]) {
                    if whole { &page[..] } else { &page[..PAGE as usize] }
                } else {
                    &[]
                };
                for address in places(known, at) {
                    match Anchor::at(memory, address) {
                        Some(Ok(anchor)) => return Ok(anchor),
                        Some(Err(error)) => other = other.or(Some(error)),
                        None => {}
                    }
                }
                let Some(next) = at.checked_add(PAGE) else { break };
                (at, left) = (next, left.saturating_sub(PAGE));
            }
        }
        Err(other.unwrap_or(RecordsError::NoAnchor))
    }

    /// None for what only begins like one.
    fn at(memory: &dyn Memory, address: u64) -> Option<Result<Anchor, RecordsError>> {
        let mut head = [0; HEAD_WORDS * 8];
        if !memory.read(address, &mut head) || head[..MAGIC.len()] != MAGIC {
            return None;
        }
        let words = words(&head);
        let [_, _, version, me, roots, fields] = words[..] else { return None };
        if me != address {
            return None;
        }
        if version != VERSION {
            return Some(Err(RecordsError::Version(version)));
        }
        if (roots, fields) != (Root::ALL.len() as u64, Field::ALL.len() as u64) {
            return Some(Err(RecordsError::Layout));
        }
        let mut bytes = vec![0; ANCHOR_BYTES];
        if !memory.read(address, &mut bytes) {
            return None;
        }
        let rest = self::words(&bytes[head.len()..]);
        let (roots, fields) = rest.split_at(Root::ALL.len());
        let anchor = Anchor { roots: roots.to_vec(), fields: fields.to_vec() };
        Some(anchor.checked())
    }

    /// What everything else relies on: sizes and counts that are small, offsets within their records.
    fn checked(self) -> Result<Anchor, RecordsError> {
        use Field as F;
        if self.field(F::Recorded) == 0 {
            return Err(RecordsError::NotRecorded);
        }
        let sizes = [F::WaiterSize, F::NodeSize, F::ObjectSize, F::RegionSize, F::EntrySize];
        let sizes = sizes.into_iter().chain([F::AncestorSize]);
        let counts = [
            (F::ReadCount, FEW),
            (F::AncestorCount, FEW),
            (F::StateBits, 32),
            (F::ChunkRecords, 1 << 16),
            (F::TableChunkCount, 1 << 20),
            (F::SeatCapacity, 1 << 16),
            (F::EntryCapacity, 1 << 20),
            (F::ProbeFileBytes, SIZE_MAX),
        ];
        let is_sane = sizes.into_iter().all(|it| (8..=SIZE_MAX).contains(&self.field(it)))
            && counts.into_iter().all(|(field, most)| (1..=most).contains(&self.field(field)));
        if is_sane { Ok(self) } else { Err(RecordsError::Layout) }
    }

    pub(super) fn root(&self, root: Root) -> u64 {
        self.roots[root as usize]
    }

    pub(super) fn field(&self, field: Field) -> u64 {
        self.fields[field as usize]
    }

    /// One of those that were found to be small.
    pub(super) fn small(&self, field: Field) -> usize {
        usize::try_from(self.field(field)).unwrap_or(0)
    }
}

/// Where the magic stands in a piece of memory.
fn places(piece: &[u8], at: u64) -> impl Iterator<Item = u64> {
    let last = piece.len().saturating_sub(MAGIC.len() - 1);
    let starts = (0..last).step_by(8);
    starts.filter(|start| piece[*start..].starts_with(&MAGIC)).map(move |start| at + start as u64)
}

fn words(bytes: &[u8]) -> Vec<u64> {
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap_or_default());
    bytes.chunks_exact(8).map(word).collect()
}

/// A word of memory.
pub(super) fn word(memory: &dyn Memory, address: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    memory.read(address, &mut bytes).then(|| u64::from_le_bytes(bytes))
}

/// Half of one.
pub(super) fn half(memory: &dyn Memory, address: u64) -> Option<u32> {
    let mut bytes = [0; 4];
    memory.read(address, &mut bytes).then(|| u32::from_le_bytes(bytes))
}
