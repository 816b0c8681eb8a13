//! A table of type-stable records: fixed-size chunks, each a mapping of its own, never unmapped.
//!
//! A record is named by a [`Ref`]: its index, and the generation it had when the reference was
//! made. Odd generations are live. Free records are a stack threaded through the records (Treiber,
//! "Systems Programming: Coping with Parallelism", 1986); its head carries a tag that changes with
//! every pop, so that a head which was popped and pushed again meanwhile is told apart.
//!
//! Invariants:
//! 1. All-zero bytes are a valid record ([`Record`]).
//! 2. A chunk pointer is written once, under `grow`, and is null or valid for ever.
//! 3. A slot whose generation would wrap is retired.

use std::ptr;

use rustix::mm::{MapFlags, ProtFlags};

use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Lock, Ordering};

const CHUNK: usize = 1024;
const CHUNKS: usize = 16 * 1024;

/// What every record starts with.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// Odd while the record is live.
    generation: AtomicU32,
    /// Index + 1 of the next free record.
    next_free: AtomicU32,
}

/// A record type.
///
/// # Safety
/// All-zero bytes must be a valid value, and its alignment at most a page.
pub(crate) unsafe trait Record: Sync + 'static {
    fn slot(&self) -> &Slot;
}

macro_rules! records {
    ($($record:path),+ $(,)?) => { $(
        // SAFETY: made of atomics, `Static` words and arrays of them only, which are all valid when
        // zero; aligned to a cache line. The types are private to the crate and stand in
        // `records`, each with a note that it is a record.
        unsafe impl Record for $record {
            fn slot(&self) -> &Slot {
                &self.slot
            }
        }
    )+ };
}

records! {
    crate::records::node::Node,
    crate::records::waiter::WaiterRecord,
    crate::records::region::RegionRecord,
    crate::records::object::ObjectRecord,
}

/// Names a record: generation in the upper half, index in the lower. Never zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct Ref(u64);

impl Ref {
    pub(crate) fn index(self) -> u32 {
        self.0 as u32
    }

    pub(crate) fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    /// None for zero.
    pub(crate) fn from_bits(bits: u64) -> Option<Ref> {
        (bits != 0).then_some(Ref(bits))
    }
}

/// The table is full, or there is no memory for another chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Full;

/// A table of records.
pub(crate) struct Table<T> {
    chunks: [AtomicPtr<T>; CHUNKS],
    /// Records that have ever been in use.
    used: AtomicU32,
    /// Tag in the upper half; index + 1 of the first free record in the lower, or zero.
    free: AtomicU64,
    grow: Lock<()>,
}

