//! OS threads made by `pthread_create`, not by std: libtest hands its output capture on through
//! `std::thread`, and a worker that outlives the test that started it must not keep it.
//!
//! Safety rests on two facts: the argument of the start routine is a `Box` given away at creation
//! and taken back exactly once there; the thread is detached, so no handle can dangle.

use std::ffi::{CString, c_void};
use std::io;

type Body = Box<dyn FnOnce() + Send>;

struct Start {
    name: String,
    body: Body,
}

/// Workers run tasks on stacks of their own, so theirs holds the loop alone.
const STACK_BYTES: usize = 1 << 20;

/// Starts a detached thread.
///
/// # Errors
/// When the system refuses one (limits on threads or memory).
pub(crate) fn start(name: String, body: Body) -> io::Result<()> {
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
    unsafe { libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), STACK_BYTES) };
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
    // A refused name is no harm: it serves people who look at the process from outside.
    if let Ok(name) = CString::new(start.name) {
        let _ = rustix::thread::set_name(&name);
    }
    // A panic cannot cross into C (`extern "C"` aborts); bodies of ours panic by a bug only.
    (start.body)();
    std::ptr::null_mut()
}

/// Kernel id of the calling thread.
pub(crate) fn tid() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs()
}
