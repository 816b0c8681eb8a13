//! The pairs of locks that have been seen, and by whom.
//!
//! Invariants:
//! 1. A pair is known by the ids of its locks, which are never used again, how they were held and asked
//!    for, and which others were held alone. So new locks at an old address are new.
//! 2. Of each pair [`WITNESSES`] tasks are kept, of pairs of locks made at the same two places
//!    [`ALIKE`], and [`PAIRS`] in all. What is beyond is counted and never stored.
//! 3. A thread's cache names pairs by 64 bits of their key: two that agree in them are taken for one,
//!    which hides the later one and invents nothing.

use std::collections::BTreeMap;

use dashmap::DashMap;
use once_cell::sync::Lazy;

use crate::lock::order::holds::{self, Gates, Held};
use crate::lock::order::{Asked, Mode, actor, next_moment, now};
use crate::records::region::REGIONS;
use crate::records::statics::{Entry, Site};
use crate::records::tags::{self, Key, SpawnStack};
use crate::records::waiter::{Current, TAGGED, THREAD};
use crate::scheduler::current;
use crate::sync::{AtomicU64, AtomicUsize, Cell, Lock, Ordering};
use crate::task::spawn_stack;

/// Tasks that are kept of a pair: enough that two of them are likely to have lived at once.
const WITNESSES: usize = 8;
/// Pairs of locks of the same two places, half of them with gates at most: a pair without any tells
/// more, and a program may have any number of gates.
const ALIKE: u32 = 1024;
const PAIRS: usize = 16 * 1024;
/// Direct-mapped; a power of two.
const SLOTS: usize = 256;

/// One of the two locks.
#[derive(Clone, Debug)]
pub(crate) struct Paired {
    pub(crate) object: u64,
    pub(crate) made_at: Site,
    pub(crate) name: Option<String>,
    pub(crate) mode: Mode,
    pub(crate) is_rwlock: bool,
}

/// What tells one pair from another.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct PairKey {
    held: u64,
    wanted: u64,
    how: u64,
    gates: Vec<u64>,
}

/// A pair and who has taken it.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) held: Paired,
    pub(crate) wanted: Paired,
    pub(crate) asked: Asked,
    pub(crate) gates: Vec<u64>,
    witnesses: Vec<&'static Witness>,
}

/// A task that has taken a pair, as it was then.
#[derive(Debug)]
pub(crate) struct Witness {
    pub(crate) task: u64,
    pub(crate) name: Option<String>,
    pub(crate) spawn: Option<(Site, &'static Entry)>,
    pub(crate) parents: Vec<u64>,
    /// Zero: none.
    pub(crate) region: u64,
    pub(crate) held_at: Site,
    pub(crate) wanted_at: Site,
    pub(crate) stack: Option<SpawnStack>,
    pub(crate) born: u64,
    pub(crate) first: u64,
    last: AtomicU64,
}

/// A place of a thread's cache.
struct Slot {
    key: Cell<u64>,
    /// None when there is nothing to note of this pair any more.
    witness: Cell<Option<&'static Witness>>,
}

thread_local! {
    static CACHE: [Slot; SLOTS] =
        const { [const { Slot { key: Cell::new(0), witness: Cell::new(None) } }; SLOTS] };
}

static TABLE: Lazy<DashMap<PairKey, Pair>> = Lazy::new(DashMap::new);
static COUNT: AtomicUsize = AtomicUsize::new(0);
/// How many pairs there are of locks made at these two places.
static PLACES: Lock<BTreeMap<(usize, usize), u32>> = Lock::new(BTreeMap::new());
static DROPPED: AtomicU64 = AtomicU64::new(0);
/// Who is a witness, and who has joined it when.
static JOINS: Lazy<DashMap<u64, Option<(u64, u64)>>> = Lazy::new(DashMap::new);

/// Ids count up; this spreads them over all bits.
#[inline]
pub(super) fn mixed(id: u64) -> u64 {
    let mut bits = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits ^= bits >> 32;
    bits.wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

/// `who` has taken `wanted` while it held `held` and the gates.
#[inline]
pub(super) fn seen(who: Current, held: &Held, wanted: &Held, asked: Asked, gates: Gates<'_>) {
    let how = how(held.mode, wanted.mode, asked);
    let pair = mixed(mixed(held.object).wrapping_add(wanted.object) ^ how << 61)
        .wrapping_add(gates.sum)
        | 1;
    // Odd ones name pairs, even ones who took them.
    let taken = (pair ^ mixed(actor(who))) & !1 | 2;
    let known = CACHE.with(|cache| {
        let mine = &cache[(taken >> 2) as usize % SLOTS];
        if mine.key.get() == taken {
            if let Some(witness) = mine.witness.get() {
                witness.last.store(now(), Ordering::Relaxed);
            }
            return true;
        }
        cache[(pair >> 2) as usize % SLOTS].key.get() == pair
    });
    if !known {
        let witness = remember(who, held, wanted, asked, gates);
        let key = if witness.is_some() { taken } else { pair };
        CACHE.with(|cache| {
            let slot = &cache[(key >> 2) as usize % SLOTS];
            slot.key.set(key);
            slot.witness.set(witness);
        });
    }
}

fn how(held: Mode, wanted: Mode, asked: Asked) -> u64 {
    u64::from(held == Mode::AmongReaders)
        | u64::from(wanted == Mode::AmongReaders) << 1
        | u64::from(asked == Asked::InTime) << 2
}

/// The caller as a witness of the pair; none if enough of it is known, or there is no room.
#[cold]
fn remember(
    who: Current,
    held: &Held,
    wanted: &Held,
    asked: Asked,
    gates: Gates<'_>,
) -> Option<&'static Witness> {
    let gates = gates.ids();
    let how = how(held.mode, wanted.mode, asked);
    let key = PairKey { held: held.object, wanted: wanted.object, how, gates };
    let task = actor(who);
    if let Some(pair) = TABLE.get(&key) {
        let mine = pair.witnesses.iter().find(|it| it.task == task);
        if let Some(mine) = mine {
            mine.last.store(now(), Ordering::Relaxed);
        }
        if mine.is_some() || pair.witnesses.len() >= WITNESSES {
            return mine.copied();
        }
    } else if !has_room(held, wanted, !key.gates.is_empty()) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
        return None;
    }
    // Before the table is locked: it allocates, and may unwind a stack.
    let witness: &'static Witness = Box::leak(Box::new(Witness::new(who, held, wanted)));
    let (held, wanted) = (Paired::new(held), Paired::new(wanted));
    let gates = key.gates.clone();
    let mut pair = TABLE.entry(key).or_insert_with(|| Pair {
        held,
        wanted,
        asked,
        gates,
        witnesses: Vec::new(),
    });
    pair.witnesses.push(witness);
    drop(pair);
    JOINS.entry(task).or_insert(None);
    Some(witness)
}

