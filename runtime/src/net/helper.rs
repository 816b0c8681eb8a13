//! Calls that block in the kernel with no way to ask whether they would.

use std::io;
use std::sync::Arc;

use crate::machine::thread;
use crate::records::statics::Site;
use crate::records::waiter::Reason;
use crate::scheduler::current;
use crate::sync::Lock;
use crate::wait::{self, Claimed, Why};

/// Does `work`, which must not panic, on a thread of its own while the calling task is parked. A
/// thread that is no task does it itself.
///
/// # Errors
/// When no thread can be made.
pub(super) fn on_helper<T: Send + 'static>(
    site: Site,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    if current::parks_thread() {
        return Ok(work());
    }
    let who = current::get();
    let result = Arc::new(Lock::new(None));
    let why = Why { reason: Reason::Blocking, site, until: None };
    let waiting = wait::begin_bare(who, why);
    let (ticket, theirs) = (waiting.ticket(), result.clone());
    let body = move || {
        *theirs.lock() = Some(work());
        if let Some(claimed) = Claimed::by_ticket(who.reference, ticket) {
            claimed.wake();
        }
    };
    if let Err(error) = thread::start("gleak-helper".to_owned(), Box::new(body)) {
        if !waiting.cancel() {
            waiting.park().or_unwind();
        }
        return Err(error);
    }
    waiting.park().or_unwind();
    let done = result.lock().take();
    Ok(done.expect("the helper wakes after it has put the result there"))
}
