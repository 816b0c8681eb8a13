//! Poison: a task panicked while it held a lock, so what the lock protects may be half changed.

use std::sync::{LockResult, PoisonError};

use crate::sync::{AtomicBool, Ordering};

/// Whether a lock is poisoned. Relaxed: it is written before the lock is released and read after it
/// is taken, and the lock orders the two.
#[derive(Debug)]
pub(crate) struct Poison(AtomicBool);

impl Poison {
    pub(crate) const fn new() -> Poison {
        Poison(AtomicBool::new(false))
    }

    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, poisoned: bool) {
        self.0.store(poisoned, Ordering::Relaxed);
    }

    /// What std's locks come back with.
    #[inline]
    pub(crate) fn wrap<G>(&self, guard: G) -> LockResult<G> {
        wrap(self.is_set(), guard)
    }
}

#[inline]
pub(crate) fn wrap<G>(poisoned: bool, guard: G) -> LockResult<G> {
    if poisoned { Err(PoisonError::new(guard)) } else { Ok(guard) }
}
