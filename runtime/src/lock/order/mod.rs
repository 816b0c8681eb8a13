//! In what order locks are taken: facts for a verdict on deadlocks that did not happen. Recorded on
//! request only.
//!
//! Whoever takes a lock while it holds others makes a pair with each of them. What a task holds is in a
//! table beside its record (`holds.rs`), what pairs there are in one for all (`pairs.rs`), behind a cache
//! for each thread.
//!
//! Invariants:
//! 1. A task that is not recorded pays one comparison a lock: its count of locks, which is looked at
//!    anyhow, is zero before its first one. That of a recorded task has [`RECORDED`] set.
//! 2. Facts only: nothing here looks for a circle.
//! 3. A task of which not all locks are known makes no pair: what is not known may be a gate.
//! 4. Channels, conds and joins are no locks and make no pair. A join is noted, since it tells that what
//!    its task did is over.
//! 5. No lock of ours is held when user code runs or anybody parks, and the tables have a bound.

mod holds;
pub(crate) mod pairs;

use once_cell::sync::Lazy;

use crate::records::object::ObjectCell;
use crate::records::statics::Site;
use crate::records::table::Ref;
use crate::records::waiter::{Current, HELPER, RECORDED, WAITERS};
use crate::scheduler::current;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// How a lock was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// It would have been waited for.
    Waiting,
    /// It would have been waited for up to some moment.
    InTime,
    /// It was tried.
    Trying,
}

/// How a lock is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Alone,
    AmongReaders,
}

/// Whether any runtime records: until then a join has nothing to note.
static ON: AtomicBool = AtomicBool::new(false);
/// Whether threads that are not ours are recorded, from their first operation on.
static THREADS: AtomicBool = AtomicBool::new(false);
/// Counts what has to be told before or after something else.
static CLOCK: AtomicU64 = AtomicU64::new(0);

/// What `GLEAK_LOCK_ORDER` asks for.
pub(crate) fn by_environment() -> bool {
    static ASKED: Lazy<bool> = Lazy::new(|| {
        std::env::var_os("GLEAK_LOCK_ORDER").is_some_and(|value| !value.is_empty() && value != "0")
    });
    *ASKED
}

/// A runtime is going to record.
pub(crate) fn turned_on() {
    ON.store(true, Ordering::Relaxed);
}

/// The process-wide runtime is going to record, and so are outside threads from now on.
pub(crate) fn turned_on_for_threads() {
    THREADS.store(true, Ordering::Relaxed);
}

/// Whether a thread of others that registers now is recorded.
pub(crate) fn of_threads() -> bool {
    THREADS.load(Ordering::Relaxed) || by_environment()
}

fn now() -> u64 {
    CLOCK.load(Ordering::Relaxed)
}

/// A moment that is later than all before.
fn next_moment() -> u64 {
    CLOCK.fetch_add(1, Ordering::Relaxed) + 1
}

/// A waiter has been registered that is recorded. `by` has spawned it, if that is known.
pub(crate) fn born(waiter: Current, by: Option<Current>) {
    holds::of(waiter).begin(next_moment(), by.map(|by| (by.record.id(), parents_of(by))));
}

/// A helper has been registered that acts for `task`, which waits for it and holds on to what it has.
pub(crate) fn born_to_help(helper: Current, task: Current) {
    born(helper, Some(task));
    holds::of(helper).take_over(holds::of(task));
}

/// A task of a scope has been registered: `by` does not go on before it has ended.
pub(crate) fn born_within(task: Ref, by: Option<Current>) {
    let task = WAITERS.get(task).map(|record| Current { record });
    if let Some((task, by)) = task.zip(by)
        && is_recorded(task)
        && is_recorded(by)
    {
        holds::of(task).within(holds::of(by));
    }
}

fn parents_of(waiter: Current) -> Option<&'static holds::Holds> {
    is_recorded(waiter).then(|| holds::of(waiter))
}

/// Whose doing it is: a helper's is that of the task which waits for it.
fn actor(who: Current) -> u64 {
    let spawner = || holds::of(who).parents().next();
    let helps = is_recorded(who) && who.record.has(HELPER);
    if helps { spawner().unwrap_or(who.record.id()) } else { who.record.id() }
}

#[inline]
pub(crate) fn is_recorded(waiter: Current) -> bool {
    waiter.record.locks.load(Ordering::Relaxed) & RECORDED != 0
}

/// The caller has taken the lock alone, and is recorded or has others. Where it did so stands in the
/// lock's record: the fewer arguments, the less it costs who is not recorded.
#[cold]
#[inline(never)]
pub(crate) fn taken_alone(who: Current, cell: &ObjectCell, asked: Asked) {
    if is_recorded(who) {
        let site = cell.known().and_then(|record| record.owner_site.get());
        taken(who, cell, site.unwrap_or_else(|| cell.site()), asked, Mode::Alone);
    }
}

/// The caller, which is recorded, has become a reader.
#[inline(never)]
pub(crate) fn taken_among_readers(who: Current, cell: &ObjectCell, site: Site, asked: Asked) {
    taken(who, cell, site, asked, Mode::AmongReaders);
}

fn taken(who: Current, cell: &ObjectCell, site: Site, asked: Asked, mode: Mode) {
    let holds = holds::of(who);
    let Some(record) = cell.known() else { return holds.lose() };
    let new = holds::Held {
        object: record.id.load(Ordering::Relaxed),
        made_at: cell.site(),
        site,
        mode,
        is_rwlock: record.kind() == crate::records::object::Kind::RwLock,
    };
    if holds.has_any() && asked != Asked::Trying {
        holds.each_before(|held, gates| {
            if held.object != new.object {
                pairs::seen(who, held, &new, asked, gates);
            }
        });
    }
    holds.push(new);
}

/// `owner` has let the lock go.
#[cold]
#[inline(never)]
pub(crate) fn let_go(owner: Current, cell: &ObjectCell) {
    if is_recorded(owner) {
        let object = cell.known().map_or(0, |record| record.id.load(Ordering::Relaxed));
        holds::of(owner).remove(object);
    }
}

/// The caller has found that the task has ended.
#[inline]
pub(crate) fn joined(task: u64) {
    if ON.load(Ordering::Relaxed) {
        pairs::note_join(task, actor(current::get()));
    }
}
