//! The future around a task's own: it notes when that is polled, when it waits, and when it is gone.
//!
//! Invariant: the task's future is polled and dropped as the task, so that what it gives back then is given
//! back by its owner.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::task::coop;

use crate::task::Task;
use crate::{clock, current, ledger, left};

pin_project! {
    /// See the head of this file.
    pub(crate) struct Root<F> {
        #[pin]
        future: Option<F>,
        task: Option<Arc<Task>>,
    }

    impl<F> PinnedDrop for Root<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(task) = &*this.task {
                // Before it is a task that goes.
                left::drops(task);
                task.end();
            }
            // Also when the future's own drop panics.
            let leaves = Leaves(this.task);
            if this.future.is_some() {
                let _entered = current::enter(&mut *leaves.0);
                this.future.set(None);
            }
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
        Root { future: Some(future), task: Some(task) }
    }
}

impl<F: Future> Future for Root<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(task) = &*this.task else { unreachable!("it stays until the future goes") };
        if task.begin() {
            // Who goes on after a wait brings the coarse clock up to date.
            clock::now_ns();
        } else {
            left::starts(task);
        }
        let entered = current::enter(this.task);
        // A panic is told where it is known whose it is.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let Some(future) = this.future.as_mut().as_pin_mut() else {
                unreachable!("it is polled no more once it is done")
            };
            let polled = entered.poll(|waker| future.poll(&mut Context::from_waker(waker)));
            if polled.is_ready() {
                // Here it goes as the task, and what its drop says is the task's.
                this.future.set(None);
            }
            polled
        }));
        drop(entered);
        let task = this.task.as_ref().expect("it has been put back");
        match polled {
            Ok(Poll::Pending) => {
                // Nothing that counts its steps is ready without a share, so what waits may be ready.
                let gives_way = !coop::has_budget_remaining();
                task.rest(cx.waker(), gives_way, clock::now_ns());
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
            task.begin();
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
