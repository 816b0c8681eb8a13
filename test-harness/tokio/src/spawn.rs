//! Spawning: tokio's functions, with a record of who spawned what, and where.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::join::JoinHandle;
use crate::root::{Blocking, Root};
use crate::site::Place;
use crate::task::{Identity, Kind, Origin, Said, Task};
use crate::{hooks, ledger};

/// As [`tokio::spawn`]. The task is charged to the test or guard of who spawns it.
///
/// # Panics
/// Outside of a runtime, as tokio's.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Builder::new().spawn(future)
}

/// As [`spawn`], of a task that may outlive the test or guard that it comes from, and is charged to nobody:
/// what a test sets up and leaves to the process. So are the tasks that it spawns.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn spawn_background<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Builder::new().background().spawn(future)
}

/// As [`tokio::task::spawn_local`].
///
/// # Panics
/// Outside of a local set, as tokio's.
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    Builder::new().spawn_local(future)
}

/// As [`tokio::task::spawn_blocking`].
///
/// # Panics
/// Outside of a runtime, as tokio's.
#[track_caller]
pub fn spawn_blocking<F, R>(work: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Builder::new().spawn_blocking(work)
}

/// Says more of a task before it is spawned.
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is spawned by it alone"]
pub struct Builder {
    said: Option<Box<Said>>,
    background: bool,
}

impl Builder {
    /// Nothing more.
    pub fn new() -> Self {
        Builder::default()
    }

    /// Names it in reports.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.said.get_or_insert_default().name = Some(name.into());
        self
    }

    /// Adds a label.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let labels = &mut self.said.get_or_insert_default().labels;
        labels.push((key.into(), value.into()));
        labels.sort();
        self
    }

    /// It may outlive what it would be charged to: see [`spawn_background`].
    pub fn background(mut self) -> Self {
        self.background = true;
        self
    }

    /// As [`spawn`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = self.enter::<F>(Kind::Spawned, Location::caller());
        let named = task.named();
        JoinHandle::new(hooks::wrapped(|| tokio::spawn(Root::new(future, task))), named)
    }

    /// As [`spawn`], on another runtime.
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = self.enter::<F>(Kind::Elsewhere, Location::caller());
        let named = task.named();
        JoinHandle::new(hooks::wrapped(|| handle.spawn(Root::new(future, task))), named)
    }

    /// As [`spawn_local`].
    ///
    /// # Panics
    /// Outside of a local set.
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let task = self.enter::<F>(Kind::Local, Location::caller());
        let named = task.named();
        JoinHandle::new(tokio::task::spawn_local(Root::new(future, task)), named)
    }

    /// As [`spawn_blocking`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F, R>(self, work: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let task = self.enter::<F>(Kind::Blocking, Location::caller());
        let named = task.named();
        let root = Blocking::new(task);
        JoinHandle::new(tokio::task::spawn_blocking(move || root.run(work)), named)
    }

    /// The record of a task that runs an `F`.
    pub(crate) fn enter<F>(self, kind: Kind, site: Place) -> Arc<Task> {
        let origin = Origin { site, entry: std::any::type_name::<F>() };
        let Builder { said, background } = self;
        ledger::enter(Identity { kind, origin, said, background })
    }
}
