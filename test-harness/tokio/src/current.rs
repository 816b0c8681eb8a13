//! Which task this thread polls.
//!
//! Invariants:
//! 1. What is entered is left in reverse order, also by a panic.
//! 2. The strong handle on the record moves here and back, and lends its waker: neither costs a count.
//! 3. A place is borrowed while its task is polled, and is written before and after that only. What that task
//!    polls in turn has the next one.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::task::Waker;

use futures_task::waker_ref;

use crate::region::Region;
use crate::task::Task;

/// The calling task, as operations note it: cheap to have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Caller {
    /// Zero for threads, and tasks that nobody has wrapped.
    pub(crate) task: u64,
    /// Zero for none.
    pub(crate) region: u64,
}

thread_local! {
    static CALLER: Cell<Caller> = const { Cell::new(Caller { task: 0, region: 0 }) };
    /// What the thread itself is charged to, while it polls no task that is known.
    static REGION: RefCell<Option<Arc<Region>>> = const { RefCell::new(None) };
    /// How many tasks this thread polls, one inside the other.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static TASKS: [RefCell<Option<Arc<Task>>>; DEEPEST] =
        const { [const { RefCell::new(None) }; DEEPEST] };
}

/// Tasks that are polled one inside the other, as in a local set, and known all the same.
const DEEPEST: usize = 8;

/// Who calls.
#[inline]
pub(crate) fn caller() -> Caller {
    CALLER.get()
}

/// Calls `f`, which runs no code of others, with the record of who calls.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(Option<&Task>) -> R) -> R {
    if caller().task == 0 {
        return f(None);
    }
    // Who is known is there: the thread does not end in a task.
    TASKS.with(|tasks| f(tasks[DEPTH.get() - 1].borrow().as_deref()))
}

/// The record of who calls.
pub(crate) fn task() -> Option<Arc<Task>> {
    // A thread that ends drops what it has without knowing who it was.
    let at = DEPTH.get().checked_sub(1)?;
    TASKS.try_with(|tasks| tasks[at].borrow().clone()).ok().flatten()
}

/// What the calling thread itself is charged to.
pub(crate) fn region() -> Option<Arc<Region>> {
    if caller().region == 0 {
        return None;
    }
    REGION.try_with(|region| region.borrow().clone()).ok().flatten()
}

/// This thread, which polls no task that is known, is charged to a region until the value goes.
#[cfg(feature = "test")]
#[derive(Debug)]
pub(crate) struct Charged {
    before: Option<Arc<Region>>,
    caller: Caller,
}

#[cfg(feature = "test")]
impl Charged {
    pub(crate) fn to(region: &Arc<Region>) -> Self {
        let before = REGION.with(|known| known.replace(Some(Arc::clone(region))));
        Charged { before, caller: CALLER.replace(Caller { task: 0, region: region.id }) }
    }
}

#[cfg(feature = "test")]
impl Drop for Charged {
    fn drop(&mut self) {
        CALLER.set(self.caller);
        let before = self.before.take();
        drop(REGION.try_with(|known| known.replace(before)));
    }
}

/// This thread polls a task until the value goes, which puts the record back.
pub(crate) struct Entered<'r> {
    place: &'r mut Option<Arc<Task>>,
    /// Where the record is meanwhile; none where it stays, and nobody knows who calls.
    at: Option<usize>,
    caller: Caller,
}

/// Enters the task in `place`.
#[inline]
pub(crate) fn enter(place: &mut Option<Arc<Task>>) -> Entered<'_> {
    let own = place.as_ref().map_or(Caller::default(), |task| Caller {
        task: task.id,
        region: task.charged_to().map_or(0, |region| region.id),
    });
    let depth = DEPTH.get();
    let moves = |tasks: &[RefCell<_>; DEEPEST]| match tasks.get(depth) {
        Some(at) => {
            at.replace(place.take());
            DEPTH.set(depth + 1);
            Some(depth)
        }
        None => None,
    };
    // A thread that ends drops what it has without knowing who it was.
    let at = TASKS.try_with(moves).ok().flatten();
    let caller = CALLER.replace(if at.is_some() { own } else { Caller::default() });
    Entered { place, at, caller }
}

impl Entered<'_> {
    /// Calls `poll` with the waker of the task, which is borrowed.
    #[inline]
    pub(crate) fn poll<R>(&self, poll: impl FnOnce(&Waker) -> R) -> R {
        let lent = |task: &Option<Arc<Task>>| {
            let Some(task) = task else { unreachable!("a task is entered with its record") };
            poll(&waker_ref(task))
        };
        match self.at {
            Some(at) => TASKS.with(|tasks| lent(&tasks[at].borrow())),
            None => lent(self.place),
        }
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        CALLER.set(self.caller);
        if let Some(at) = self.at {
            DEPTH.set(at);
            *self.place = TASKS.try_with(|tasks| tasks[at].take()).ok().flatten();
        }
    }
}
