//! Signals: the handler of what ends a process by a fault or an abort, the one that says where a thread
//! stands, and the alternate stacks that both run on.
//!
//! The handler of SIGSEGV and SIGBUS is installed with the first worker, since tasks run on stacks that
//! nobody else can name (`docs/decisions/0004`); with the other signals that end a process by a fault it is
//! installed when the program asks for images of crashes (`docs/decisions/0012`). Whatever it does, the
//! handler that was installed before is called next, and a handler that the program installs later replaces
//! this one. That of [`interrupt`] is installed when somebody first asks (`docs/decisions/0008`), that of
//! [`hear`] for the signals that ask for something, if the program wants them answered
//! (`docs/decisions/0011`).
//!
//! Invariants:
//! 1. Between a signal and the end of its handler there is no allocation, and no lock that anybody else may
//!    hold.
//! 2. What was installed before is noted before our handler is, and never changes again.
//! 3. An alternate stack belongs to one worker's thread, which never ends; it is never unmapped.
//! 4. While a crash is captured all signals are blocked in that thread: one more fault ends the process at
//!    once, and nothing else runs on a stack that the kernel takes for free.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::{io, process, ptr};

use gleak_snapshot::Registers;
use gleak_snapshot::image::file::REGISTERS;
use once_cell::sync::OnceCell;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

use crate::machine::thread;

/// Std's own alternate stacks have 8 KiB, of which the kernel may use four for the registers.
const ALTERNATE_BYTES: usize = 64 << 10;
const GUARD_BYTES: usize = 16 << 10;
/// What ends a process by a fault or an abort, with its name.
const FATAL: [(c_int, &str); 7] = [
    (libc::SIGSEGV, "SIGSEGV"),
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGABRT, "SIGABRT"),
    (libc::SIGTRAP, "SIGTRAP"),
    (libc::SIGSYS, "SIGSYS"),
];
/// Linux reports guards by the first; the second is what std listens to as well.
const OF_GUARDS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];
/// `si_code` of a SIGBUS for memory that failed and that nobody has asked for.
const BUS_MCEERR_AO: c_int = 5;
/// `si_code` of what the processor has not said more of: a breakpoint, an address that cannot be one.
const SI_KERNEL: c_int = 128;

/// A fault of the calling thread, or a fatal signal that was sent to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) signal: c_int,
    /// Why it was sent: above zero by the kernel.
    pub(crate) code: c_int,
    /// What could not be accessed or run; nothing when the signal was sent by somebody.
    pub(crate) address: Option<usize>,
    /// The process that has sent it, when somebody has.
    pub(crate) sender: Option<i32>,
    /// Where the thread stood.
    pub(crate) registers: Registers,
    /// All of its registers, in the order of the image file.
    pub(crate) all: [u64; REGISTERS.len()],
}

impl Fault {
    /// The name of the signal.
    pub(crate) fn name(&self) -> &'static str {
        FATAL.iter().find(|(signal, _)| *signal == self.signal).map_or("", |(_, name)| name)
    }
}

/// What is done about a task that runs over the end of its stack. Runs in the handler (invariant 1).
#[derive(Clone, Copy)]
pub(crate) struct Overflow {
    /// Says what the fault was, if it is one, and whether it is.
    pub(crate) tell: fn(&Fault) -> bool,
    /// Tells the task's calls, as far as somebody can.
    pub(crate) calls: fn(&Fault),
}

/// What is done about every fatal signal. Runs in the handler (invariant 1).
#[derive(Clone, Copy)]
pub(crate) struct Capture {
    /// Keeps what there is to be known; told whether it is a task's overflow.
    pub(crate) write: fn(&Fault, bool),
    /// The handler that was there before has not left it at the default action, so the process may go on.
    pub(crate) survived: fn(),
}

type Handler = unsafe extern "C" fn(c_int);
type HandlerWithInfo = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

static OVERFLOW: OnceCell<Overflow> = OnceCell::new();
static CAPTURE: OnceCell<Capture> = OnceCell::new();
/// What was installed before, in the order of `FATAL`.
static BEFORE: [OnceCell<libc::sigaction>; FATAL.len()] = [const { OnceCell::new() }; FATAL.len()];

/// Which signals a handler is not interrupted by, besides its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blocked {
    None,
    All,
}

