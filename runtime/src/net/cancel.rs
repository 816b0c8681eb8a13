//! Operations on sockets that give up when a context is done.
//!
//! An operation that is about to wait leaves its descriptor's number with the context, whose end stirs
//! whoever waits there; each of them looks at its own limits and contexts, and tries again. So there is
//! no second queue, it works for threads that wait in the kernel, and a number that belongs to another
//! descriptor by then costs one more try (`wait/descriptor.rs`).

use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;

use crate::context::{Cancelled, Context};
use crate::sync::RefCell;
use crate::task_local;
use crate::wait::descriptor::{self, Side};

task_local! {
    static CURRENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// Runs `f`, in which operations on sockets give up when `context` is done: reads and writes, accepts
/// and connects, also those inside of libraries that are given our sockets.
///
/// ```
/// use std::io::Read;
/// use std::time::Duration;
///
/// use gleak_runtime::net::{TcpListener, TcpStream, with_context};
/// use gleak_runtime::{Cancelled, Context, run, spawn};
///
/// run(|| {
///     let listener = TcpListener::bind("127.0.0.1:0").unwrap();
///     let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
///     let (context, cancel) = Context::background().with_cancel();
///     let reader = spawn(move || with_context(&context, || stream.read(&mut [0; 16])));
///     cancel.cancel();
///     let error = reader.join().unwrap().unwrap_err();
///     let why = error.get_ref().and_then(|why| why.downcast_ref::<Cancelled>());
///     assert_eq!(why, Some(&Cancelled::ByHandle));
/// });
/// ```
///
/// The error carries a [`Cancelled`]. Its kind is `TimedOut` when a deadline has passed, and `Other`
/// when the context was cancelled: `Interrupted` would make std's `read_exact` and the like try for
/// ever. An operation that has done something before is a success.
///
/// It concerns the calling task alone, not those that it spawns, nor [`blocking`](crate::blocking()) and
/// what is done by a helper: the look-up of a host name, and the wait for room at a Unix listener that
/// has too many connections. Of nested calls the innermost counts.
///
/// # Panics
/// With the panic of `f`; and where [`LocalKey::with`](crate::LocalKey::with) does.
pub fn with_context<R>(context: &Context, f: impl FnOnce() -> R) -> R {
    struct Back(Option<Context>);
    impl Drop for Back {
        fn drop(&mut self) {
            let before = self.0.take();
            // It was there when the call began; the values of a task end after its closure.
            let _ = CURRENT.try_with(|current| current.replace(before));
        }
    }
    let _back = Back(CURRENT.with(|current| current.replace(Some(context.clone()))));
    f()
}

/// Before what may do all of an operation without a wait.
///
/// # Errors
/// When the calling task's context is done.
pub(super) fn check() -> io::Result<()> {
    Cancel::here().map_or(Ok(()), |cancel| cancel.check())
}

/// The context of one operation.
pub(super) struct Cancel {
    context: Context,
    /// What the context stirs at its end.
    waits: Option<(u32, Side)>,
}

impl Cancel {
    /// The calling task's, if there is one.
    #[inline]
    pub(super) fn here() -> Option<Cancel> {
        let context = CURRENT.peek()?.borrow().clone()?;
        Some(Cancel { context, waits: None })
    }

    /// # Errors
    /// When the context is done.
    pub(super) fn check(&self) -> io::Result<()> {
        match self.context.err() {
            None => Ok(()),
            Some(why @ Cancelled::ByHandle) => Err(io::Error::other(why)),
            Some(why @ Cancelled::DeadlineExceeded) => {
                Err(io::Error::new(ErrorKind::TimedOut, why))
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        self.context.deadline_ns()
    }

    /// Before a wait: from here on the end of the context is news. True the first time: what has come
    /// before has to be looked at again.
    pub(super) fn begins_to_stir(&mut self, fd: BorrowedFd<'_>, side: Side) -> bool {
        if self.waits.is_some() {
            return false;
        }
        let waits = (descriptor::number(fd), side);
        self.context.stir_at_end(waits);
        self.waits = Some(waits);
        true
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        if let Some(waits) = self.waits {
            self.context.stir_no_more(waits);
        }
    }
}
