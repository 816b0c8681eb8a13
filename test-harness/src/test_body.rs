//! A test's body as a task: how the attribute's expansion starts it, and how its end is told.
//!
//! Invariant: the end is told by a value on the body's own stack, so it is told on return and on
//! panic alike, after everything of the test function itself has been dropped.

use std::cell::RefCell;
use std::fmt::Debug;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use gleak_runtime::report::detector::{Ignore, Matcher};
use gleak_runtime::{
    Builder, CancelHandle, Context, JoinHandle, Runtime, SpawnError, report, task_local,
};

use crate::wait::Latch;

/// The handle of a body, or why there is none.
pub type Started = Result<JoinHandle<Result<(), String>>, SpawnError>;

/// What a body is started with.
#[derive(Debug)]
pub struct Start<'r> {
    pub(crate) builder: Builder,
    pub(crate) runtime: &'r Runtime,
    pub(crate) told: Arc<Told>,
}

/// What a body tells the harness.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) ended: Latch,
    current: Mutex<Vec<Ignore>>,
    /// The test's own, once it has asked for it.
    context: OnceLock<(Context, CancelHandle)>,
}

impl Told {
    /// What [`ignore_current`] was called for.
    pub(crate) fn current(&self) -> MutexGuard<'_, Vec<Ignore>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

task_local! {
    /// The test whose body this task is.
    static BODY: RefCell<Option<Arc<Told>>> = RefCell::new(None);
}

/// Makes no finding on the tasks of this test that are there now: what a test sets up and leaves to
/// the process. Their children that come later are judged. The reason is told with what was ignored.
///
/// ```no_run
/// # fn start_pool() {}
/// #[gleak_test_harness::test]
/// fn answers() {
///     start_pool();
///     gleak_test_harness::ignore_current("the pool is the process's");
/// }
/// # gleak_test_harness::verify_no_leaks!();
/// ```
///
/// # Panics
/// Outside of a test's own body: in a task that it spawned, too.
#[track_caller]
pub fn ignore_current(reason: impl Into<String>) {
    let told = of_caller().expect("`ignore_current` is for the body of a test");
    let known = report::snapshot().tasks.iter().map(|task| task.id).collect();
    told.current().push(Ignore { matcher: Matcher::Current(known), reason: reason.into() });
}

/// The context of this test: cancelled when the body has ended, also by a panic, before the clean-up
/// and the verdict. Tasks that end by it are no leak.
///
/// ```no_run
/// # use gleak_runtime::{Context, go};
/// # fn serve(_: &Context) {}
/// #[gleak_test_harness::test]
/// fn answers() {
///     let context = gleak_test_harness::context();
///     go! { serve(&context) };
/// }
/// # gleak_test_harness::verify_no_leaks!();
/// ```
///
/// # Panics
/// Outside of a test's own body: in a task that it spawned, too.
#[track_caller]
pub fn context() -> Context {
    let told = of_caller().expect("`context` is for the body of a test");
    // Not in a closure: the context is made where this is called.
    let made = match told.context.get() {
        Some(made) => made,
        None => {
            let fresh = Context::background().with_cancel();
            told.context.get_or_init(|| fresh)
        }
    };
    made.0.clone()
}

/// Of the test whose body the caller is.
pub(crate) fn of_caller() -> Option<Arc<Told>> {
    BODY.try_with(|body| body.borrow().clone()).ok().flatten()
}

impl Start<'_> {
    /// For [`run`].
    #[must_use]
    pub fn end(&self) -> End {
        End(Arc::clone(&self.told))
    }

    /// Spawns the body. It is a closure of the caller's, so that reports name the test, not us.
    ///
    /// # Errors
    /// Those of the spawn.
    #[track_caller]
    pub fn spawn(self, body: impl FnOnce() -> Result<(), String> + Send + 'static) -> Started {
        self.builder.spawn_in(self.runtime, body)
    }

    /// As [`Start::spawn`], for a body that is written down elsewhere: the `F` at this place.
    pub(crate) fn spawn_for<F>(
        self,
        place: &'static Location<'static>,
        body: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> Started {
        self.builder.wrapping::<F>().placed(place).spawn_in(self.runtime, body)
    }
}

/// Cancels the test's context when dropped, and tells the harness that the body has ended.
#[derive(Debug)]
pub struct End(pub(crate) Arc<Told>);

impl Drop for End {
    fn drop(&mut self) {
        if let Some((_, context)) = self.0.context.get() {
            context.cancel();
        }
        self.0.ended.set();
        Runtime::notify();
    }
}

/// Runs the test function.
///
/// # Errors
/// The test's own, as text.
#[inline(never)]
pub fn run<R: Outcome>(end: End, test: impl FnOnce() -> R) -> Result<(), String> {
    BODY.with(|body| *body.borrow_mut() = Some(Arc::clone(&end.0)));
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

/// A message as it stands.
pub(crate) struct Raw(pub(crate) Result<(), String>);

impl Outcome for Raw {
    fn into_result(self) -> Result<(), String> {
        self.0
    }
}

impl<E: Debug> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|error| format!("{error:?}"))
    }
}
