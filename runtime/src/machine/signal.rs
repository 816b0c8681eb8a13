//! Signals: the handler that sees a task run over the end of its stack, the one that says where a thread
//! stands, and the alternate stacks that both run on.
//!
//! The handler of faults is installed with the first worker, since tasks run on stacks that nobody else can
//! name (`docs/decisions/0004`). A fault that is no overflow of a task goes to whatever was
//! installed before, and a handler that the program installs later replaces this one. That of
//! [`interrupt`] is installed when somebody first asks (`docs/decisions/0008`).
//!
//! Invariants:
//! 1. Between a signal and the end of its handler there is no allocation and no lock, and nothing is
//!    written but through [`write_error`].
//! 2. What was installed before is noted before our handler is, and never changes again.
//! 3. An alternate stack belongs to one worker's thread, which never ends; it is never unmapped.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;

use gleak_snapshot::Registers;
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
    /// Where the thread stood that tried to.
    pub(crate) registers: Registers,
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
    let Some(old) = action(signal) else { return };
    let _ = before.set(old);
    let handler: HandlerWithInfo = on_fault;
    set_action(signal, handler as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
}

/// What is installed now.
fn action(signal: c_int) -> Option<libc::sigaction> {
    let mut now = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: asks only; `now` is writable and of the right type.
    let failed = unsafe { libc::sigaction(signal, ptr::null(), now.as_mut_ptr()) };
    // SAFETY: the call has succeeded, so it has filled `now`.
    (failed == 0).then(|| unsafe { now.assume_init() })
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
    Fault { address, registers: standing(context) }
}

/// Does what would have happened without us.
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let before = SIGNALS.iter().zip(&BEFORE).find(|(known, _)| **known == signal);
    let before = before.and_then(|(_, before)| before.get());
    // SAFETY: valid in the handler, see `on_fault`.
    let code = unsafe { (*info).si_code };
    match before.map(|before| before.sa_sigaction) {
        None | Some(libc::SIG_DFL) => {
            set_action(signal, libc::SIG_DFL, 0);
            if !by_kernel(code) {
                // Nothing faults again: the signal is sent again. It is delivered at the return.
                // SAFETY: takes a plain value.
                unsafe { libc::raise(signal) };
            }
        }
        // A fault cannot be ignored: the kernel ends the process.
        Some(libc::SIG_IGN) if by_kernel(code) => set_action(signal, libc::SIG_DFL, 0),
        Some(libc::SIG_IGN) => {}
        Some(_) => {
            if let Some(before) = before {
                call(before, signal, info, context);
            }
        }
    }
}

/// Calls a handler as the kernel would, with what the kernel gave.
fn call(to: &libc::sigaction, signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let handler = to.sa_sigaction;
    if to.sa_flags & libc::SA_SIGINFO != 0 {
        // SAFETY: installed with `SA_SIGINFO`, so it is a function of this type.
        let handler = unsafe { std::mem::transmute::<usize, HandlerWithInfo>(handler) };
        // SAFETY: in the handler of that signal, whose arguments these are.
        unsafe { handler(signal, info, context) };
    } else {
        // SAFETY: installed without `SA_SIGINFO`, so it is a function of this type.
        let handler = unsafe { std::mem::transmute::<usize, Handler>(handler) };
        // SAFETY: in the handler of that signal.
        unsafe { handler(signal) };
    }
}

/// What a thread does that [`interrupt`] has reached: told where it stood, it says whether it was
/// asked. Runs in the handler, under the rules of invariant 1.
pub(crate) type Answer = fn(Registers) -> bool;

static ANSWER: OnceCell<Answer> = OnceCell::new();
/// By default ignored, also by debuggers; seldom used for what it is there for (Go takes it too).
const INTERRUPT: c_int = libc::SIGURG;
static BEFORE_INTERRUPT: OnceCell<libc::sigaction> = OnceCell::new();

/// Interrupts a thread of ours that has an alternate stack. Says whether it will be: not if it is gone,
/// and not if the program has installed a handler of its own since.
pub(crate) fn interrupt(tid: u32, answer: Answer) -> bool {
    ANSWER.get_or_init(|| {
        install_interrupt();
        answer
    });
    let handler: HandlerWithInfo = on_interrupt;
    if action(INTERRUPT).is_none_or(|now| now.sa_sigaction != handler as usize) {
        return false;
    }
    // SAFETY: takes plain values; sends to a thread of this process or fails.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), tid, INTERRUPT) };
    sent == 0
}

fn install_interrupt() {
    if let Some(old) = action(INTERRUPT) {
        let _ = BEFORE_INTERRUPT.set(old);
        let handler: HandlerWithInfo = on_interrupt;
        // Calls into the kernel that are interrupted go on, as far as the kernel can do that.
        let flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        set_action(INTERRUPT, handler as usize, flags);
    }
}

extern "C" fn on_interrupt(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    if !ANSWER.get().is_some_and(|answer| answer(standing(context)))
        && let Some(before) = BEFORE_INTERRUPT.get()
        && !matches!(before.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN)
    {
        call(before, signal, info, context);
    }
}

fn standing(context: *mut c_void) -> Registers {
    // SAFETY: the third argument of such a handler is a valid `ucontext_t`.
    let registers = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    // The kernel's words for registers; their bits are the values.
    let [ip, sp, bp] = [libc::REG_RIP, libc::REG_RSP, libc::REG_RBP]
        .map(|register| registers[register as usize] as u64);
    Registers { ip, sp, bp }
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
    use crate::sync::{AtomicU32, Ordering};

    fn installed() -> usize {
        action(libc::SIGBUS).expect("it can be asked for").sa_sigaction
    }

    #[test]
    fn a_handler_that_the_program_installs_later_stays() {
        protect_worker(|_| false);
        let handler: HandlerWithInfo = on_fault;
        assert_eq!(installed(), handler as usize);
        // What was there before us: std's.
        let theirs = BEFORE[1].get().expect("it was asked for").sa_sigaction;
        assert!(theirs != libc::SIG_DFL && theirs != handler as usize);
        set_action(libc::SIGBUS, libc::SIG_IGN, 0);
        protect_worker(|_| false);
        assert_eq!(installed(), libc::SIG_IGN);
        set_action(libc::SIGBUS, handler as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
    }

    #[test]
    fn an_interrupt_that_nobody_asked_for_goes_to_who_was_there_before() {
        static THEIRS: AtomicU32 = AtomicU32::new(0);
        extern "C" fn theirs(_: c_int) {
            THEIRS.fetch_add(1, Ordering::Relaxed);
        }
        let handler: extern "C" fn(c_int) = theirs;
        set_action(INTERRUPT, handler as usize, 0);
        // Both come at once, to this thread itself.
        let me = crate::machine::thread::tid();
        assert!(interrupt(me, |_| ASKED.load(Ordering::Relaxed) != 0));
        assert_eq!(THEIRS.load(Ordering::Relaxed), 1);
        ASKED.store(1, Ordering::Relaxed);
        assert!(interrupt(me, |_| false), "the first one to ask is the one that answers");
        assert_eq!(THEIRS.load(Ordering::Relaxed), 1);
        // One that is installed later stays.
        set_action(INTERRUPT, libc::SIG_IGN, 0);
        assert!(!interrupt(me, |_| true));
        assert_eq!(action(INTERRUPT).expect("it can be asked for").sa_sigaction, libc::SIG_IGN);
    }

    static ASKED: AtomicU32 = AtomicU32::new(0);
}
