//! A table of type-stable records: fixed-size chunks, each a mapping of its own, never unmapped.
//!
//! A record is named by a [`Ref`]: its index, and the generation it had when the reference was
//! made. Odd generations are live. Free records are named in the stores of threads that make and free
//! many, and in one list for all of them, between which they go in batches.
//!
//! Invariants:
//! 1. All-zero bytes are a valid record ([`Record`]).
//! 2. A chunk pointer is written once, under `grow`, and is null or valid for ever.
//! 3. A slot whose generation would wrap is retired.

use std::ffi::c_void;
use std::fs::File;
use std::mem::offset_of;
use std::ptr::{self, NonNull};

use gleak_snapshot::image::Field;
use rustix::fs::{FallocateFlags, fallocate};
use rustix::mm::{Advice, MapFlags, ProtFlags};

use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Lock, Ordering, RefCell};

const CHUNK: usize = 1024;
const CHUNKS: usize = 16 * 1024;
/// Up to so many records each chunk is a mapping of its own, page by page. A table that has more is
/// going to have many: their memory comes in pages of two megabytes, or the first touch of its pages
/// would cost more than the spawn.
const SMALL: usize = 8 * CHUNK;
const HUGE: usize = 2 << 20;
const ARENA: usize = 16 << 20;
/// Records that go between a thread's own store and the table at a time.
const BATCH: usize = 32;

/// What every record starts with.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// Odd while the record is live.
    generation: AtomicU32,
    /// Index + 1, while the record is live.
    number: AtomicU32,
}

impl Slot {
    /// The index of a record that is live for certain.
    #[inline]
    pub(crate) fn index(&self) -> u32 {
        self.number.load(Ordering::Relaxed).wrapping_sub(1)
    }

    /// The reference of a record that is live for certain: the caller's own, or claimed by it.
    #[inline]
    pub(crate) fn me(&self) -> Ref {
        Ref(u64::from(self.generation.load(Ordering::Relaxed)) << 32 | u64::from(self.index()))
    }
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

/// Free records of one table that one thread has for itself. Making and ending a record through it
/// touches nothing that threads share, but for one in [`BATCH`].
#[derive(Debug, Default)]
pub(crate) struct Cache(RefCell<Vec<u32>>);

/// For the anchor: of every table and every record.
pub(crate) const LAYOUT: &[(Field, usize)] = &[
    (Field::TableChunks, offset_of!(Table<()>, chunks)),
    (Field::TableChunkCount, CHUNKS),
    (Field::TableUsed, offset_of!(Table<()>, used)),
    (Field::ChunkRecords, CHUNK),
    (Field::SlotGeneration, offset_of!(Slot, generation)),
];

/// A table of records. Laid out alike whatever its records are.
#[repr(C)]
pub(crate) struct Table<T> {
    chunks: [AtomicPtr<T>; CHUNKS],
    /// Records that have ever been in use.
    used: AtomicU32,
    /// Records that are free and in no thread's own store. A list of numbers, and not one threaded
    /// through the records: those lie in the caches of whoever freed them.
    free: Lock<Vec<u32>>,
    grow: Lock<Arena>,
}

/// Memory for chunks to come.
struct Arena {
    next: usize,
    end: usize,
}

impl<T: Record> Table<T> {
    pub(crate) const fn new() -> Self {
        Table {
            chunks: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS],
            used: AtomicU32::new(0),
            free: Lock::new(Vec::new()),
            grow: Lock::new(Arena { next: 0, end: 0 }),
        }
    }

    /// A record with an odd generation. Its other fields are as its last user left them.
    pub(crate) fn take(&'static self) -> Result<(Ref, &'static T), Full> {
        let mut one = None;
        self.free_indices(1, &mut |index| one = Some(index))?;
        self.begin(one.ok_or(Full)?)
    }

    /// As [`Table::take`], through a store of free records that one thread has for itself.
    pub(crate) fn take_from(&'static self, cache: &Cache) -> Result<(Ref, &'static T), Full> {
        let mut free = cache.0.borrow_mut();
        let index = match free.pop() {
            Some(index) => index,
            None => {
                self.free_indices(BATCH, &mut |index| free.push(index))?;
                free.pop().ok_or(Full)?
            }
        };
        drop(free);
        self.begin(index)
    }

