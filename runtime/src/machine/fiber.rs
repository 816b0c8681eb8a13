//! A task's stack with saved registers: make, resume, suspend. The only user of `corosensei`.
//!
//! Invariants:
//! 1. A fiber is resumed on the thread that made it, and on no other (`!Send`).
//! 2. `YIELDER` points to the yielder of the fiber that runs on this thread, whenever one does:
//!    set at a fiber's entry and again after every suspension.
//! 3. A fiber that has started and not finished is never dropped: its frames may be borrowed.
//!    `Drop` would unwind it; the worker that owns it keeps it for ever instead.

use std::arch::asm;
use std::ptr;

use corosensei::{Coroutine, CoroutineResult, Yielder};
use gleak_snapshot::Registers;

use crate::machine::stack::Stack;
use crate::sync::Cell;

thread_local! {
    static YIELDER: Cell<*const Yielder<(), ()>> = const { Cell::new(ptr::null()) };
}

/// How a resume ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Stopped {
    Suspended,
    /// It ran to its end.
    Finished,
}

/// A started or startable task body on a stack of its own.
pub(crate) struct Fiber(Coroutine<(), (), (), Stack>);

impl Fiber {
    /// `body` must not unwind: it catches what it calls.
    #[inline]
    pub(crate) fn new(stack: Stack, body: impl FnOnce() + 'static) -> Fiber {
        Fiber(Coroutine::with_stack(stack, move |yielder: &Yielder<(), ()>, ()| {
            YIELDER.set(yielder);
            body();
        }))
    }

    /// Runs it until it suspends or finishes. Not after it has finished.
    #[inline]
    pub(crate) fn resume(&mut self) -> Stopped {
        match self.0.resume(()) {
            CoroutineResult::Yield(()) => Stopped::Suspended,
            CoroutineResult::Return(()) => Stopped::Finished,
        }
    }

    /// The stack of a finished one.
    pub(crate) fn into_stack(self) -> Stack {
        self.0.into_stack()
    }
}

/// Runs a function on this stack, and comes back. It must not suspend.
pub(crate) fn on_stack(stack: &mut Stack, f: impl FnOnce()) {
    corosensei::on_stack(stack, f);
}

/// Leaves the running fiber; returns when it is resumed. Must be called on a fiber.
///
/// Inlined, as all that lies between a wait and the switch: the processor predicts returns from a
/// stack of its own, which knows nothing of ours, so after a switch each return is predicted wrong.
#[expect(clippy::inline_always, reason = "see above; measured")]
#[inline(always)]
pub(crate) fn suspend() {
    let yielder = YIELDER.get();
    assert!(!yielder.is_null(), "suspend outside of a fiber");
    // SAFETY: by invariant 2 this is the yielder of the fiber that runs here, which lives on that
    // fiber's stack for as long as the fiber runs; a fiber never changes threads (invariant 1), so
    // the value read before the switch is this fiber's after it too.
    unsafe { (*yielder).suspend(()) };
    YIELDER.set(yielder);
}

unsafe extern "C" {
    /// The library's own frame below the first of ours returns to here (its only name for it).
    static stack_init_trampoline_return: [u8; 0];
}

/// The return address below which a fiber has no frames.
pub(crate) const ROOT: *const [u8; 0] = &raw const stack_init_trampoline_return;

/// As a number.
pub(crate) fn root() -> usize {
    ROOT.addr()
}

/// Where the stack stands of the function that this is inlined into: for unwinding it from outside
/// while it is parked.
#[inline(always)]
pub(crate) fn registers() -> Registers {
    let (ip, sp, bp): (u64, u64, u64);
    // SAFETY: reads three registers, touches neither memory nor flags.
    unsafe {
        asm!(
            "lea {ip}, [rip]",
            "mov {sp}, rsp",
            "mov {bp}, rbp",
            ip = out(reg) ip,
            sp = out(reg) sp,
            bp = out(reg) bp,
            options(nomem, nostack, preserves_flags)
        );
    }
    Registers { ip, sp, bp }
}
