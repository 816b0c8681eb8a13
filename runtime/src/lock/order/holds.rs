//! What each recorded waiter holds, in the order of taking.
//!
//! Invariants:
//! 1. An entry of the table belongs to the waiter whose record has the same index, and is written by the
//!    thread alone that the waiter runs on: [`Holds::begin`] before it runs first.
//! 2. Chunks are made when one of their waiters is registered, and are never freed.
//! 3. What there was no room for is counted; as long as it is not zero, nothing is told.

use crate::lock::order::{Mode, pairs};
use crate::records::statics::{Site, Static};
use crate::records::waiter::{ANCESTORS, Current};
use crate::sync::{AtomicU32, AtomicU64, Lock, Ordering};

/// Locks of one waiter that there is room for.
pub(super) const DEPTH: usize = 8;
/// Locks around a scope that there is room for. Behind more, its tasks make no pairs.
const AROUND: usize = 3;
/// As many as waiters have, together.
const CHUNK: usize = 1024;
const CHUNKS: usize = 16 * 1024;

/// By index of the waiter's record.
static TABLE: [Static<Chunk>; CHUNKS] = [const { Static::none() }; CHUNKS];
static GROW: Lock<()> = Lock::new(());

struct Chunk(Vec<Holds>);

/// A lock that is held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) object: u64,
    pub(super) made_at: Site,
    pub(super) site: Site,
    pub(super) mode: Mode,
    pub(super) is_rwlock: bool,
}

#[derive(Debug)]
struct Entry {
    object: AtomicU64,
    made_at: Static<std::panic::Location<'static>>,
    site: Static<std::panic::Location<'static>>,
    /// [`AMONG_READERS`], [`RW_LOCK`].
    kind: AtomicU32,
}

const AMONG_READERS: u32 = 1;
const RW_LOCK: u32 = 2;

/// What one waiter holds.
#[derive(Debug)]
pub(super) struct Holds {
    count: AtomicU32,
    /// Taken without having been noted.
    lost: AtomicU32,
    born: AtomicU64,
    /// Who spawned it, who spawned that one, and so on; zero behind the last.
    parents: [AtomicU64; ANCESTORS],
    /// Locks that are held alone around its scope; zero behind the last.
    around: [AtomicU64; AROUND],
    entries: [Entry; DEPTH],
}

/// The waiter's, which is recorded.
#[inline]
pub(super) fn of(waiter: Current) -> &'static Holds {
    let index = waiter.reference().index() as usize;
    let chunk = match TABLE[index / CHUNK].get() {
        Some(chunk) => chunk,
        None => grow(&TABLE[index / CHUNK]),
    };
    &chunk.0[index % CHUNK]
}

