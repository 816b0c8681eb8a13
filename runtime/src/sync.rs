//! The one door to atomics, cells and OS locks: std's, or loom's under `cfg(loom)`.
//!
//! Invariants:
//! 1. No other file of this crate imports `std::sync::atomic`, `std::sync::Mutex` or `std::cell`.
//! 2. Store-load handshakes use [`fence`]`(SeqCst)`, since loom weakens `SeqCst` accesses.
//! 3. A [`Lock`] is held for a few instructions, never over a park and never while user code runs;
//!    a panic under it is a bug of this crate, so poison is ignored.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};

#[cfg(not(loom))]
pub(crate) use std::cell::{Cell, RefCell, UnsafeCell};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

/// A short lock around a plain struct.
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    #[cfg(not(loom))]
    pub(crate) const fn new(value: T) -> Self {
        Lock(Mutex::new(value))
    }

    #[cfg(loom)]
    pub(crate) fn new(value: T) -> Self {
        Lock(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        match self.0.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
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