/// Installs the handler for overflows, once. The calling thread, a worker's, gets its alternate stack.
///
/// A refusal by the kernel costs the message alone: the process then ends without one.
pub(crate) fn protect_worker(overflow: Overflow) {
    add_alternate_stack();
    OVERFLOW.get_or_init(|| {
        for signal in OF_GUARDS {
            install(signal, Blocked::None);
        }
        overflow
    });
}

/// Installs the handler for all fatal signals, once.
pub(crate) fn capture_crashes(capture: Capture) {
    CAPTURE.get_or_init(|| {
        for (signal, _) in FATAL {
            install(signal, Blocked::All);
        }
        capture
    });
}

/// Where the earlier action of a signal is noted.
fn before(signal: c_int) -> Option<&'static OnceCell<libc::sigaction>> {
    FATAL.iter().zip(&BEFORE).find(|((known, _), _)| *known == signal).map(|(_, before)| before)
}

fn install(signal: c_int, blocked: Blocked) {
    let (Some(old), Some(before)) = (action(signal), before(signal)) else { return };
    let handler: HandlerWithInfo = on_fault;
    if old.sa_sigaction == handler as usize {
        // Ours, for overflows: it is to block more from now on.
        if blocked == Blocked::None {
            return;
        }
    } else if before.set(old).is_err() {
        // The program has installed its own since.
        return;
    }
    set_action(signal, handler as usize, libc::SA_SIGINFO | libc::SA_ONSTACK, blocked);
}

/// Puts back what was there before, unless the program has installed its own since. Of a fault std's handler
/// may make an abort: on its alternate stacks of 8 KiB there may be no room for a second frame of registers,
/// of which the kernel would make a fault. All that could be kept has been.
fn give_back(signal: c_int) {
    let handler: HandlerWithInfo = on_fault;
    if action(signal).is_some_and(|now| now.sa_sigaction == handler as usize)
        && let Some(before) = before(signal).and_then(OnceCell::get)
    {
        // SAFETY: an action that was installed, as the kernel has told it.
        unsafe { libc::sigaction(signal, ptr::from_ref(before), ptr::null_mut()) };
    }
}

/// What is installed now.
fn action(signal: c_int) -> Option<libc::sigaction> {
    let mut now = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: asks only; `now` is writable and of the right type.
    let failed = unsafe { libc::sigaction(signal, ptr::null(), now.as_mut_ptr()) };
    // SAFETY: the call has succeeded, so it has filled `now`.
    (failed == 0).then(|| unsafe { now.assume_init() })
}

fn set_action(signal: c_int, handler: usize, flags: c_int, blocked: Blocked) {
    // SAFETY: a `sigaction` of zeros is a valid one: default action, empty mask, no flags.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    if blocked == Blocked::All {
        // SAFETY: writes the mask of the action, which is ours.
        unsafe { libc::sigfillset(&raw mut action.sa_mask) };
    }
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
    // SAFETY: asks for the address of this thread's own.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: each thread has one, for as long as it lives.
    let before = unsafe { errno.read() };
    answer_fault(signal, info, context);
    // Who was interrupted may go on.
    // SAFETY: as above.
    unsafe { errno.write(before) };
}

fn answer_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let fault = fault(signal, info, context);
    let by_kernel = by_kernel(fault.code);
    let before = before(signal).and_then(OnceCell::get);
    // A fault cannot be ignored: the kernel ends the process.
    if !by_kernel && before.is_some_and(|before| before.sa_sigaction == libc::SIG_IGN) {
        return;
    }
    let overflow = by_kernel
        && OF_GUARDS.contains(&signal)
        && OVERFLOW.get().filter(|overflow| (overflow.tell)(&fault)).is_some();
    let capture = CAPTURE.get();
    if let Some(capture) = capture {
        (capture.write)(&fault, overflow);
    }
    if let Some(overflow) = OVERFLOW.get().filter(|_| overflow) {
        (overflow.calls)(&fault);
        return end_by(&fault, info);
    }
    match before {
        Some(before) if !matches!(before.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN) => {
            if capture.is_some() && by_kernel && OF_GUARDS.contains(&signal) {
                give_back(libc::SIGABRT);
            }
            call(before, signal, info, context);
            if action(signal).is_some_and(|now| now.sa_sigaction == libc::SIG_DFL) {
                // As std's does. Of a signal that somebody has sent that alone would make nothing.
                end_by(&fault, info);
            } else if let Some(capture) = capture {
                (capture.survived)();
            }
        }
        Some(_) | None => end_by(&fault, info),
    }
}

