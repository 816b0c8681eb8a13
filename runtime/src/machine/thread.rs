//! OS threads made by `pthread_create`, not by std: libtest hands its output capture on through
//! `std::thread`, and a worker that outlives the test that started it must not keep it.
//!
//! Safety rests on two facts: the argument of the start routine is a `Box` given away at creation
//! and taken back exactly once there; the thread is detached, so no handle can dangle.
//!
//! A forked child has the calling thread alone: no worker, no monitor, and records of waits that
//! nobody will end. So from the first thread on a hook marks children, and whatever would need the
//! runtime there says so instead of waiting for ever.
//!
//! The other hook of the process, that of its exit, is here as well.

use std::ffi::{CString, c_void};
use std::io;
use std::panic::Location;
use std::sync::Once;

use crate::sync::{AtomicBool, Ordering};

type Body = Box<dyn FnOnce() + Send>;

struct Start {
    name: String,
    body: Body,
}

/// Workers run tasks on stacks of their own, so theirs holds the loop alone.
const STACK_BYTES: usize = 1 << 20;

/// Whether this process was forked from one that runs the runtime.
static FORKED: AtomicBool = AtomicBool::new(false);

pub(crate) fn is_forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// What to tell who needs the runtime in a forked child.
pub(crate) const FORKED_CHILD: &str = "this is a forked child, where the runtime does not exist: \
     only the thread that forked came along; fork before the first spawn, or start a program \
     (std::process::Command)";

/// Before an operation at `site` that needs the runtime.
///
/// # Panics
/// In a forked child.
#[inline]
pub(crate) fn assert_not_forked(site: &Location<'_>) {
    assert!(!is_forked(), "cannot wait at {site}: {FORKED_CHILD}");
}

/// An error in a forked child.
pub(crate) fn not_forked() -> io::Result<()> {
    if is_forked() { Err(io::Error::other(FORKED_CHILD)) } else { Ok(()) }
}

extern "C" fn in_forked_child() {
    FORKED.store(true, Ordering::Relaxed);
}

fn mark_forked_children() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| at_fork(in_forked_child));
}

/// Calls a function in every forked child, before whoever forked goes on there. It must do nothing but store
/// to atomics: the child of a process with threads may do no more.
pub(crate) fn at_fork(hook: extern "C" fn()) {
    // SAFETY: the hook is a function of this program, which is never unloaded, and unwinds into nobody. That
    // there is no memory for one more is no reason to run nothing: children are then not told.
    unsafe { libc::pthread_atfork(None, None, Some(hook)) };
}

/// Calls a function when the process exits: after main has returned or somebody has called `exit`, not when
/// it is killed or aborts. The calling thread's locals are gone by then.
///
/// # Errors
/// When there is no memory for it.
pub(crate) fn at_exit(hook: extern "C" fn()) -> io::Result<()> {
    // SAFETY: the hook is a function of this program, which is never unloaded, and unwinds into nobody:
    // a panic in an `extern "C"` function aborts.
    let failed = unsafe { libc::atexit(hook) };
    if failed == 0 { Ok(()) } else { Err(io::Error::from(io::ErrorKind::OutOfMemory)) }
}

/// Ends the process at once. For hooks of its exit, which must not call `exit` again.
pub(crate) fn end_process(status: u8) -> ! {
    // SAFETY: it takes a plain value and does not come back.
    unsafe { libc::_exit(i32::from(status)) }
}

/// Starts a detached thread.
///
/// # Errors
/// When the system refuses one (limits on threads or memory), and in a forked child.
pub(crate) fn start(name: String, body: Body) -> io::Result<()> {
    start_with_stack(name, STACK_BYTES, body)
}

/// As [`start`], with a stack of this size: for threads that run what is not ours.
pub(crate) fn start_with_stack(name: String, bytes: usize, body: Body) -> io::Result<()> {
    not_forked()?;
    mark_forked_children();
    let argument = Box::into_raw(Box::new(Start { name, body }));
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: `attributes` is writable memory of the right type; init succeeds before its use.
    let failed = unsafe { libc::pthread_attr_init(attributes.as_mut_ptr()) };
    if failed != 0 {
        // SAFETY: the pointer came from `Box::into_raw` above and was given to nobody.
        drop(unsafe { Box::from_raw(argument) });
        return Err(io::Error::from_raw_os_error(failed));
    }
    // SAFETY: initialised above; both calls take plain values.
    unsafe { libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), bytes) };
    // SAFETY: as above.
    unsafe {
        libc::pthread_attr_setdetachstate(attributes.as_mut_ptr(), libc::PTHREAD_CREATE_DETACHED)
    };
    let mut id = 0;
    // SAFETY: attributes are initialised; `main` matches the start routine's type and takes the
    // box back; `id` is writable.
    let failed = unsafe {
        libc::pthread_create(&mut id, attributes.as_ptr(), main, argument.cast::<c_void>())
    };
    // SAFETY: initialised above, not used afterwards.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    if failed != 0 {
        // SAFETY: no thread was made, so nobody else took the box back.
        drop(unsafe { Box::from_raw(argument) });
        return Err(io::Error::from_raw_os_error(failed));
    }
    Ok(())
}

extern "C" fn main(argument: *mut c_void) -> *mut c_void {
    // SAFETY: `start` gave this pointer away, made by `Box::into_raw` of the same type, once.
    let start = unsafe { Box::from_raw(argument.cast::<Start>()) };
    rename(start.name);
    // A panic cannot cross into C (`extern "C"` aborts); bodies of ours panic by a bug only.
    (start.body)();
    std::ptr::null_mut()
}

/// Gives the calling thread a name, of which the kernel keeps 15 bytes. A refused one is no harm:
/// it serves those who look at the process from outside.
pub(crate) fn rename(name: String) {
    if let Ok(name) = CString::new(name) {
        let _ = rustix::thread::set_name(&name);
    }
}

/// Kernel id of the calling thread.
pub(crate) fn tid() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs()
}
