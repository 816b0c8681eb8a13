//! Scopes of threads: they may borrow from whoever opened the scope, who does not go on before they have ended.
//!
//! The shape is that of [`std::thread::scope`]; how the borrows are held, and the wait, is that of the scopes
//! of tasks (`task/lending.rs`, `task/loans.rs`).

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::{Builder, Scope, ScopedJoinHandle};
use crate::task::lending::lend_to_threads;
use crate::task::loans::Loans;
use crate::task::scope::conclude;

/// Calls `f` with a scope in which threads can be spawned that borrow from the caller, and waits until all of
/// them have ended, as [`std::thread::scope`] does.
///
/// ```
/// use gleak_runtime::thread;
///
/// let mut words = vec!["a".to_owned(), "b".to_owned()];
/// let mut count = 0;
/// thread::scope(|s| {
///     s.spawn(|| words.push("c".to_owned()));
///     s.spawn(|| count += 1);
/// });
/// assert_eq!((words.len(), count), (3, 1));
/// ```
///
/// What they borrow has to outlive the scope, and handles stay inside:
///
/// ```compile_fail,E0373
/// gleak_runtime::thread::scope(|s| {
///     let inside = 1;
///     s.spawn(|| inside + 1); // may outlive `inside`
/// });
/// ```
/// ```compile_fail
/// let handle = gleak_runtime::thread::scope(|s| s.spawn(|| 1)); // would outlive the scope
/// ```
/// ```compile_fail,E0505
/// let text = String::new();
/// gleak_runtime::thread::scope(|s| {
///     s.spawn(|| text.len());
///     drop(text); // borrowed by the thread
/// });
/// ```
///
/// The wait is one of this runtime's and names the threads that are left; nothing cuts it short.
///
/// # Panics
/// With `f`'s own panic. Otherwise, when a thread has panicked that nobody has joined; the message says which,
/// and what it said.
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let site = Location::caller();
    let loans = Arc::new(Loans::default());
    let outcome = lend_to_threads(&loans, f, || loans.wait(site));
    conclude(&loans, outcome)
}

impl<'scope> Scope<'scope, '_> {
    /// Runs `f` on a thread of the scope. Its threads may be given the scope and spawn in it as well.
    ///
    /// # Panics
    /// As [`spawn`](super::spawn); [`Builder::spawn_scoped`] says so by `Err`.
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        match Builder::new().spawn_scoped(self, f) {
            Ok(handle) => handle,
            Err(error) => panic!("cannot spawn a thread: {error}"),
        }
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}
