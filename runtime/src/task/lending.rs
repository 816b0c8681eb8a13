//! How a lender is held until what it lent is back: a closure that a helper runs, or what the tasks of
//! a scope borrow. All of it safe code; `packet.rs`, which takes the lifetimes off what is lent,
//! argues from here.
//!
//! Invariants:
//! 1. Neither a return nor an unwinding passes an [`UntilReturned`] before everything is back.
//! 2. A [`Scope`] is made in [`lend_to_tasks`] or [`lend_to_threads`] and nowhere else, around [`held`]; it
//!    counts each of its loans from before the task or thread exists.
//! 3. An [`Errand`] is back when its borrower says so, and never out again.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::records::table::Ref;
use crate::report;
use crate::sync::{AtomicBool, Lock, Ordering};
use crate::task::loans::{Loan, Loans};
use crate::task::packet::task_entry;
use crate::task::panic::{Unwinding, caught};

/// Ends the process if it goes before everything lent has been returned, which the closure tells.
pub(super) struct UntilReturned<R: Fn() -> bool>(pub(super) R);

impl<R: Fn() -> bool> Drop for UntilReturned<R> {
    fn drop(&mut self) {
        if !(self.0)() {
            report::say("gleak: a wait for what borrows from here has ended before it: aborting");
            std::process::abort();
        }
    }
}

/// A scope: tasks that are spawned through it may borrow what outlives it. See [`scope`](crate::scope).
///
/// `'scope` is the time in which its tasks run and `'env` that of what they borrow; both are invariant,
/// as in [`std::thread::Scope`].
pub struct Scope<'scope, 'env: 'scope> {
    loans: Arc<Loans>,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl Scope<'_, '_> {
    /// Counts `task` as out.
    pub(super) fn lend(&self, task: Ref) -> Loan {
        self.loans.lend(task)
    }
}

/// A scope of threads: those that are spawned through it may borrow what outlives it. See
/// [`scope`](crate::thread::scope()).
///
/// Its lifetimes are those of [`std::thread::Scope`].
pub struct ThreadScope<'scope, 'env: 'scope>(Scope<'scope, 'env>);

impl<'scope, 'env> ThreadScope<'scope, 'env> {
    /// Where its loans are counted.
    pub(crate) fn loans(&self) -> &Scope<'scope, 'env> {
        &self.0
    }
}

/// Runs `body` with a scope whose loans are `loans`, then `wait`, which must not end before all of
/// them are back; a process in which it does is aborted.
pub(crate) fn lend_to_tasks<'env, F, R>(
    loans: &Arc<Loans>,
    body: F,
    wait: impl FnOnce(),
) -> Result<R, Unwinding>
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
{
    let scope = Scope { loans: loans.clone(), scope: PhantomData, env: PhantomData };
    held(loans, || body(&scope), wait)
}

/// As [`lend_to_tasks`], for a scope of threads.
pub(crate) fn lend_to_threads<'env, F, R>(
    loans: &Arc<Loans>,
    body: F,
    wait: impl FnOnce(),
) -> Result<R, Unwinding>
where
    F: for<'scope> FnOnce(&'scope ThreadScope<'scope, 'env>) -> R,
{
    let scope = Scope { loans: loans.clone(), scope: PhantomData, env: PhantomData };
    let scope = ThreadScope(scope);
    held(loans, || body(&scope), wait)
}

/// Runs `body`, in which loans may go out, and then `wait`, after which all of them are back.
fn held<R>(loans: &Loans, body: impl FnOnce() -> R, wait: impl FnOnce()) -> Result<R, Unwinding> {
    // From before the first loan on: neither a return nor an unwinding passes here while one is out.
    let until = UntilReturned(|| loans.all_back());
    let outcome = caught(body);
    wait();
    drop(until);
    outcome
}

/// A closure lent to another thread, and then its outcome: both on the stack of the lender.
pub(super) struct Errand<F, R> {
    closure: Lock<Option<F>>,
    outcome: Lock<Option<Result<R, Unwinding>>>,
    returned: AtomicBool,
}

/// An errand, to its borrower.
pub(super) trait Borrowed: Sync {
    /// Runs the closure to its end, and catches its panic.
    fn run(&self);
    /// Set in the borrower's last access: from there on the lender may go on.
    fn returned(&self) -> &AtomicBool;
}

impl<F, R> Errand<F, R> {
    pub(super) fn new(closure: F) -> Errand<F, R> {
        Errand {
            closure: Lock::new(Some(closure)),
            outcome: Lock::new(None),
            returned: AtomicBool::new(false),
        }
    }

    pub(super) fn is_returned(&self) -> bool {
        self.returned.load(Ordering::Acquire)
    }

    /// What the closure came to.
    ///
    /// # Panics
    /// With the closure's own panic, and when it was not run.
    pub(super) fn into_value(self) -> R {
        match self.outcome.into_inner().expect("a lent closure is run before it is returned") {
            Ok(value) => value,
            Err(unwinding) => unwinding.resume(),
        }
    }
}

impl<F: FnOnce() -> R + Send, R: Send> Borrowed for Errand<F, R> {
    fn run(&self) {
        let Some(closure) = self.closure.lock().take() else { return };
        let outcome = caught(|| task_entry(closure));
        *self.outcome.lock() = Some(outcome);
    }

    fn returned(&self) -> &AtomicBool {
        &self.returned
    }
}
