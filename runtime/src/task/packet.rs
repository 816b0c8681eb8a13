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
//! 3. A lent closure ([`lend`]) stays on its lender's stack, which does not go on before it is back.

use std::any::Any;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crate::machine::stack::StackError;
use crate::records::panics;
use crate::records::region;
use crate::records::state::State;
use crate::records::statics::{Entry, Site};
use crate::records::table::Ref;
use crate::records::tags::{self, Key};
use crate::records::waiter::{TAGGED, WAITERS, WaiterRecord};
use crate::report;
use crate::scheduler::current;
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
                .map(|payload| PanicRecord::take(Some(self.info.reference), payload.as_ref())),
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
            let record = PanicRecord::take(Some(self.info.reference), payload.as_ref());
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

/// A closure lent to another thread, and then its outcome: both on the stack of the lender.
struct Errand<F, R> {
    closure: Lock<Option<F>>,
    outcome: Lock<Option<Result<R, Raised>>>,
    returned: AtomicBool,
}

struct Raised {
    payload: Box<dyn Any + Send>,
    record: PanicRecord,
}

trait Borrowed: Sync {
    fn run(&self);
    fn returned(&self) -> &AtomicBool;
}

impl<F: FnOnce() -> R + Send, R: Send> Borrowed for Errand<F, R> {
    fn run(&self) {
        let Some(closure) = self.closure.lock().take() else { return };
        let outcome = catch_unwind(AssertUnwindSafe(|| task_entry(closure)));
        let outcome = outcome.map_err(|payload| {
            let who = current::task().or_else(current::helper).map(|who| who.reference);
            let record = PanicRecord::take(who, payload.as_ref());
            Raised { payload, record }
        });
        *self.outcome.lock() = Some(outcome);
    }

    fn returned(&self) -> &AtomicBool {
        &self.returned
    }
}

/// The right to run a lent closure. It goes back to the lender when it is dropped.
pub(crate) struct Lent(&'static dyn Borrowed);

impl Lent {
    /// Runs the closure to its end, and catches its panic.
    pub(crate) fn run(self) {
        self.0.run();
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // The last access: from here on the lender may go on.
        self.0.returned().store(true, Ordering::Release);
    }
}

/// Ends the process if it goes before the closure has been returned.
struct UntilReturned<'e>(&'e AtomicBool);

impl Drop for UntilReturned<'_> {
    fn drop(&mut self) {
        if !self.0.load(Ordering::Acquire) {
            report::say("gleak: a wait for a lent closure has ended before the closure: aborting");
            std::process::abort();
        }
    }
}

/// Lends `closure` to whomever `wait` hands it to, and comes back with its value.
///
/// `wait` must not end before what it was given is dropped; a process in which it does is aborted.
///
/// # Panics
/// With the closure's own panic, and when it was not run.
pub(crate) fn lend<F, R>(closure: F, wait: impl FnOnce(Lent)) -> R
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    let errand = Errand {
        closure: Lock::new(Some(closure)),
        outcome: Lock::new(None),
        returned: AtomicBool::new(false),
    };
    let borrowed: &dyn Borrowed = &errand;
    // SAFETY: only the lifetime changes. The reference is in a `Lent` and nowhere else, whose drop
    // is its last use and sets `returned`; `UntilReturned` lets neither a return nor an unwinding
    // out of this function before that, so `errand` and what the closure borrows outlive it.
    let borrowed = unsafe { std::mem::transmute::<&dyn Borrowed, &'static dyn Borrowed>(borrowed) };
    let until = UntilReturned(&errand.returned);
    wait(Lent(borrowed));
    drop(until);
    let outcome = errand.outcome.lock().take();
    match outcome.expect("a lent closure is run before it is returned") {
        Ok(value) => value,
        Err(Raised { payload, record }) => {
            if let Some(task) = current::task() {
                panic::note(task.reference, record);
            }
            resume_unwind(payload)
        }
    }
}
