//! Which task this thread polls.
//!
//! Invariants:
//! 1. What is entered is left in reverse order, also by a panic.
//! 2. The strong handle on the record moves here and back: entering costs no count.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

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
    static TASK: RefCell<Option<Arc<Task>>> = const { RefCell::new(None) };
}

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
    TASK.with(|task| f(task.borrow().as_deref()))
}

/// The record of who calls.
pub(crate) fn task() -> Option<Arc<Task>> {
    // A thread that ends drops what it has without knowing who it was.
    TASK.try_with(|task| task.borrow().clone()).ok().flatten()
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
    before: Option<Arc<Task>>,
    caller: Caller,
}

/// Enters the task in `place`.
#[inline]
pub(crate) fn enter(place: &mut Option<Arc<Task>>) -> Entered<'_> {
    let own = place.as_ref().map_or(Caller::default(), |task| Caller {
        task: task.id,
        region: task.charged_to().map_or(0, |region| region.id),
    });
    let task = place.take();
    let before = TASK.try_with(|current| current.replace(task)).ok().flatten();
    Entered { place, before, caller: CALLER.replace(own) }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        CALLER.set(self.caller);
        let before = self.before.take();
        *self.place = TASK.try_with(|current| current.replace(before)).ok().flatten();
    }
}