impl<T: Record> Table<T> {
    pub(crate) const fn new() -> Self {
        Table {
            chunks: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS],
            used: AtomicU32::new(0),
            free: AtomicU64::new(0),
            grow: Lock::new(()),
        }
    }

    /// A record with an odd generation. Its other fields are as its last user left them.
    pub(crate) fn take(&'static self) -> Result<(Ref, &'static T), Full> {
        let index = match self.pop() {
            Some(index) => index,
            None => self.fresh()?,
        };
        let record = self.at(index).ok_or(Full)?;
        let generation = record.slot().generation.fetch_add(1, Ordering::AcqRel) + 1;
        debug_assert!(generation % 2 == 1, "a record was taken twice");
        Ok((Ref(u64::from(generation) << 32 | u64::from(index)), record))
    }

    /// Makes the record free again. `reference` must be live and is not afterwards.
    pub(crate) fn give_back(&'static self, reference: Ref) {
        let Some(record) = self.get(reference) else { return };
        let generation = record.slot().generation.fetch_add(1, Ordering::AcqRel) + 1;
        if generation < u32::MAX - 1 {
            self.push(reference.index(), record);
        }
    }

    /// As [`Table::give_back`], for who knows that the record at `index` is live and theirs.
    pub(crate) fn free(&'static self, index: u32) {
        let generation =
            self.at(index).map_or(0, |it| it.slot().generation.load(Ordering::Relaxed));
        self.give_back(Ref(u64::from(generation) << 32 | u64::from(index)));
    }

    /// The record, if the reference is still live.
    pub(crate) fn get(&'static self, reference: Ref) -> Option<&'static T> {
        let record = self.at(reference.index())?;
        (record.slot().generation.load(Ordering::Acquire) == reference.generation())
            .then_some(record)
    }

    /// The record at an index, live or not.
    pub(crate) fn at(&'static self, index: u32) -> Option<&'static T> {
        let chunk = self.chunks.get(index as usize / CHUNK)?.load(Ordering::Acquire);
        if chunk.is_null() {
            return None;
        }
        // SAFETY: by invariant 2 the chunk holds `CHUNK` records for ever, and the offset is below
        // that.
        let record = unsafe { chunk.add(index as usize % CHUNK) };
        // SAFETY: in bounds and mapped for ever; zeroed memory is a valid record (invariant 1), and
        // all access is through atomics.
        Some(unsafe { &*record })
    }

    /// The reference of the record at an index, if it is live.
    pub(crate) fn live_at(&'static self, index: u32) -> Option<Ref> {
        let generation = self.at(index)?.slot().generation.load(Ordering::Acquire);
        (generation % 2 == 1).then(|| Ref(u64::from(generation) << 32 | u64::from(index)))
    }

    /// Every live record with its reference, at the moment each is looked at.
    pub(crate) fn live(&'static self) -> impl Iterator<Item = (Ref, &'static T)> {
        (0..self.used.load(Ordering::Acquire)).filter_map(|index| {
            let record = self.at(index)?;
            let generation = record.slot().generation.load(Ordering::Acquire);
            (generation % 2 == 1)
                .then(|| (Ref(u64::from(generation) << 32 | u64::from(index)), record))
        })
    }

    fn pop(&'static self) -> Option<u32> {
        let mut head = self.free.load(Ordering::Acquire);
        loop {
            let index = (head as u32).checked_sub(1)?;
            // May read a value that is out of date; then the tag has changed and the swap fails.
            let next = self.at(index)?.slot().next_free.load(Ordering::Relaxed);
            let new = ((head >> 32).wrapping_add(1) << 32) | u64::from(next);
            match self.free.compare_exchange_weak(head, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(index),
                Err(now) => head = now,
            }
        }
    }

    fn push(&self, index: u32, record: &T) {
        let mut head = self.free.load(Ordering::Relaxed);
        loop {
            record.slot().next_free.store(head as u32, Ordering::Relaxed);
            let new = (head >> 32 << 32) | u64::from(index + 1);
            match self.free.compare_exchange_weak(head, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// An index never used before.
    fn fresh(&'static self) -> Result<u32, Full> {
        let _growing = self.grow.lock();
        let index = self.used.load(Ordering::Relaxed);
        let chunk = self.chunks.get(index as usize / CHUNK).ok_or(Full)?;
        if chunk.load(Ordering::Relaxed).is_null() {
            chunk.store(map_chunk::<T>()?, Ordering::Release);
        }
        self.used.store(index + 1, Ordering::Release);
        Ok(index)
    }
}

fn map_chunk<T: Record>() -> Result<*mut T, Full> {
    const { assert!(align_of::<T>() <= 4096 && size_of::<T>() > 0) };
    // SAFETY: a new private anonymous mapping at an address of the kernel's choice; zeroed, page
    // aligned, and owned by the table for ever.
    let memory = unsafe {
        rustix::mm::mmap_anonymous(
            ptr::null_mut(),
            CHUNK * size_of::<T>(),
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        )
    };
    memory.map(<*mut std::ffi::c_void>::cast).map_err(|_| Full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Word {
        slot: Slot,
        value: AtomicU32,
    }

    // SAFETY: atomics only, which are valid when zero.
    unsafe impl Record for Word {
        fn slot(&self) -> &Slot {
            &self.slot
        }
    }

    #[test]
    fn a_stale_reference_is_not_live_and_the_record_is_reused() {
        static TABLE: Table<Word> = Table::new();
        let (first, record) = TABLE.take().expect("room");
        record.value.store(7, Ordering::Relaxed);
        assert_eq!(TABLE.live().count(), 1);
        TABLE.give_back(first);
        assert!(TABLE.get(first).is_none());
        assert_eq!(TABLE.live().count(), 0);
        let (second, record) = TABLE.take().expect("room");
        assert_eq!(second.index(), first.index());
        assert_ne!(second, first);
        assert_eq!(record.value.load(Ordering::Relaxed), 7, "type-stable: old facts stay readable");
    }

    #[test]
    fn a_slot_whose_generation_would_wrap_is_retired() {
        static TABLE: Table<Word> = Table::new();
        let (first, record) = TABLE.take().expect("room");
        TABLE.give_back(first);
        record.slot.generation.store(u32::MAX - 3, Ordering::Relaxed);
        let (last, _) = TABLE.take().expect("room");
        assert_eq!(last.index(), first.index());
        TABLE.give_back(last);
        let (other, _) = TABLE.take().expect("room");
        assert_ne!(other.index(), first.index());
    }

    #[test]
    fn threads_never_get_the_same_record() {
        static TABLE: Table<Word> = Table::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        let (reference, record) = TABLE.take().expect("room");
                        assert_eq!(record.value.fetch_add(1, Ordering::Relaxed), 0);
                        record.value.store(0, Ordering::Relaxed);
                        TABLE.give_back(reference);
                    }
                });
            }
        });
    }
}
