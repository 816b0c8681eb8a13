//! What a task waits for, while it does: noted when it is first found wanting, struck out when it has
//! come or is not waited for any more.
//!
//! A leaf that finds the waker of its own task leaves the known one with what it waits for (see
//! `task.rs`). Under a combinator with a waker of its own it leaves that one; its task is then seen as one
//! that somebody unseen may wake.
//!
//! Invariant: what is ready at once writes nothing and counts nothing.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use tokio::task::coop;

use crate::task::{Pending, Task, What};
use crate::{clock, current};

static TICKETS: AtomicU64 = AtomicU64::new(1);

/// A wait, from its first pending poll on.
#[derive(Debug, Default)]
pub(crate) struct Leaf {
    /// Whose, and which.
    noted: Option<(Weak<Task>, u64)>,
}

impl Leaf {
    /// Polls what the task waits for; `what` that is, is asked when it has to be waited for.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        what: impl FnOnce() -> What,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if self.noted.is_none() && current::caller().task != 0 {
            // Without a waker, which costs a count; with one it is looked at again.
            let ready = poll(&mut Context::from_waker(Waker::noop()));
            if ready.is_ready() {
                return ready;
            }
        }
        self.wait(cx, what, poll)
    }

    /// As [`Leaf::poll`], of what is known not to be ready, or hardly ever is.
    pub(crate) fn wait<T>(
        &mut self,
        cx: &mut Context<'_>,
        what: impl FnOnce() -> What,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if current::caller().task == 0 {
            self.clear();
            return poll(cx);
        }
        let task = current::task();
        let own = task.as_ref().filter(|task| task.is(cx.waker()));
        let own = own.map(|task| task.known_waker());
        let polled = match own {
            Some(waker) => poll(&mut Context::from_waker(&waker)),
            None => poll(cx),
        };
        match (&polled, task) {
            (Poll::Pending, Some(task)) => self.note(&task, what),
            (Poll::Pending, None) | (Poll::Ready(_), _) => self.clear(),
        }
        polled
    }

    fn note(&mut self, task: &Arc<Task>, what: impl FnOnce() -> What) {
        if let Some((known, ticket)) = &self.noted
            && Weak::as_ptr(known) == Arc::as_ptr(task)
        {
            return task.reach(*ticket);
        }
        self.clear();
        let ticket = TICKETS.fetch_add(1, Ordering::Relaxed);
        let (reached, since_ns) = (task.version(), clock::now_ns());
        task.note(Pending { ticket, reached, since_ns, what: what() });
        self.noted = Some((Arc::downgrade(task), ticket));
    }

    fn clear(&mut self) {
        if let Some((task, ticket)) = self.noted.take()
            && let Some(task) = task.upgrade()
        {
            task.forget(ticket);
        }
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The waker of the calling task itself, for what stands inside of a leaf and is found the known one of.
pub(crate) fn own_waker(found: &Waker) -> Option<Waker> {
    let task = current::task()?;
    task.known_waker().will_wake(found).then(|| task.as_waker())
}

/// Waits for a future of tokio's, as the caller.
pub(crate) async fn wait<F: Future>(future: F, what: impl Fn() -> What) -> F::Output {
    let mut future = pin!(future);
    let mut leaf = Leaf::default();
    std::future::poll_fn(|cx| leaf.poll(cx, &what, |cx| future.as_mut().poll(cx))).await
}

/// What can be had at once, as tokio's own futures take it: it counts as one step of the task's share, and is
/// not taken when that is used up.
#[inline]
pub(crate) fn at_once<T>(take: impl FnOnce() -> Option<T>) -> Option<T> {
    let Poll::Ready(step) = coop::poll_proceed(&mut Context::from_waker(Waker::noop())) else {
        return None;
    };
    let taken = take();
    if taken.is_some() {
        step.made_progress();
    }
    taken
}