    // A free record is in one pair of hands, and so is a live one that is given back: plain stores.
    fn begin(&'static self, index: u32) -> Result<(Ref, &'static T), Full> {
        let record = self.at(index).ok_or(Full)?;
        let generation = record.slot().generation.load(Ordering::Relaxed) + 1;
        debug_assert!(generation % 2 == 1, "a record was taken twice");
        record.slot().number.store(index + 1, Ordering::Relaxed);
        record.slot().generation.store(generation, Ordering::Release);
        Ok((Ref(u64::from(generation) << 32 | u64::from(index)), record))
    }

    /// False when the record is not to be used again.
    fn end(&'static self, reference: Ref) -> bool {
        let Some(record) = self.get(reference) else { return false };
        let generation = reference.generation() + 1;
        record.slot().generation.store(generation, Ordering::Release);
        generation < u32::MAX - 1
    }

    /// Makes the record free again. `reference` must be live and is not afterwards.
    pub(crate) fn give_back(&'static self, reference: Ref) {
        if self.end(reference) {
            self.push(&[reference.index()]);
        }
    }

    /// As [`Table::give_back`], into the store of the calling thread.
    pub(crate) fn give_back_to(&'static self, cache: &Cache, reference: Ref) {
        if !self.end(reference) {
            return;
        }
        let mut free = cache.0.borrow_mut();
        free.push(reference.index());
        if free.len() > 2 * BATCH {
            // The older half: what was used last is warm.
            self.push(&free[..BATCH]);
            free.drain(..BATCH);
        }
    }

    /// The record, if the reference is still live.
    #[inline]
    pub(crate) fn get(&'static self, reference: Ref) -> Option<&'static T> {
        let record = self.at(reference.index())?;
        (record.slot().generation.load(Ordering::Acquire) == reference.generation())
            .then_some(record)
    }

    /// The record at an index, live or not.
    #[inline]
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

    /// Records that have ever been in use.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Acquire) as usize
    }

    /// Where the records lie that have ever been in use: address and bytes, chunk by chunk.
    pub(crate) fn places(&self) -> impl Iterator<Item = (usize, usize)> {
        let used = self.used();
        let places = self.chunks.iter().zip((0..used).step_by(CHUNK)).map(move |(chunk, first)| {
            let records = CHUNK.min(used - first);
            (chunk.load(Ordering::Acquire).addr(), records * size_of::<T>())
        });
        places.filter(|(address, _)| *address != 0)
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

    /// Up to `count` free records, at least one.
    fn free_indices(&'static self, count: usize, found: &mut dyn FnMut(u32)) -> Result<(), Full> {
        let mut free = self.free.lock();
        if free.is_empty() {
            drop(free);
            self.fresh(count)?.rev().for_each(found);
        } else {
            let rest = free.len().saturating_sub(count);
            free.drain(rest..).for_each(found);
        }
        Ok(())
    }

    fn push(&'static self, indices: &[u32]) {
        self.free.lock().extend_from_slice(indices);
    }

    /// Indices never used before: up to `count`, of one chunk.
    fn fresh(&'static self, count: usize) -> Result<std::ops::Range<u32>, Full> {
        const { assert!(align_of::<T>() <= 4096 && size_of::<T>() > 0) };
        let mut arena = self.grow.lock();
        let first = self.used.load(Ordering::Relaxed);
        let at = first as usize;
        let chunk = self.chunks.get(at / CHUNK).ok_or(Full)?;
        if chunk.load(Ordering::Relaxed).is_null() {
            let bytes = CHUNK * size_of::<T>();
            let memory = if at < SMALL { map(bytes)? } else { arena.take(bytes)? };
            chunk.store(memory.cast(), Ordering::Release);
        }
        let end = first + count.min(CHUNK - at % CHUNK) as u32;
        self.used.store(end, Ordering::Release);
        Ok(first..end)
    }
}

impl Arena {
    fn take(&mut self, bytes: usize) -> Result<*mut c_void, Full> {
        if self.end - self.next < bytes {
            let memory = map(ARENA)? as usize;
            self.end = memory + ARENA;
            self.next = memory.next_multiple_of(HUGE);
            // SAFETY: advice on a mapping just made, which holds nothing; refusal is no harm.
            let _ = unsafe { rustix::mm::madvise(memory as *mut _, ARENA, Advice::LinuxHugepage) };
        }
        let memory = self.next;
        self.next += bytes;
        Ok(memory as *mut c_void)
    }
}

/// An empty list with room for that many, as large as a table may be: the kernel is told to give a long
/// one memory in large pages, since to touch it page by page takes longer than to fill it.
pub(crate) fn room<V>(count: usize) -> Vec<V> {
    let list: Vec<V> = Vec::with_capacity(count);
    let start = (list.as_ptr() as usize).next_multiple_of(HUGE);
    let end = (list.as_ptr() as usize + count * size_of::<V>()) / HUGE * HUGE;
    if end > start && end - start >= ARENA {
        // SAFETY: advice on memory that the list owns; what it holds stays, refusal is no harm.
        let _ = unsafe { rustix::mm::madvise(start as *mut _, end - start, Advice::LinuxHugepage) };
    }
    list
}

/// Words that are shared with a file, for as long as the process lives; others may change them at any time.
/// Mapped once, as many as there may ever be; the file grows beneath them.
///
/// Invariants: `base` is mapped for ever with `most` words from `offset` of `file` on; the file has room on the
/// disk for the first `room` of them. It must not be made shorter: what is no longer there cannot be accessed.
#[derive(Debug)]
pub(crate) struct FileWords {
    base: NonNull<AtomicU64>,
    room: AtomicUsize,
    most: usize,
    file: File,
    offset: u64,
}

// SAFETY: the pointer is to atomics that are mapped for ever, whichever thread looks at them.
unsafe impl Send for FileWords {}
// SAFETY: as above; nothing else is changed without being an atomic.
unsafe impl Sync for FileWords {}

impl FileWords {
    /// None of them has room yet.
    ///
    /// # Errors
    /// When there is no address space for `most` words.
    pub(crate) fn map(file: &File, offset: u64, most: usize) -> std::io::Result<FileWords> {
        let file = file.try_clone()?;
        // SAFETY: a new mapping at an address of the kernel's choice; nobody has anything there.
        let memory = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                most * size_of::<AtomicU64>(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                &file,
                offset,
            )
        };
        let base = NonNull::new(memory?.cast()).ok_or(std::io::ErrorKind::OutOfMemory)?;
        Ok(FileWords { base, room: AtomicUsize::new(0), most, file, offset })
    }

