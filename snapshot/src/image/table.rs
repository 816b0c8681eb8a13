//! Tables of records, read whole.
//!
//! Invariants:
//! 1. A table takes no more memory than there is of it: chunks that lie on each other are not believed.
//! 2. Records that cannot be read are counted; they are as if nobody had them.

use super::anchor::{Anchor, RecordsError, half, word};
use super::layout::{Field, Root};
use super::little_endian;
use super::memory::Memory;

/// What is read at a time where not all of a chunk is there.
const PAGE: usize = 4096;

/// The records of one table.
pub(super) struct Table<'a> {
    anchor: &'a Anchor,
    size: usize,
    slot: usize,
    chunk_records: usize,
    chunks: Vec<Chunk>,
    used: usize,
    /// Records that may be in use and cannot be read.
    pub(super) lost: u64,
}

struct Chunk {
    address: u64,
    /// Empty when none of it is there.
    bytes: Vec<u8>,
}

/// One record.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) anchor: &'a Anchor,
    bytes: &'a [u8],
    /// Where it lies in the process.
    pub(super) address: u64,
    pub(super) reference: u64,
    pub(super) index: u32,
}

/// Which table, by its fields.
pub(super) struct Kind {
    pub(super) root: Root,
    pub(super) size: Field,
    pub(super) slot: Field,
}

impl<'a> Table<'a> {
    /// An error when not even how many records it has can be read.
    pub(super) fn read(
        memory: &dyn Memory,
        anchor: &'a Anchor,
        kind: &Kind,
    ) -> Result<Table<'a>, RecordsError> {
        let root = anchor.root(kind.root);
        let said = half(memory, root.wrapping_add(anchor.field(Field::TableUsed)));
        let said = said.ok_or(RecordsError::NoTable)? as usize;
        let chunk_records = anchor.small(Field::ChunkRecords);
        let used = said.min(chunk_records * anchor.small(Field::TableChunkCount));
        let mut table = Table {
            anchor,
            size: anchor.small(kind.size),
            slot: anchor.small(kind.slot),
            chunk_records,
            chunks: Vec::new(),
            used,
            lost: 0,
        };
        let first = root.wrapping_add(anchor.field(Field::TableChunks));
        let mut starts = std::collections::BTreeSet::new();
        for number in 0..used.div_ceil(chunk_records) {
            let records = chunk_records.min(used - number * chunk_records);
            let address = word(memory, first.wrapping_add(number as u64 * 8)).unwrap_or(0);
            let length = (chunk_records * table.size) as u64;
            let taken = address.checked_add(length).is_none_or(|end| {
                starts.range(address.saturating_sub(length - 1)..end).next().is_some()
            });
            if address == 0 || taken {
                table.lost += records as u64;
                table.chunks.push(Chunk { address, bytes: Vec::new() });
                continue;
            }
            starts.insert(address);
            let chunk = table.chunk(memory, address, records);
            table.chunks.push(chunk);
        }
        Ok(table)
    }

    fn chunk(&mut self, memory: &dyn Memory, address: u64, records: usize) -> Chunk {
        let mut bytes = vec![0; records * self.size];
        if memory.read(address, &mut bytes) {
            return Chunk { address, bytes };
        }
        let mut lost = 0;
        for (number, page) in bytes.chunks_mut(PAGE).enumerate() {
            if !memory.read(address.wrapping_add((number * PAGE) as u64), page) {
                page.fill(0);
                lost += page.len();
            }
        }
        self.lost += lost.div_ceil(self.size) as u64;
        if lost == bytes.len() {
            bytes = Vec::new();
        }
        Chunk { address, bytes }
    }

    /// The record at an index, whether somebody has it or not.
    pub(super) fn at(&self, index: u32) -> Option<Record<'_>> {
        let index_of = index as usize;
        if index_of >= self.used {
            return None;
        }
        let chunk = self.chunks.get(index_of / self.chunk_records)?;
        let offset = index_of % self.chunk_records * self.size;
        let bytes = chunk.bytes.get(offset..offset + self.size)?;
        let address = chunk.address.wrapping_add(offset as u64);
        let mut record = Record { anchor: self.anchor, bytes, address, reference: 0, index };
        let generation = record.half_at(self.slot + self.anchor.small(Field::SlotGeneration));
        record.reference = u64::from(generation) << 32 | u64::from(index);
        Some(record)
    }

    /// The record, if the reference is still that of who has it.
    pub(super) fn get(&self, reference: u64) -> Option<Record<'_>> {
        if reference == 0 {
            return None;
        }
        self.at(reference as u32).filter(|record| record.reference == reference)
    }

    /// Every record that somebody has.
    pub(super) fn live(&self) -> impl Iterator<Item = Record<'_>> {
        let all = (0..self.used).filter_map(|index| self.at(u32::try_from(index).ok()?));
        all.filter(|record| record.reference >> 32 & 1 == 1)
    }
}

impl Record<'_> {
    /// A field of 64 bits. Zero where the layout is not that of the record.
    pub(super) fn word(&self, field: Field) -> u64 {
        self.word_at(self.anchor.small(field))
    }

    /// A field of 32 bits.
    pub(super) fn half(&self, field: Field) -> u32 {
        self.half_at(self.anchor.small(field))
    }

    pub(super) fn word_at(&self, offset: usize) -> u64 {
        little_endian::word(self.bytes, offset)
    }

    fn half_at(&self, offset: usize) -> u32 {
        little_endian::half(self.bytes, offset)
    }

    /// What was read of a word later. The word itself, of a process in which nothing ran.
    pub(super) fn later(&self, memory: &dyn Memory, field: Field) -> Option<u64> {
        if memory.is_one_moment() {
            return Some(self.word(field));
        }
        memory.later(self.address.wrapping_add(self.anchor.field(field)))
    }
}