/// Lets the process end by the signal that it really was, with the registers that it really had: the
/// instruction faults again after the return, or the signal comes again then.
fn end_by(fault: &Fault, info: *mut libc::siginfo_t) {
    let Fault { signal, code, .. } = *fault;
    set_action(signal, libc::SIG_DFL, 0, Blocked::None);
    let faults_again = match signal {
        libc::SIGSEGV | libc::SIGILL | libc::SIGFPE => by_kernel(code),
        libc::SIGBUS => by_kernel(code) && code != BUS_MCEERR_AO,
        _ => false,
    };
    if faults_again {
        return;
    }
    let (process, thread) = (std::process::id(), crate::machine::thread::tid());
    // Sent with what the kernel has said, to this thread, where it is blocked until the return.
    // SAFETY: takes plain values and a valid `siginfo_t`, see `on_fault`.
    let failed =
        unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, info) };
    if failed != 0 {
        // SAFETY: takes a plain value.
        unsafe { libc::raise(signal) };
    }
}

/// Whether the signal comes from an instruction, not from somebody's `kill`.
fn by_kernel(code: c_int) -> bool {
    code > 0
}

fn fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) -> Fault {
    // SAFETY: the kernel passes a valid `siginfo_t` to a handler with `SA_SIGINFO`.
    let info = unsafe { &*info };
    let code = info.si_code;
    // SAFETY: the kernel fills in the address for what it sends itself of the signals that are handled
    // here, unless it says no more than that it was the kernel; of SIGSYS it is that of the call.
    let address =
        (by_kernel(code) && code != SI_KERNEL).then(|| unsafe { info.si_addr() } as usize);
    // SAFETY: the kernel fills in the sender for what it does not send itself.
    let sender = (!by_kernel(code)).then(|| unsafe { info.si_pid() });
    // SAFETY: the third argument of such a handler is a valid `ucontext_t`.
    let all = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    // The kernel's words for registers; their bits are the values.
    let all = all.map(|register| register as u64);
    Fault { signal, code, address, sender, registers: standing(context), all }
}

