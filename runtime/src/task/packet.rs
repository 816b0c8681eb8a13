//! The packet: the one heap block of a task. It holds the closure until the task first runs, and
//! the outcome until somebody joins.
//!
//! Life: made at spawn; shared by the task (which runs it) and the handle (which joins).
//! The order at the end of a task: the outcome is put down; the task counts as finished; only then
//! joiners are woken. So who has joined sees the count without it.
//!
//! Invariants:
//! 1. `closure` holds a value exactly while `fresh` is true; who turns `fresh` to false owns it.
//! 2. The closure's bytes are zeroed when it moves to the task's stack: a stale copy would keep
//!    what it names reachable in the eyes of a conservative marker.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::machine::stack::StackError;
use crate::records::panics;
use crate::records::region;
use crate::records::state::State;
use crate::records::statics::{Entry, Site};
use crate::records::table::Ref;
use crate::records::tags::{self, Key};
use crate::records::waiter::{TAGGED, WAITERS, WaiterRecord};
use crate::scheduler::runtime::RuntimeShared;
use crate::sync::{AtomicBool, Lock, Ordering, UnsafeCell};
use crate::task::error::{Cause, JoinError};
use crate::task::panic::{self, PanicRecord};
use crate::wait::queue::WaitQueue;

/// What is known of a task besides its record, which ends before the packet does.
#[derive(Clone, Debug)]
pub(crate) struct Info {
    pub(crate) reference: Ref,
    pub(crate) id: u64,
    pub(crate) region: u64,
    pub(crate) entry: &'static Entry,
    pub(crate) site: Site,
    pub(crate) name: Option<Box<str>>,
    pub(crate) runtime: &'static RuntimeShared,
}

/// The task's side.
pub(crate) trait Run: Send + Sync {
    /// Runs the closure to its end, on the task's stack. Called at most once.
    fn run(&self);
    /// Ends the task before it has run: no stack could be had.
    fn refuse(&self, error: StackError);
}

/// The handle's side.
pub(crate) trait Join<T>: Send + Sync {
    fn info(&self) -> &Info;
    /// The outcome, if the task is done; later calls find none.
    fn take(&self) -> Option<Result<T, JoinError>>;
    fn is_done(&self) -> bool;
    /// Whether it is done and the outcome has been taken: by an arm of a select.
    fn is_taken(&self) -> bool;
    /// Unless it is done, queues the node that `begin` comes back with, and says so.
    fn queue(&self, begin: &mut dyn FnMut() -> u32) -> bool;
    fn unqueue(&self, node: u32);
    /// Nobody will join.
    fn detach(&self);
}

struct Ending<T> {
    done: bool,
    detached: bool,
    outcome: Option<Result<T, JoinError>>,
    joiners: WaitQueue,
}

pub(crate) struct Packet<F, T> {
    info: Info,
    fresh: AtomicBool,
    closure: UnsafeCell<MaybeUninit<F>>,
    ending: Lock<Ending<T>>,
}

// SAFETY: `closure` is touched only by whoever turned `fresh` to false (invariant 1), at most once
// from whatever thread that is, hence `F: Send`; everything else is a lock, an atomic, or `Info`,
// whose parts are `Sync`.
unsafe impl<F: Send, T: Send> Sync for Packet<F, T> {}

