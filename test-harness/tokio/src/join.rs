//! Handles of tasks: joining and aborting.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tokio::task::{self as theirs, Id, JoinError};

use crate::leaf::Leaf;
use crate::ledger;
use crate::snapshot::WaitReason;
use crate::task::{Named, On, What};

/// [`tokio::task::JoinHandle`]. That it was dropped is a fact of reports, which name the place that awaits
/// it.
pub struct JoinHandle<T> {
    inner: theirs::JoinHandle<T>,
    task: Named,
    leaf: Leaf,
}

/// [`tokio::task::AbortHandle`]. While there is one, no wait for the end of its task is certain.
pub struct AbortHandle {
    inner: theirs::AbortHandle,
    task: Named,
}

impl<T> JoinHandle<T> {
    pub(crate) fn new(inner: theirs::JoinHandle<T>, task: Named) -> Self {
        JoinHandle { inner, task, leaf: Leaf::default() }
    }

    /// As tokio's.
    pub fn abort(&self) {
        about_to_abort(self.task);
        self.inner.abort();
    }

    /// As tokio's.
    #[must_use]
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(self.inner.abort_handle(), self.task)
    }

    /// As tokio's.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.inner.is_finished()
    }

    /// As tokio's.
    #[must_use]
    pub fn id(&self) -> Id {
        self.inner.id()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let site = Location::caller();
        let JoinHandle { inner, task, leaf } = self.get_mut();
        let what = || What { reason: WaitReason::Join, on: On::Task(task.id), site };
        let polled = match inner.is_finished() {
            true => Pin::new(inner).poll(cx),
            false => leaf.wait(cx, what, |cx| Pin::new(&mut *inner).poll(cx)),
        };
        if let Poll::Ready(Err(error)) = &polled {
            seen(task.id, error);
        }
        polled
    }
}

/// A task that is to be aborted goes on, if only to its end.
pub(crate) fn about_to_abort(task: Named) {
    if let Some(task) = ledger::find(task) {
        task.abort();
    }
}

/// Somebody has learnt how a task ended.
pub(crate) fn seen(task: u64, error: &JoinError) {
    if error.is_panic() {
        ledger::has_seen(task);
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if !self.inner.is_finished()
            && let Some(task) = ledger::find(self.task)
        {
            task.detach();
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.inner.id()).finish_non_exhaustive()
    }
}

impl AbortHandle {
    pub(crate) fn new(inner: theirs::AbortHandle, task: Named) -> Self {
        if let Some(task) = ledger::find(task) {
            task.aborters().fetch_add(1, Ordering::SeqCst);
        }
        AbortHandle { inner, task }
    }

    /// As tokio's.
    pub fn abort(&self) {
        about_to_abort(self.task);
        self.inner.abort();
    }

    /// As tokio's.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.inner.is_finished()
    }

    /// As tokio's.
    #[must_use]
    pub fn id(&self) -> Id {
        self.inner.id()
    }
}

impl Clone for AbortHandle {
    fn clone(&self) -> Self {
        AbortHandle::new(self.inner.clone(), self.task)
    }
}

impl Drop for AbortHandle {
    fn drop(&mut self) {
        if let Some(task) = ledger::find(self.task) {
            task.aborters().fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.inner.id()).finish_non_exhaustive()
    }
}
