//! How joining a task can fail.
//!
//! The error is `Sync`, as what goes into `Box<dyn Error + Send + Sync>` must be. A payload is not: so
//! it lies in a lock that nobody takes, and leaves it only with the whole error.

use std::any::Any;
use std::fmt;
use std::panic::Location;

use crate::machine::stack::StackError;
use crate::records::panics::Told;
use crate::sync::Lock;
use crate::task::panic::PanicRecord;

/// Why a task has no result.
pub struct JoinError(Box<Failure>);

// In a box: it is rare, and the place of a result in every task's packet would be as large.
struct Failure {
    task: Told,
    cause: Cause,
}

pub(crate) enum Cause {
    Panicked { payload: Lock<Box<dyn Any + Send>>, record: PanicRecord },
    NotStarted(StackError),
}

impl Cause {
    pub(crate) fn panicked(payload: Box<dyn Any + Send>, record: PanicRecord) -> Cause {
        Cause::Panicked { payload: Lock::new(payload), record }
    }
}

impl JoinError {
    pub(crate) fn new(task: Told, cause: Cause) -> JoinError {
        JoinError(Box::new(Failure { task, cause }))
    }

    fn panic(&self) -> Option<&PanicRecord> {
        match &self.0.cause {
            Cause::Panicked { record, .. } => Some(record),
            Cause::NotStarted(_) => None,
        }
    }

    /// Whether the task panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        self.panic().is_some()
    }

    /// The panic's payload, to go on with it by [`std::panic::resume_unwind`].
    ///
    /// # Errors
    /// Gives the error back when the task did not panic.
    pub fn into_panic(self) -> Result<Box<dyn Any + Send>, JoinError> {
        match *self.0 {
            Failure { cause: Cause::Panicked { payload, .. }, .. } => Ok(payload.into_inner()),
            failure => Err(JoinError(Box::new(failure))),
        }
    }

    /// What the panic said; of a payload that is not text, that it is none. None when the task did not
    /// panic.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.panic().map(PanicRecord::message)
    }

    /// Where it panicked: file, line and column. None when the program has replaced the panic hook, or
    /// the task did not panic, or only went on with a panic by [`std::panic::resume_unwind`].
    #[must_use]
    pub fn panicked_at(&self) -> Option<(&str, u32, u32)> {
        let (file, line, column) = self.panic()?.site()?;
        Some((file, *line, *column))
    }

    /// The stack of the panic, innermost frame first, from where it was raised to the task's
    /// entry: one resolved frame an element, `function at file:line`. Empty when the program has
    /// replaced the panic hook, or the task did not panic.
    ///
    /// Resolving names reads debug information: milliseconds.
    #[must_use]
    pub fn stack(&self) -> Vec<String> {
        let frames = self.panic().map_or(&[][..], PanicRecord::frames);
        frames.iter().map(ToString::to_string).collect()
    }

    /// Where the task was spawned.
    #[must_use]
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.0.task.site
    }

    /// Whom it is of, and what is to be kept of it when nobody joins.
    pub(crate) fn record(&self) -> (Told, PanicRecord) {
        let Failure { task, cause } = &*self.0;
        let record = match cause {
            Cause::Panicked { record, .. } => record.clone(),
            // Not silent either: the task never ran.
            Cause::NotStarted(error) => PanicRecord::of_message(error.to_string()),
        };
        (task.clone(), record)
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = &self.0.task;
        write!(f, "{} t{}", task.noun(), task.id)?;
        if let Some(name) = &task.name {
            write!(f, " \"{name}\"")?;
        }
        write!(f, " (spawned at {}:{}) ", task.site.file(), task.site.line())?;
        match &self.0.cause {
            Cause::Panicked { record, .. } => write!(f, "panicked: {}", record.message()),
            Cause::NotStarted(error) => write!(f, "was not started: {error}"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}
