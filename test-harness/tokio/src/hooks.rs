//! What a runtime tells by itself of the tasks that nobody has wrapped, where the whole program is built with
//! tokio's `--cfg tokio_unstable`: that they are there, where they were spawned, and by which task.
//!
//! Invariants:
//! 1. A task has one record: one that is spawned by what wraps it is none of these.
//! 2. What such a task waits for is not known, so it may wake anybody.

use std::cell::Cell;
use std::sync::{Arc, LazyLock};

use dashmap::DashMap;
use tokio::runtime::{Builder, TaskMeta};
use tokio::task::Id;

use crate::ledger;
use crate::region::Region;
use crate::snapshot::HOOKED;
use crate::task::{Hooked, Kin, Origin};

static TASKS: LazyLock<DashMap<Id, Hooked>> = LazyLock::new(DashMap::new);

thread_local! {
    /// The task that is being spawned on this thread has a record.
    static WRAPPED: Cell<bool> = const { Cell::new(false) };
    /// The task that a runtime polls on this thread, of whichever kind.
    static POLLED: Cell<Option<Id>> = const { Cell::new(None) };
    /// One that has ended here without a record: on a runtime that is shut down before it is told of.
    static ENDED: Cell<Option<Id>> = const { Cell::new(None) };
}

/// Lets a runtime that is to be built tell of its tasks: those that are spawned by tokio's own functions, also
/// by other libraries, are then in snapshots as well, with their places. They are charged to the test or guard
/// of who spawns them.
///
/// It takes the builder's hooks of tasks: spawn, terminate, and before and after each poll. Tests under
/// `#[gleak_test_harness::test(runtime = "tokio")]` have it already.
///
/// It is there in programs that are built with `--cfg tokio_unstable`, which this crate never sets.
pub fn hooks(builder: &mut Builder) -> &mut Builder {
    install(builder, None)
}

/// As [`hooks`], of a runtime that is a region's own: what nobody known has spawned is charged to that.
pub(crate) fn install(builder: &mut Builder, own: Option<Arc<Region>>) -> &mut Builder {
    builder
        .on_task_spawn(move |meta| spawned(meta, own.as_ref()))
        .on_task_terminate(|meta| ended(meta.id()))
        .on_before_task_poll(|meta| POLLED.set(Some(meta.id())))
        .on_after_task_poll(|_| POLLED.set(None))
}

fn spawned(meta: &TaskMeta<'_>, own: Option<&Arc<Region>>) {
    if WRAPPED.take() || ENDED.take() == Some(meta.id()) {
        return;
    }
    let mut kin = ledger::kin();
    kin.region = kin.region.or_else(|| own.cloned());
    if let Some(region) = &kin.region {
        region.enter(true);
    }
    let origin = Origin { site: meta.spawned_at(), entry: HOOKED };
    TASKS.insert(meta.id(), Hooked { id: ledger::fresh_id(), origin, kin });
}

fn ended(id: Id) {
    match TASKS.remove(&id) {
        Some((_, task)) => {
            if let Some(region) = &task.kin.region {
                region.leave(true);
            }
        }
        None => ENDED.set(Some(id)),
    }
}

/// What a task gets from the one that is polled here, if that is one of these.
pub(crate) fn kin() -> Option<Kin> {
    let parent = TASKS.get(&POLLED.get()?)?;
    Some(parent.kin())
}

/// Those that there are, by id.
pub(crate) fn tasks() -> Vec<Hooked> {
    let mut tasks: Vec<Hooked> = TASKS.iter().map(|it| it.value().clone()).collect();
    tasks.sort_by_key(|task| task.id);
    tasks
}

/// Spawns a task that has a record.
pub(crate) fn wrapped<R>(spawn: impl FnOnce() -> R) -> R {
    // A runtime without these hooks does not take it.
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            WRAPPED.set(false);
        }
    }
    let _reset = Reset;
    WRAPPED.set(true);
    spawn()
}
