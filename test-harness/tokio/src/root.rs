//! The future around a task's own: it notes when that is polled, when it waits, and when it is gone.
//!
//! Invariant: the task's future is polled and dropped as the task, so that what it gives back then is given
//! back by its owner.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

use crate::task::Task;
use crate::{clock, current, ledger, left};

pin_project! {
    /// See the head of this file.
    pub(crate) struct Root<F> {
        #[pin]
        future: Option<F>,
        task: Option<Arc<Task>>,
        waker: Option<Waker>,
    }

    impl<F> PinnedDrop for Root<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _dropping = this.task.as_ref().map(|task| left::drops(task));
            *this.waker = None;
            // Also when the future's own drop panics.
            let leaves = Leaves(this.task);
            let _entered = current::enter(&mut *leaves.0);
            this.future.set(None);
        }
    }
}

/// Strikes a task out of the ledger when it goes.
struct Leaves<'r>(&'r mut Option<Arc<Task>>);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        if let Some(task) = self.0.as_ref() {
            ledger::leave(task);
        }
    }
}

impl<F> Root<F> {
    pub(crate) fn new(future: F, task: Arc<Task>) -> Self {
        Root { future: Some(future), task: Some(task), waker: None }
    }
}

impl<F: Future> Future for Root<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let (Some(future), Some(task)) = (this.future.as_pin_mut(), this.task.as_ref()) else {
            unreachable!("its future goes when it does");
        };
        let watched = left::polls(task, cx.waker());
        task.begin(watched.as_ref().unwrap_or_else(|| cx.waker()));
        if this.waker.is_some() {
            // Who goes on after a wait brings the coarse clock up to date.
            clock::now_ns();
        }
        let waker = this.waker.get_or_insert_with(|| task.as_waker());
        let entered = current::enter(this.task);
        // A panic is told where it is known whose it is.
        let polled =
            catch_unwind(AssertUnwindSafe(|| future.poll(&mut Context::from_waker(waker))));
        drop(entered);
        let task = this.task.as_ref().expect("it has been put back");
        match polled {
            Ok(Poll::Pending) => {
                task.rest(clock::now_ns());
                Poll::Pending
            }
            Ok(ready) => ready,
            Err(payload) => {
                ledger::panicked(task, message(&*payload));
                resume_unwind(payload)
            }
        }
    }
}

/// A closure that runs as a task; what is struck out when that goes, also when it never runs.
#[derive(Debug)]
pub(crate) struct Blocking {
    task: Option<Arc<Task>>,
}

impl Blocking {
    pub(crate) fn new(task: Arc<Task>) -> Self {
        Blocking { task: Some(task) }
    }

    pub(crate) fn run<R>(mut self, work: impl FnOnce() -> R) -> R {
        if let Some(task) = &self.task {
            task.begin(Waker::noop());
        }
        let entered = current::enter(&mut self.task);
        let outcome = catch_unwind(AssertUnwindSafe(work));
        drop(entered);
        match (outcome, &self.task) {
            (Ok(value), _) => value,
            (Err(payload), task) => {
                if let Some(task) = task {
                    ledger::panicked(task, message(&*payload));
                }
                resume_unwind(payload)
            }
        }
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            ledger::leave(&task);
        }
    }
}

/// What a panic says.
pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "(a payload that is not text)".to_owned())
}
