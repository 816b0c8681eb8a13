//! A test's body as a task: how the attribute's expansion starts it, and how its end is told.
//!
//! Invariant: the end is told by a value on the body's own stack, so it is told on return and on
//! panic alike, after everything of the test function itself has been dropped.

use std::fmt::Debug;
use std::sync::Arc;

use gleak_runtime::{Builder, JoinHandle, Runtime, SpawnError};

use crate::wait::Latch;

/// The handle of a body, or why there is none.
pub type Started = Result<JoinHandle<Result<(), String>>, SpawnError>;

/// What a body is started with.
#[derive(Debug)]
pub struct Start<'r> {
    pub(crate) builder: Builder,
    pub(crate) runtime: &'r Runtime,
    pub(crate) ended: Arc<Latch>,
}

impl Start<'_> {
    /// For [`run`].
    #[must_use]
    pub fn end(&self) -> End {
        End(Arc::clone(&self.ended))
    }

    /// Spawns the body. It is a closure of the caller's, so that reports name the test, not us.
    ///
    /// # Errors
    /// Those of the spawn.
    #[track_caller]
    pub fn spawn(self, body: impl FnOnce() -> Result<(), String> + Send + 'static) -> Started {
        self.builder.spawn_in(self.runtime, body)
    }
}

/// Tells the harness, when dropped, that the body has ended.
#[derive(Debug)]
pub struct End(Arc<Latch>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.set();
        Runtime::notify();
    }
}

/// Runs the test function.
///
/// # Errors
/// The test's own, as text.
#[inline(never)]
pub fn run<R: Outcome>(end: End, test: fn() -> R) -> Result<(), String> {
    let _end = end;
    test().into_result()
}

/// What a test may return: `()`, or a `Result<(), E>` whose error can be printed.
#[diagnostic::on_unimplemented(
    message = "a test returns `()` or `Result<(), E>` with `E: Debug`, not `{Self}`",
    label = "not what a test returns"
)]
pub trait Outcome {
    /// The error, if there is one, as `{:?}` prints it.
    ///
    /// # Errors
    /// The test's own.
    fn into_result(self) -> Result<(), String>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Debug> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|error| format!("{error:?}"))
    }
}
