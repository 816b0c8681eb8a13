//! `blocking`: closures that block an OS thread, run on a helper's while the task is parked.

use std::panic::Location;

use crate::machine::thread;
use crate::records::node::Op;
use crate::records::statics::Site;
use crate::records::waiter::Reason;
use crate::scheduler::current;
use crate::scheduler::helpers::{self, Job};
use crate::task::packet;
use crate::wait::{self, On, Why};

/// Runs `f` on a helper thread, and parks the calling task until it has ended.
///
/// For what would block the worker and with it every task that is pinned to it: file I/O, name
/// look-ups, C libraries, locks of others. `f` may borrow: nothing cuts the wait short, no timeout
/// and no cancellation. Thread-locals that it uses are the helper's; what it spawns goes to the
/// process-wide runtime, and is charged to the task's region as the helper itself is.
///
/// At most 512 helpers live at a time; further closures wait for one of them. Outside of a task,
/// inside [`hold_worker`](crate::hold_worker), while the task is panicking, or when the system
/// refuses the first helper, `f` runs where it is called.
///
/// # Panics
/// With the panic of `f`; and in a forked child.
#[track_caller]
pub fn blocking<F, R>(f: F) -> R
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    at(Location::caller(), f)
}

/// As [`blocking`], on behalf of who called at `site`.
pub(crate) fn at<F, R>(site: Site, f: F) -> R
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    thread::assert_not_forked(site);
    let task = match current::task() {
        Some(task) if !current::parks_thread() => task,
        Some(_) | None => return f(),
    };
    packet::lend(f, |lent| {
        // Published before the job is: whoever ends it finds the wait, so it needs no second look.
        let why = Why { reason: Reason::Blocking, site, until: None };
        let (waiting, _) = wait::begin(task, why, Op::Join, On::Later);
        let ticket = waiting.ticket();
        match helpers::submit(Job { lent, task, ticket }) {
            Ok(()) => {
                // Only the helper knows the ticket, so the wait ends when the job has ended.
                let _ = waiting.park();
            }
            Err(job) => {
                if !waiting.cancel() {
                    let _ = waiting.park();
                }
                job.lent.run();
            }
        }
    })
}