/// Takes back signals that writing to a file or a pipe has brought to this thread while they were blocked:
/// the process is to end by another one.
pub(crate) fn forget_pending_of_writes() {
    // SAFETY: a set of zeros is a valid one, and it is initialised by the next call anyhow.
    let mut set: libc::sigset_t = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: the set is ours.
    unsafe { libc::sigemptyset(&raw mut set) };
    for signal in [libc::SIGXFSZ, libc::SIGPIPE] {
        // SAFETY: as above.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // One of each may be pending.
    for _ in 0..2 {
        // SAFETY: a valid set and time; what is known of the signal is not asked for.
        unsafe { libc::sigtimedwait(&raw const set, ptr::null_mut(), &raw const at_once) };
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
        set_action(INTERRUPT, handler as usize, flags, Blocked::None);
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

/// Told of a signal that asks for something: which, and whether this process has sent it itself. Says
/// whether it is to end the process at once. Runs in the handler, under the rules of invariant 1.
pub(crate) type Hear = fn(c_int, bool) -> bool;

static HEAR: OnceCell<Hear> = OnceCell::new();
/// What was installed before for signals that are heard, by their numbers.
static BEFORE_HEARD: [OnceCell<libc::sigaction>; 32] = [const { OnceCell::new() }; 32];

/// From now on this is told of the signal, beside whoever was told before. The first one to ask is the one
/// that is told.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn hear(signal: c_int, hear: Hear) -> io::Result<()> {
    HEAR.get_or_init(|| hear);
    let old = action(signal).ok_or_else(io::Error::last_os_error)?;
    // Once: a handler that the program has installed since stays.
    if BEFORE_HEARD[signal as usize].set(old).is_ok() {
        let handler: HandlerWithInfo = on_heard;
        let flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        set_action(signal, handler as usize, flags, Blocked::None);
    }
    Ok(())
}

/// Whether nobody else has a say in what a heard signal does: its action was the default one, and nobody
/// has installed another since.
pub(crate) fn is_alone(signal: c_int) -> bool {
    let handler: HandlerWithInfo = on_heard;
    let before = BEFORE_HEARD[signal as usize].get();
    before.is_some_and(|before| before.sa_sigaction == libc::SIG_DFL)
        && action(signal).is_some_and(|now| now.sa_sigaction == handler as usize)
}

/// Ends the process by this signal, as if it had never been handled.
pub(crate) fn end_process_by(signal: c_int) -> ! {
    set_action(signal, libc::SIG_DFL, 0, Blocked::None);
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `set` is writable and of the right type; the call fills it.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: filled above; the signal is one that there is.
    unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    // SAFETY: `set` is filled; the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut()) };
    // SAFETY: takes a plain value.
    unsafe { libc::raise(signal) };
    // Somebody has installed a handler in between.
    std::process::abort()
}

extern "C" fn on_heard(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a valid `siginfo_t` to a handler with `SA_SIGINFO`.
    let info_ref = unsafe { &*info };
    // SAFETY: read only of a signal that a process has sent, which the kernel fills in then.
    let own = !by_kernel(info_ref.si_code) && unsafe { info_ref.si_pid() } as u32 == process::id();
    // In a forked child nobody listens: there it does what it did before.
    let forked = thread::is_forked();
    let ends = !forked && HEAR.get().is_some_and(|hear| hear(signal, own));
    let before = BEFORE_HEARD[signal as usize].get();
    match before.map_or(libc::SIG_DFL, |before| before.sa_sigaction) {
        libc::SIG_DFL if ends || forked && is_alone(signal) => {
            set_action(signal, libc::SIG_DFL, 0, Blocked::None);
            // It is delivered at the return.
            // SAFETY: takes a plain value.
            unsafe { libc::raise(signal) };
        }
        libc::SIG_DFL | libc::SIG_IGN => {}
        _ => before.iter().for_each(|before| call(before, signal, info, context)),
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
        protect_worker(Overflow { tell: |_| false, calls: |_| () });
        let handler: HandlerWithInfo = on_fault;
        assert_eq!(installed(), handler as usize);
        // What was there before us: std's.
        let theirs = BEFORE[1].get().expect("it was asked for").sa_sigaction;
        assert!(theirs != libc::SIG_DFL && theirs != handler as usize);
        set_action(libc::SIGBUS, libc::SIG_IGN, 0, Blocked::None);
        protect_worker(Overflow { tell: |_| false, calls: |_| () });
        assert_eq!(installed(), libc::SIG_IGN);
        set_action(
            libc::SIGBUS,
            handler as usize,
            libc::SA_SIGINFO | libc::SA_ONSTACK,
            Blocked::None,
        );
    }

    #[test]
    fn so_does_one_for_what_only_images_are_written_of() {
        let capture = Capture { write: |_, _| (), survived: || () };
        let installed = || action(libc::SIGTRAP).expect("it can be asked for").sa_sigaction;
        assert_eq!(installed(), libc::SIG_DFL, "nobody has asked for images");
        capture_crashes(capture);
        let handler: HandlerWithInfo = on_fault;
        assert_eq!(installed(), handler as usize);
        set_action(libc::SIGTRAP, libc::SIG_IGN, 0, Blocked::None);
        capture_crashes(capture);
        assert_eq!(installed(), libc::SIG_IGN);
    }

    #[test]
    fn an_interrupt_that_nobody_asked_for_goes_to_who_was_there_before() {
        static THEIRS: AtomicU32 = AtomicU32::new(0);
        extern "C" fn theirs(_: c_int) {
            THEIRS.fetch_add(1, Ordering::Relaxed);
        }
        let handler: extern "C" fn(c_int) = theirs;
        set_action(INTERRUPT, handler as usize, 0, Blocked::None);
        // Both come at once, to this thread itself.
        let me = crate::machine::thread::tid();
        assert!(interrupt(me, |_| ASKED.load(Ordering::Relaxed) != 0));
        assert_eq!(THEIRS.load(Ordering::Relaxed), 1);
        ASKED.store(1, Ordering::Relaxed);
        assert!(interrupt(me, |_| false), "the first one to ask is the one that answers");
        assert_eq!(THEIRS.load(Ordering::Relaxed), 1);
        // One that is installed later stays.
        set_action(INTERRUPT, libc::SIG_IGN, 0, Blocked::None);
        assert!(!interrupt(me, |_| true));
        assert_eq!(action(INTERRUPT).expect("it can be asked for").sa_sigaction, libc::SIG_IGN);
    }

    static ASKED: AtomicU32 = AtomicU32::new(0);
}