#[cold]
fn grow(place: &'static Static<Chunk>) -> &'static Chunk {
    let _alone = GROW.lock();
    if let Some(chunk) = place.get() {
        return chunk;
    }
    let chunk: &'static Chunk =
        Box::leak(Box::new(Chunk((0..CHUNK).map(|_| Holds::new()).collect())));
    // Nobody else is here.
    place.set_once(chunk).map_or_else(|theirs| theirs, |()| chunk)
}

impl Holds {
    fn new() -> Holds {
        let entry = || Entry {
            object: AtomicU64::new(0),
            made_at: Static::none(),
            site: Static::none(),
            kind: AtomicU32::new(0),
        };
        Holds {
            count: AtomicU32::new(0),
            lost: AtomicU32::new(0),
            born: AtomicU64::new(0),
            parents: Default::default(),
            around: Default::default(),
            entries: std::array::from_fn(|_| entry()),
        }
    }

    /// A waiter begins. With the id of its spawner, and what that one has here.
    pub(super) fn begin(&self, born: u64, by: Option<(u64, Option<&Holds>)>) {
        self.count.store(0, Ordering::Relaxed);
        self.lost.store(0, Ordering::Relaxed);
        self.born.store(born, Ordering::Relaxed);
        let older = by.and_then(|(_, holds)| holds);
        let older = older.into_iter().flat_map(|it| it.parents());
        let all = by.map(|(id, _)| id).into_iter().chain(older).chain(std::iter::repeat(0));
        for (mine, theirs) in self.parents.iter().zip(all) {
            mine.store(theirs, Ordering::Relaxed);
        }
        self.around.iter().for_each(|it| it.store(0, Ordering::Relaxed));
    }

    /// Its spawner waits for it with what it holds: for others those locks are gates around both.
    pub(super) fn within(&self, spawner: &Holds) {
        let mut room = self.around.iter();
        for gate in spawner.alone() {
            match room.next() {
                Some(place) => place.store(gate, Ordering::Relaxed),
                None => self.lose(),
            }
        }
        let lost = self.lost.load(Ordering::Relaxed) + spawner.lost.load(Ordering::Relaxed);
        self.lost.store(lost, Ordering::Relaxed);
    }

    /// Holds what `other` holds besides.
    pub(super) fn take_over(&self, other: &Holds) {
        other.each(|held| self.push(held));
        for (mine, theirs) in self.around.iter().zip(&other.around) {
            mine.store(theirs.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        let lost = self.lost.load(Ordering::Relaxed) + other.lost.load(Ordering::Relaxed);
        self.lost.store(lost, Ordering::Relaxed);
    }

    pub(super) fn born(&self) -> u64 {
        self.born.load(Ordering::Relaxed)
    }

    pub(super) fn parents(&self) -> impl Iterator<Item = u64> {
        self.parents.iter().map(|it| it.load(Ordering::Relaxed)).take_while(|id| *id != 0)
    }

    /// Whether there is a lock before the next one.
    #[inline]
    pub(super) fn has_any(&self) -> bool {
        self.len() != 0
    }

    #[inline]
    fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed) as usize
    }

    /// A lock has been taken that there is no room for, or that has no record.
    pub(super) fn lose(&self) {
        self.lost.store(self.lost.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn push(&self, held: Held) {
        let count = self.len();
        let Some(entry) = self.entries.get(count) else { return self.lose() };
        entry.set(held);
        self.count.store(count as u32 + 1, Ordering::Relaxed);
    }

    /// The last one of this object goes.
    #[inline]
    pub(super) fn remove(&self, object: u64) {
        let count = self.len();
        let known = &self.entries[..count.min(DEPTH)];
        let Some(at) = known.iter().rposition(|it| it.object.load(Ordering::Relaxed) == object)
        else {
            let lost = self.lost.load(Ordering::Relaxed);
            return self.lost.store(lost.saturating_sub(1), Ordering::Relaxed);
        };
        for (to, from) in (at..count).zip(at + 1..count) {
            if let Some(held) = known[from].get() {
                known[to].set(held);
            }
        }
        self.count.store(count as u32 - 1, Ordering::Relaxed);
    }

    fn each(&self, mut show: impl FnMut(Held)) {
        self.entries[..self.len().min(DEPTH)].iter().filter_map(Entry::get).for_each(&mut show);
    }

    /// Shows each lock, with all others that are held alone; nothing if not all are known.
    #[inline]
    pub(super) fn each_before(&self, mut show: impl FnMut(&Held, Gates<'_>)) {
        if self.lost.load(Ordering::Relaxed) != 0 {
            return;
        }
        let sum = self.alone().map(pairs::mixed).fold(0, u64::wrapping_add);
        self.each(|held| {
            let own = if held.mode == Mode::Alone { pairs::mixed(held.object) } else { 0 };
            show(&held, Gates { holds: self, but: held.object, sum: sum.wrapping_sub(own) });
        });
    }

    /// Ids of what is held alone, by it or around it.
    fn alone(&self) -> impl Iterator<Item = u64> {
        let known = self.entries[..self.len().min(DEPTH)].iter();
        let alone = known.filter(|it| it.kind.load(Ordering::Relaxed) & AMONG_READERS == 0);
        let around = self.around.iter().map(|it| it.load(Ordering::Relaxed));
        alone.map(|it| it.object.load(Ordering::Relaxed)).chain(around.take_while(|it| *it != 0))
    }
}

/// Locks that are held alone besides one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gates<'h> {
    holds: &'h Holds,
    but: u64,
    /// Of the mixed ids: the same for the same set.
    pub(super) sum: u64,
}

impl Gates<'_> {
    /// Their ids, sorted, each once.
    pub(super) fn ids(self) -> Vec<u64> {
        let mut ids: Vec<u64> = self.holds.alone().filter(|id| *id != self.but).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

impl Entry {
    #[inline]
    fn set(&self, held: Held) {
        let shared = if held.mode == Mode::AmongReaders { AMONG_READERS } else { 0 };
        let rwlock = if held.is_rwlock { RW_LOCK } else { 0 };
        self.object.store(held.object, Ordering::Relaxed);
        self.made_at.set(held.made_at);
        self.site.set(held.site);
        self.kind.store(shared | rwlock, Ordering::Relaxed);
    }

    fn get(&self) -> Option<Held> {
        let kind = self.kind.load(Ordering::Relaxed);
        let shared = kind & AMONG_READERS != 0;
        Some(Held {
            object: self.object.load(Ordering::Relaxed),
            made_at: self.made_at.get()?,
            site: self.site.get()?,
            mode: if shared { Mode::AmongReaders } else { Mode::Alone },
            is_rwlock: kind & RW_LOCK != 0,
        })
    }
}
