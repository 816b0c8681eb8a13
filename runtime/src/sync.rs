//! The one door to atomics, cells and OS locks: std's, or loom's under `cfg(loom)`.
//!
//! Invariants:
//! 1. No other file of this crate imports `std::sync::atomic`, `std::sync::Mutex` or `std::cell`.
//! 2. Store-load handshakes use [`fence`]`(SeqCst)`, since loom weakens `SeqCst` accesses.
//! 3. A [`Lock`] is held for a few instructions, never over a park and never while user code runs.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

#[cfg(not(loom))]
pub(crate) use std::cell::{Cell, RefCell, UnsafeCell};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

/// A short lock around a plain struct.
///
/// It spins, and gives the thread's time slice away now and then, in case the holder lost its own.
/// What that buys: letting go is a plain store, so a section costs one read-modify-write and not two,
/// and nothing on a hot path costs more than those.
#[cfg(not(loom))]
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(spin::mutex::SpinMutex<T, Politely>);

#[cfg(not(loom))]
impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Lock(spin::mutex::SpinMutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.0.lock()
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

/// A locked [`Lock`].
#[cfg(not(loom))]
pub(crate) type Guard<'a, T> = spin::mutex::SpinMutexGuard<'a, T, Politely>;

/// How a [`Lock`] waits.
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct Politely;

#[cfg(not(loom))]
impl spin::RelaxStrategy for Politely {
    fn relax() {
        /// Longer than a section takes whose holder runs.
        const PATIENCE: u32 = 128;
        thread_local! {
            static ROUNDS: Cell<u32> = const { Cell::new(0) };
        }
        let rounds = ROUNDS.get().wrapping_add(1);
        ROUNDS.set(rounds);
        if rounds.is_multiple_of(PATIENCE) {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}

/// Loom's, which knows who waits for whom.
#[cfg(loom)]
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(loom::sync::Mutex<T>);

#[cfg(loom)]
impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Lock(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0.lock().expect("no panic under a lock")
    }
}

/// A full fence right after a read-modify-write: on x86-64 that instruction is one already, so this
/// only keeps the compiler from reordering. Loom knows nothing of machines, so it gets the fence.
#[inline]
pub(crate) fn fence_after_rmw() {
    #[cfg(loom)]
    fence(Ordering::SeqCst);
    #[cfg(not(loom))]
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
}
