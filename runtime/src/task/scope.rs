//! Scopes: tasks that may borrow from their parent, which does not go on before they have ended.
//!
//! The shape is that of [`std::thread::scope`]. Why it is sound is argued in `packet.rs`, where the
//! packets of its tasks forget their lifetimes; what holds the parent is in `lending.rs`, and who is
//! out, and the wait for them, in `loans.rs`.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;

use crate::lock::order;
use crate::records::panics::Unjoined;
use crate::scheduler::current;
use crate::task::error::JoinError;
use crate::task::join::JoinHandle;
use crate::task::lending::{Scope, lend_to_tasks};
use crate::task::loans::{self, Loans};
use crate::task::packet::packet_in;
use crate::task::panic::Unwinding;
use crate::task::spawn::{Builder, Size, SpawnError, here, queue};

/// Runs `f` with a scope in which tasks can be spawned that borrow from the caller, and waits until
/// all of them have ended.
///
/// ```
/// use gleak_runtime::{run, scope};
///
/// run(|| {
///     let mut words = vec!["a".to_owned(), "b".to_owned()];
///     let mut count = 0;
///     scope(|s| {
///         s.spawn(|| words.push("c".to_owned()));
///         s.spawn(|| count += 1);
///     });
///     assert_eq!((words.len(), count), (3, 1));
/// });
/// ```
///
/// What they borrow has to outlive the scope, and handles stay inside:
///
/// ```compile_fail,E0373
/// gleak_runtime::scope(|s| {
///     let inside = 1;
///     s.spawn(|| inside + 1); // may outlive `inside`
/// });
/// ```
/// ```compile_fail
/// let handle = gleak_runtime::scope(|s| s.spawn(|| 1)); // would outlive the scope
/// ```
/// ```compile_fail,E0505
/// let text = String::new();
/// gleak_runtime::scope(|s| {
///     s.spawn(|| text.len());
///     drop(text); // borrowed by the task
/// });
/// ```
///
/// The wait is a join of all tasks that are left, those included that they have spawned through the
/// scope. Nothing cuts it short: no timeout, no cancellation. It also takes place when `f` panics, and
/// works on any thread. Inside [`hold_worker`](crate::hold_worker), or while the caller unwinds, it
/// blocks the thread: on a runtime with one worker the tasks then never run.
///
/// # Panics
/// With `f`'s own panic. Otherwise, when a task has panicked, or could not be started, and nobody
/// has joined it, as [`std::thread::scope`] does; the message says which and why.
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let site = Location::caller();
    let loans = Arc::new(Loans::default());
    let outcome = lend_to_tasks(&loans, f, || loans.wait(site));
    conclude(&loans, outcome)
}

/// What a scope comes to whose loans are back.
///
/// # Panics
/// As [`scope`] has it.
pub(crate) fn conclude<T>(loans: &Loans, outcome: Result<T, Unwinding>) -> T {
    let panics = loans.take_panics();
    match outcome {
        Ok(value) => match panics.split_first() {
            None => value,
            Some((first, rest)) => panic!("{}", message(first, rest.len())),
        },
        Err(unwinding) => {
            loans::leave_unjoined(panics);
            unwinding.resume()
        }
    }
}

fn message(first: &Unjoined, more: usize) -> String {
    let task = &first.task;
    let name = task.name.as_ref().map_or(String::new(), |name| format!(" \"{name}\""));
    let (file, line) = (task.site.file(), task.site.line());
    let more = match more {
        0 => String::new(),
        1 => " (and 1 more)".to_owned(),
        more => format!(" (and {more} more)"),
    };
    let (id, said) = (task.id, first.panic.message());
    let noun = task.noun();
    format!("a scoped {noun} panicked: t{id}{name} (spawned at {file}:{line}): {said}{more}")
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// Runs `f` as a task of the scope. Its tasks may be given the scope and spawn in it as well.
    ///
    /// # Panics
    /// As [`spawn`](crate::spawn); [`Builder::spawn_scoped`] says so by `Err`.
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        match Builder::new().spawn_scoped(self, f) {
            Ok(handle) => handle,
            Err(error) => panic!("cannot spawn a task: {error}"),
        }
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl Builder {
    /// Runs `f` as a task of `scope` with these settings.
    ///
    /// # Errors
    /// [`SpawnError`].
    #[track_caller]
    pub fn spawn_scoped<'scope, F, T>(
        self,
        scope: &'scope Scope<'scope, '_>,
        f: F,
    ) -> Result<ScopedJoinHandle<'scope, T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let runtime = here()?;
        let (info, size) = self.scoped().prepare::<F>(runtime, Location::caller())?;
        order::born_within(info.reference, current::task().or_else(current::outside_caller));
        let sides = match size {
            Size::Small => packet_in(scope, info, f),
            Size::Large => {
                let boxed: Box<dyn FnOnce() -> T + Send + 'scope> = Box::new(f);
                packet_in(scope, info, boxed)
            }
        };
        let handle = queue(runtime, sides);
        Ok(ScopedJoinHandle { handle, scope: PhantomData })
    }
}

/// The right to the result of a scope's task. Dropping it lets the scope join the task.
///
/// It can be joined in a `select!`, as any handle.
#[derive(Debug)]
pub struct ScopedJoinHandle<'scope, T> {
    handle: JoinHandle<T>,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Waits until the task has finished.
    ///
    /// # Errors
    /// When the task panicked, or no stack could be had for it. The scope does not panic then.
    ///
    /// # Panics
    /// When an arm of a select has taken the result before.
    #[track_caller]
    pub fn join(self) -> Result<T, JoinError> {
        self.handle.join()
    }
}

impl<T> Deref for ScopedJoinHandle<'_, T> {
    type Target = JoinHandle<T>;

    fn deref(&self) -> &JoinHandle<T> {
        &self.handle
    }
}