    /// Words that have room.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        self.room.load(Ordering::Acquire)
    }

    /// Gives room to the first words, so many that there may be; never to fewer than have some. For one
    /// thread at a time.
    ///
    /// # Errors
    /// When the disk is full, or the file may not be as long.
    pub(crate) fn grow(&self, words: usize) -> std::io::Result<()> {
        let (from, to) = (self.room(), words.min(self.most));
        let bytes = |words: usize| (words * size_of::<AtomicU64>()) as u64;
        if to > from {
            let at = self.offset + bytes(from);
            fallocate(&self.file, FallocateFlags::empty(), at, bytes(to - from))?;
            self.room.store(to, Ordering::Release);
        }
        Ok(())
    }

    /// The `N` words from this one on, if all of them have room.
    #[inline]
    pub(crate) fn get<const N: usize>(&self, at: usize) -> Option<&[AtomicU64; N]> {
        if at.checked_add(N)? > self.room() {
            return None;
        }
        // SAFETY: below `room`, so within the mapping (invariant).
        let words = unsafe { self.base.add(at) };
        // SAFETY: mapped for ever, and the file has room for it; any bytes are valid atomics, which bear that
        // other processes write them.
        Some(unsafe { words.cast().as_ref() })
    }
}

fn map(bytes: usize) -> Result<*mut c_void, Full> {
    // SAFETY: a new private anonymous mapping at an address of the kernel's choice; zeroed, page
    // aligned, and owned by the table for ever.
    let memory = unsafe {
        rustix::mm::mmap_anonymous(
            ptr::null_mut(),
            bytes,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        )
    };
    memory.map_err(|_| Full)
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
        let use_one = |(reference, record): (Ref, &Word)| {
            assert_eq!(record.value.fetch_add(1, Ordering::Relaxed), 0);
            record.value.store(0, Ordering::Relaxed);
            reference
        };
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        TABLE.give_back(use_one(TABLE.take().expect("room")));
                    }
                });
                scope.spawn(|| {
                    let cache = Cache::default();
                    for round in 0..400 {
                        let taken = (0..round % 200)
                            .map(|_| use_one(TABLE.take_from(&cache).expect("room")));
                        let taken: Vec<Ref> = taken.collect();
                        taken.into_iter().for_each(|it| TABLE.give_back_to(&cache, it));
                    }
                });
            }
        });
        assert_eq!(TABLE.live().count(), 0);
    }
}
