//! Handles of threads: joining one, or letting it go.
//!
//! A join has two parts: the wait for the end of the thread's closure, which is one of this runtime's and
//! names the thread, and then std's own for the last steps of the thread, which is short.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;

use crate::records::statics::Site;
use crate::records::waiter::Reason;
use crate::task::error::JoinError;
use crate::task::join;

/// The right to a thread's result, as [`std::thread::JoinHandle`] is. Dropping it lets the thread go on by
/// itself.
pub struct JoinHandle<T> {
    pub(super) task: join::JoinHandle<T>,
    pub(super) os: std::thread::JoinHandle<()>,
}

impl<T> JoinHandle<T> {
    /// Waits until the thread has ended.
    ///
    /// The destructors of its thread-locals are waited for in a call of the system's, as in std: should one
    /// of them wait for the task that joins, or for another one of its worker, nobody finds that.
    ///
    /// # Errors
    /// With the payload of its panic.
    #[track_caller]
    pub fn join(self) -> std::thread::Result<T> {
        joined(self.task, self.os, Location::caller())
    }

    /// The thread, as std has it: its name, and [`unpark`](std::thread::Thread::unpark).
    #[must_use]
    pub fn thread(&self) -> &std::thread::Thread {
        self.os.thread()
    }

    /// Whether the thread's function has ended: then [`join`](JoinHandle::join) does not wait, or not for long.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// The thread's id, as reports print it: they share their numbers with tasks.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.task.id()
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("thread", &self.id()).finish_non_exhaustive()
    }
}

/// The right to the result of a scope's thread, as [`std::thread::ScopedJoinHandle`] is. Dropping it lets
/// the scope join the thread.
pub struct ScopedJoinHandle<'scope, T> {
    task: join::JoinHandle<T>,
    os: std::thread::JoinHandle<()>,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    pub(super) fn new(task: join::JoinHandle<T>, os: std::thread::JoinHandle<()>) -> Self {
        ScopedJoinHandle { task, os, scope: PhantomData }
    }

    /// As [`JoinHandle::join`]. A scope does not panic because of a thread that was joined.
    ///
    /// # Errors
    /// With the payload of its panic.
    #[track_caller]
    pub fn join(self) -> std::thread::Result<T> {
        joined(self.task, self.os, Location::caller())
    }

    /// As [`JoinHandle::thread`].
    #[must_use]
    pub fn thread(&self) -> &std::thread::Thread {
        self.os.thread()
    }

    /// As [`JoinHandle::is_finished`].
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// As [`JoinHandle::id`].
    #[must_use]
    pub fn id(&self) -> u64 {
        self.task.id()
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").field("thread", &self.id()).finish_non_exhaustive()
    }
}

fn joined<T>(
    task: join::JoinHandle<T>,
    os: std::thread::JoinHandle<()>,
    site: Site,
) -> std::thread::Result<T> {
    let outcome = task.join_for(Reason::Join, site);
    // Its own function catches every panic: what std's thread comes to says nothing.
    let _ = os.join();
    outcome.map_err(payload)
}

/// What the thread panicked with.
fn payload(error: JoinError) -> Box<dyn Any + Send> {
    error.into_panic().unwrap_or_else(|error| Box::new(error.to_string()))
}
