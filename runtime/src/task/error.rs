//! How joining a task can fail.

use std::any::Any;
use std::fmt;
use std::panic::Location;

use crate::machine::stack::StackError;
use crate::task::packet::Info;
use crate::task::panic::PanicRecord;

/// Why a task has no result.
pub struct JoinError {
    task: u64,
    name: Option<Box<str>>,
    site: &'static Location<'static>,
    cause: Cause,
}

pub(crate) enum Cause {
    Panicked { payload: Box<dyn Any + Send>, record: PanicRecord },
    NotStarted(StackError),
}

impl JoinError {
    pub(crate) fn new(info: &Info, cause: Cause) -> JoinError {
        JoinError { task: info.id, name: info.name.clone(), site: info.site, cause }
    }

    /// Whether the task panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self.cause, Cause::Panicked { .. })
    }

    /// The panic's payload, to go on with it by [`std::panic::resume_unwind`].
    ///
    /// # Errors
    /// Gives the error back when the task did not panic.
    pub fn into_panic(self) -> Result<Box<dyn Any + Send>, JoinError> {
        match self.cause {
            Cause::Panicked { payload, .. } => Ok(payload),
            Cause::NotStarted(_) => Err(self),
        }
    }

    /// The stack of the panic, innermost frame first, from where it was raised to the task's
    /// entry: one resolved frame an element, `function at file:line`. Empty when the program has
    /// replaced the panic hook, or the task did not panic.
    ///
    /// Resolving names reads debug information: milliseconds.
    #[must_use]
    pub fn stack(&self) -> Vec<String> {
        match &self.cause {
            Cause::Panicked { record, .. } => {
                record.frames().iter().map(ToString::to_string).collect()
            }
            Cause::NotStarted(_) => Vec::new(),
        }
    }

    /// Where the task was spawned.
    #[must_use]
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.site
    }

    pub(crate) fn panic_record(&self) -> PanicRecord {
        match &self.cause {
            Cause::Panicked { record, .. } => record.clone(),
            // Not silent either: the task never ran.
            Cause::NotStarted(error) => PanicRecord::of_message(error.to_string()),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task t{}", self.task)?;
        if let Some(name) = &self.name {
            write!(f, " \"{name}\"")?;
        }
        write!(f, " (spawned at {}:{}) ", self.site.file(), self.site.line())?;
        match &self.cause {
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
