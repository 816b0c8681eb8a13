//! Futures on a task's stack: polled there, parked between the polls.

use std::panic::Location;
use std::pin::pin;
use std::task::{Context, Poll};

use crate::records::statics::Site;
use crate::records::waiter::{Current, Reason};
use crate::scheduler::current::{self, yield_now};
use crate::sync::Cell;
use crate::task::waker;
use crate::wait::{self, Why};

/// Drives a future to its end and comes back with its output.
///
/// Between the polls the task is parked, and its wait says so: "for a future", at the caller's
/// place. Outside of a task the thread sleeps. Futures that need their own executor's surroundings
/// while they are polled take [`block_on_with`].
///
/// Nothing is allocated: wakers are numbers, which may be kept for as long as one likes.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    drive(future, || (), Location::caller())
}

/// As [`block_on`], inside what `enter` makes: it is called before each poll, and its value dropped
/// after the poll, before the task parks.
///
/// For executors whose guard sits in a thread-local, such as tokio's `Handle::enter`. The guard
/// must not live over a park: tasks of one worker share its thread-locals, and two that interleave
/// would drop their guards out of order, at which tokio panics. Hence a future driven here must
/// not wait by this crate's blocking operations while it is polled.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
/// let handle = tokio.handle().clone();
/// let task = gleak_runtime::spawn(move || {
///     let sleep = async { tokio::time::sleep(std::time::Duration::from_millis(1)).await };
///     gleak_runtime::block_on_with(sleep, || handle.enter());
/// });
/// task.join().expect("no panic");
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn block_on_with<F: Future, G>(future: F, enter: impl FnMut() -> G) -> F::Output {
    drive(future, enter, Location::caller())
}

thread_local! {
    /// Wakes taken on this thread. A task stays on its thread; the takes of others that run there
    /// during a poll cost it another poll.
    static WAKES_TAKEN: Cell<u32> = const { Cell::new(0) };
}

fn drive<F: Future, G>(future: F, mut enter: impl FnMut() -> G, site: Site) -> F::Output {
    let who = current::operate();
    let waker = waker::of(who.reference());
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        let taken = WAKES_TAKEN.get();
        let entered = enter();
        let polled = future.as_mut().poll(&mut context);
        drop(entered);
        if let Poll::Ready(output) = polled {
            return output;
        }
        // One word serves all futures of a task. A `block_on` inside the poll may have taken the
        // wake of this one: then it is polled once more.
        if WAKES_TAKEN.get() == taken {
            wait_for_wake(who, site);
        }
    }
}

fn wait_for_wake(who: Current, site: Site) {
    let record = who.record;
    let note = || WAKES_TAKEN.set(WAKES_TAKEN.get().wrapping_add(1));
    if record.woken.take() {
        // It has probably woken itself, to let others run.
        note();
        yield_now();
        return;
    }
    let why = Why { reason: Reason::Future, site, until: None };
    let waiting = wait::begin_bare(who, why);
    // When it is not armed no waker can claim it, but the task may be given up.
    if record.woken.arm(record.state.load().ticket()) || !waiting.cancel() {
        waiting.park().or_unwind();
    }
    record.woken.take();
    note();
}