/// Takes the room for one more pair of these locks' places.
fn has_room(held: &Held, wanted: &Held, gated: bool) -> bool {
    let address = |site: Site| std::ptr::from_ref(site) as usize;
    let places = (address(held.made_at), address(wanted.made_at));
    let limit = if gated { ALIKE / 2 } else { ALIKE };
    if COUNT.load(Ordering::Relaxed) >= PAIRS {
        return false;
    }
    let mut all = PLACES.lock();
    let count = all.entry(places).or_insert(0);
    let is_there = *count < limit;
    if is_there {
        *count += 1;
        COUNT.fetch_add(1, Ordering::Relaxed);
    }
    is_there
}

impl Paired {
    fn new(held: &Held) -> Paired {
        let name = tags::get(Key::Object(held.object)).and_then(|tags| tags.name);
        let Held { object, made_at, mode, is_rwlock, .. } = *held;
        Paired { object, made_at, name, mode, is_rwlock }
    }
}

impl Witness {
    fn new(who: Current, held: &Held, wanted: &Held) -> Witness {
        let record = who.record;
        let tags =
            if record.has(THREAD | TAGGED) { tags::get(Key::Task(record.id())) } else { None };
        let region = record.region().and_then(|region| REGIONS.get(region));
        let stack = match current::worker() {
            Some(worker) => spawn_stack::take(&worker.runtime().spawn_stacks),
            None => None,
        };
        let holds = holds::of(who);
        let first = next_moment();
        Witness {
            task: actor(who),
            name: tags.and_then(|tags| tags.name),
            spawn: record.origin.site.get().zip(record.origin.entry.get()),
            parents: holds.parents().collect(),
            region: region.map_or(0, |region| region.id.load(Ordering::Relaxed)),
            held_at: held.site,
            wanted_at: wanted.site,
            stack,
            born: holds.born(),
            first,
            last: AtomicU64::new(first),
        }
    }

    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }
}

impl Pair {
    /// Sorted by task.
    pub(crate) fn witnesses(&self) -> Vec<&'static Witness> {
        let mut witnesses = self.witnesses.clone();
        witnesses.sort_unstable_by_key(|witness| witness.task);
        // It and its helper may each have been on the way here.
        witnesses.dedup_by_key(|witness| witness.task);
        witnesses
    }
}

/// A join has found the task ended.
#[cold]
pub(super) fn note_join(task: u64, by: u64) {
    if let Some(table) = Lazy::get(&JOINS)
        && let Some(mut join) = table.get_mut(&task)
    {
        *join = Some((by, next_moment()));
    }
}

/// Who has joined the task, and at which moment.
pub(crate) fn join_of(task: u64) -> Option<(u64, u64)> {
    *Lazy::get(&JOINS)?.get(&task)?
}

/// Shows all pairs, in no order.
pub(crate) fn each(mut show: impl FnMut(&Pair)) {
    if let Some(table) = Lazy::get(&TABLE) {
        table.iter().for_each(|pair| show(&pair));
    }
}

/// How often a pair was seen that there was no room for.
pub(crate) fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}
