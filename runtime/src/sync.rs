//! The one door to atomics, cells and OS locks: std's, or loom's under `cfg(loom)`.
//!
//! Invariants:
//! 1. No other file of this crate imports `std::sync::atomic`, `std::sync::Mutex` or `std::cell`.
//! 2. Store-load handshakes use [`fence`]`(SeqCst)`, since loom weakens `SeqCst` accesses.
//! 3. A [`Lock`] is held for a few instructions, never over a park and never while user code runs;
//!    a panic under it is a bug of this crate, so poison is ignored.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};

#[cfg(not(loom))]
pub(crate) use std::cell::{Cell, RefCell, UnsafeCell};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

/// A short lock around a plain struct.
#[cfg(not(loom))]
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(Mutex<T>);

#[cfg(not(loom))]
impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Lock(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        match self.0.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}