impl<F, T> Packet<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    pub(crate) fn new(info: Info, closure: F) -> Self {
        let ending =
            Ending { done: false, detached: false, outcome: None, joiners: WaitQueue::new() };
        Packet {
            info,
            fresh: AtomicBool::new(true),
            closure: UnsafeCell::new(MaybeUninit::new(closure)),
            ending: Lock::new(ending),
        }
    }

    fn finish(&self, outcome: Result<T, JoinError>) {
        let mut ending = self.ending.lock();
        let unwanted = if ending.detached {
            Some(outcome)
        } else {
            ending.outcome = Some(outcome);
            None
        };
        drop(ending);
        // The task's own doing, so it happens while the task still counts.
        unwanted.into_iter().for_each(|outcome| self.discard(outcome));
        self.leave();
        let mut ending = self.ending.lock();
        ending.done = true;
        let joiners = ending.joiners.claim_all();
        let late = if ending.detached { ending.outcome.take() } else { None };
        drop(ending);
        joiners.into_iter().for_each(crate::wait::Claimed::wake);
        late.into_iter().for_each(|outcome| self.discard(outcome));
    }

    /// The task is over: in the counts, in the tags, in its region. The region last: who finds it
    /// empty may hand the runtime back, which must not count the task then.
    fn leave(&self) {
        let record = WAITERS.get(self.info.reference);
        if let Some(record) = record {
            record.state.set(State::Finished);
            if record.has(TAGGED) {
                tags::remove(Key::Task(self.info.id));
            }
        }
        self.info.runtime.task_finished();
        if let Some(region) = record.and_then(WaiterRecord::region) {
            region::leave(region);
        }
    }

    /// Drops an outcome that nobody wants, and takes note of a panic in it, or in dropping it.
    fn discard(&self, outcome: Result<T, JoinError>) {
        let panic = match outcome {
            Ok(value) => catch_unwind(AssertUnwindSafe(|| drop(value)))
                .err()
                .map(|payload| PanicRecord::take(self.info.reference, payload.as_ref())),
            Err(error) => error.into_panic_record(),
        };
        if let Some(panic) = panic {
            panics::add(panics::Unjoined {
                task: self.info.id,
                name: self.info.name.as_deref().map(str::to_owned),
                region: self.info.region,
                entry: self.info.entry,
                site: self.info.site,
                panic,
            });
        }
    }
}

/// The frame at which the stacks of panics are cut: everything outside of it is ours.
#[inline(never)]
pub(crate) fn task_entry<F: FnOnce() -> T, T>(closure: F) -> T {
    let value = closure();
    // Keeps this frame on the stack: a tail call would remove it.
    std::hint::black_box(());
    value
}

impl<F, T> Run for Packet<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn run(&self) {
        if !self.fresh.swap(false, Ordering::AcqRel) {
            return;
        }
        let place = self.closure.get();
        // SAFETY: `fresh` was true and is ours now, so there is a closure and nobody else takes it
        // (invariant 1); `MaybeUninit<F>` is laid out as `F`.
        let closure = unsafe { place.cast::<F>().read() };
        // SAFETY: the place is ours and holds nothing any more.
        unsafe { place.write_bytes(0, 1) };
        let outcome = catch_unwind(AssertUnwindSafe(|| task_entry(closure)));
        let outcome = outcome.map_err(|payload| {
            let record = PanicRecord::take(self.info.reference, payload.as_ref());
            JoinError::new(&self.info, Cause::Panicked { payload, record })
        });
        self.finish(outcome);
    }

    fn refuse(&self, error: StackError) {
        self.finish(Err(JoinError::new(&self.info, Cause::NotStarted(error))));
    }
}

impl<F, T> Join<T> for Packet<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn info(&self) -> &Info {
        &self.info
    }

    fn take(&self) -> Option<Result<T, JoinError>> {
        let mut ending = self.ending.lock();
        if ending.done { ending.outcome.take() } else { None }
    }

    fn is_done(&self) -> bool {
        self.ending.lock().done
    }

    fn is_taken(&self) -> bool {
        let ending = self.ending.lock();
        ending.done && ending.outcome.is_none()
    }

    fn queue(&self, begin: &mut dyn FnMut() -> u32) -> bool {
        let mut ending = self.ending.lock();
        if ending.done {
            return false;
        }
        let node = begin();
        ending.joiners.push_back(node);
        true
    }

    fn unqueue(&self, node: u32) {
        self.ending.lock().joiners.remove(node);
    }

    fn detach(&self) {
        let mut ending = self.ending.lock();
        ending.detached = true;
        let outcome = if ending.done { ending.outcome.take() } else { None };
        drop(ending);
        outcome.into_iter().for_each(|outcome| self.discard(outcome));
    }
}

impl<F, T> Drop for Packet<F, T> {
    fn drop(&mut self) {
        if *self.fresh.get_mut() {
            // SAFETY: still fresh, so the closure is there (invariant 1), and nobody else has it.
            unsafe { self.closure.get_mut().assume_init_drop() };
        }
    }
}

/// Makes the two sides of a packet.
pub(crate) fn packet<F, T>(info: Info, closure: F) -> (Arc<dyn Run>, Arc<dyn Join<T>>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    panic::install_hook();
    let packet = Arc::new(Packet::new(info, closure));
    (packet.clone(), packet)
}
