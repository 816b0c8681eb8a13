//! Faults: the handler that sees a task run over the end of its stack, and the alternate stacks that
//! it runs on.
//!
//! The handler is installed with the first worker, since tasks run on stacks that nobody else can
//! name (`docs/decisions/0004`). A fault that is no overflow of a task goes to whatever was
//! installed before, and a handler that the program installs later replaces this one.
//!
//! Invariants:
//! 1. Between a fault and the end of the handler there is no allocation and no lock, and nothing is
//!    written but through [`write_error`].
//! 2. `BEFORE` is complete before our handler is installed, and never changes again.
//! 3. An alternate stack belongs to one worker's thread, which never ends; it is never unmapped.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;

use once_cell::sync::OnceCell;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

/// Std's own alternate stacks have 8 KiB, of which the kernel may use four for the registers.
const ALTERNATE_BYTES: usize = 64 << 10;
const GUARD_BYTES: usize = 16 << 10;
/// Linux reports guards by the first; the second is what std listens to as well.
const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// A fault of the calling thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// What could not be accessed.
    pub(crate) address: usize,
    /// The instruction that tried to.
    pub(crate) instruction: usize,
}

/// Says what the fault was, if it is a task's overflow, and whether it is. Runs in the handler
/// (invariant 1).
pub(crate) type Tell = fn(Fault) -> bool;

type Handler = unsafe extern "C" fn(c_int);
type HandlerWithInfo = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

static TELL: OnceCell<Tell> = OnceCell::new();
/// What was installed before, in the order of `SIGNALS`.
static BEFORE: [OnceCell<libc::sigaction>; SIGNALS.len()] =
    [const { OnceCell::new() }; SIGNALS.len()];

/// Installs the handler, once. The calling thread, a worker's, gets its alternate stack.
///
/// A refusal by the kernel costs the message alone: the process then ends without one.
pub(crate) fn protect_worker(tell: Tell) {
    add_alternate_stack();
    TELL.get_or_init(|| {
        for (before, signal) in BEFORE.iter().zip(SIGNALS) {
            install(before, signal);
        }
        tell
    });
}

fn install(before: &OnceCell<libc::sigaction>, signal: c_int) {
    let mut old = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: asks only; `old` is writable and of the right type.
    let failed = unsafe { libc::sigaction(signal, ptr::null(), old.as_mut_ptr()) };
    if failed != 0 {
        return;
    }
    // SAFETY: the call succeeded, so it has filled `old`.
    let _ = before.set(unsafe { old.assume_init() });
    let handler: HandlerWithInfo = on_fault;
    set_action(signal, handler as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
}

fn set_action(signal: c_int, handler: usize, flags: c_int) {
    // SAFETY: a `sigaction` of zeros is a valid one: default action, empty mask, no flags.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: the action is complete, and its handler is `on_fault` with the flags of its type, or
    // the default. The old action is not asked for.
    unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
}

fn add_alternate_stack() {
    let bytes = GUARD_BYTES + ALTERNATE_BYTES;
    let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: a new private anonymous mapping at an address of the kernel's choice.
    let mapped = unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), bytes, access, flags) };
    let Ok(base) = mapped else { return };
    // SAFETY: the first pages of the mapping just made, which nobody uses.
    let _ = unsafe { rustix::mm::mprotect(base, GUARD_BYTES, MprotectFlags::empty()) };
    let stack = libc::stack_t {
        ss_sp: base.wrapping_byte_add(GUARD_BYTES),
        ss_flags: 0,
        ss_size: ALTERNATE_BYTES,
    };
    // SAFETY: the memory is this thread's for ever (invariant 3), readable and writable; the thread
    // runs on its own stack now, not on an alternate one.
    unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a valid `siginfo_t` to a handler with `SA_SIGINFO`.
    let code = unsafe { (*info).si_code };
    if by_kernel(code) && TELL.get().is_some_and(|tell| tell(fault(info, context))) {
        // The instruction faults again after the return and ends the process, by the signal that
        // it really was and with the registers that it really had.
        set_action(signal, libc::SIG_DFL, 0);
        return;
    }
    pass_on(signal, info, context);
}

/// Whether the signal comes from an instruction, not from somebody's `kill`.
fn by_kernel(code: c_int) -> bool {
    code > 0
}

fn fault(info: *mut libc::siginfo_t, context: *mut c_void) -> Fault {
    // SAFETY: valid in the handler, see `on_fault`.
    let info = unsafe { &*info };
    // SAFETY: the kernel fills in the address for the signals that are handled here.
    let address = unsafe { info.si_addr() } as usize;
    // SAFETY: the third argument of such a handler is a valid `ucontext_t`.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    // The kernel's word for a register; its bits are the address.
    let instruction = context.uc_mcontext.gregs[libc::REG_RIP as usize] as usize;
    Fault { address, instruction }
}

/// Does what would have happened without us.
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let before = SIGNALS.iter().zip(&BEFORE).find(|(known, _)| **known == signal);
    let before = before.and_then(|(_, before)| before.get());
    // SAFETY: valid in the handler, see `on_fault`.
    let code = unsafe { (*info).si_code };
    match before.map(|before| (before.sa_sigaction, before.sa_flags)) {
        None | Some((libc::SIG_DFL, _)) => {
            set_action(signal, libc::SIG_DFL, 0);
            if !by_kernel(code) {
                // Nothing faults again: the signal is sent again. It is delivered at the return.
                // SAFETY: takes a plain value.
                unsafe { libc::raise(signal) };
            }
        }
        // A fault cannot be ignored: the kernel ends the process.
        Some((libc::SIG_IGN, _)) if by_kernel(code) => set_action(signal, libc::SIG_DFL, 0),
        Some((libc::SIG_IGN, _)) => {}
        Some((handler, flags)) if flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: installed with `SA_SIGINFO`, so it is a function of this type.
            let handler = unsafe { std::mem::transmute::<usize, HandlerWithInfo>(handler) };
            // SAFETY: called as the kernel would, with what the kernel gave.
            unsafe { handler(signal, info, context) };
        }
        Some((handler, _)) => {
            // SAFETY: installed without `SA_SIGINFO`, so it is a function of this type.
            let handler = unsafe { std::mem::transmute::<usize, Handler>(handler) };
            // SAFETY: called as the kernel would.
            unsafe { handler(signal) };
        }
    }
}

/// Writes to stderr without buffer or lock, as a signal handler may. A closed stderr is no reason
/// to fail.
pub(crate) fn write_error(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: `bytes` is readable for its length.
        let done = unsafe { libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(done) {
            Ok(done @ 1..) => bytes = bytes.get(done..).unwrap_or_default(),
            Ok(0) | Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action() -> usize {
        let mut now = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: asks only; `now` is writable and of the right type.
        let failed = unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), now.as_mut_ptr()) };
        assert_eq!(failed, 0);
        // SAFETY: the call succeeded, so it has filled `now`.
        unsafe { now.assume_init() }.sa_sigaction
    }

    #[test]
    fn a_handler_that_the_program_installs_later_stays() {
        protect_worker(|_| false);
        let handler: HandlerWithInfo = on_fault;
        assert_eq!(action(), handler as usize);
        // What was there before us: std's.
        let theirs = BEFORE[1].get().expect("it was asked for").sa_sigaction;
        assert!(theirs != libc::SIG_DFL && theirs != handler as usize);
        set_action(libc::SIGBUS, libc::SIG_IGN, 0);
        protect_worker(|_| false);
        assert_eq!(action(), libc::SIG_IGN);
        set_action(libc::SIGBUS, handler as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
    }
}
