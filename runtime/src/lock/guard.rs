//! Access to what a lock protects: the only place where its cell is opened.
//!
//! Invariants:
//! 1. A `MutexGuard` or `RwLockWriteGuard` exists only while its lock's state says that it is taken
//!    alone, and there is one at most; a `RwLockReadGuard` only while the state counts it as a
//!    reader, and then no other kind exists.
//! 2. Guards are made by the lock's own methods after they acquired, and release in `Drop` alone.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::lock::mutex::Mutex;
use crate::lock::poison::Poison;
use crate::lock::rwlock::RwLock;
use crate::records::object::{Mode, ObjectCell, unhold};
use crate::records::waiter::Current;
use crate::scheduler::current;
use crate::sync::{Ordering, UnsafeCell};

/// What a lock protects.
pub(crate) struct Guarded<T: ?Sized>(UnsafeCell<T>);

impl<T> Guarded<T> {
    pub(crate) const fn new(value: T) -> Self {
        Guarded(UnsafeCell::new(value))
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> Guarded<T> {
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }
}

// SAFETY: the value is reached through a guard only, one at a time (invariant 1), from whatever
// thread locks; so it is as if it were sent there.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
// SAFETY: as above, and readers on several threads share it: hence `T: Sync` too.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

/// Who holds a guard, and what else it needs to let go.
pub(crate) struct Holding {
    owner: Current,
    mode: Mode,
    /// Whether the task was panicking when it acquired: then its end poisons nothing.
    panicking: bool,
    /// The owner must be exact: guards stay with their task.
    not_send: PhantomData<*const ()>,
}

impl Holding {
    pub(crate) fn new(owner: Current, mode: Mode) -> Holding {
        let panicking = std::thread::panicking();
        Holding { owner, mode, panicking, not_send: PhantomData }
    }

    /// Before the lock is released: poison, and the records.
    fn end(&self, cell: &ObjectCell, poison: Option<&Poison>) {
        if let (Some(poison), false, true) = (poison, self.panicking, std::thread::panicking()) {
            poison.set(true);
        }
        if !current::get().is(self.owner.record)
            && let Some(record) = cell.record()
        {
            record.inexact.store(1, Ordering::Relaxed);
        }
        unhold(self.owner, cell.target(), self.mode);
    }
}

/// The right to use what a [`Mutex`] protects.
#[must_use = "dropping the guard unlocks"]
pub struct MutexGuard<'a, T: ?Sized> {
    pub(crate) lock: &'a Mutex<T>,
    pub(crate) holding: Holding,
}

/// The right to change what a [`RwLock`] protects.
#[must_use = "dropping the guard unlocks"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    pub(crate) lock: &'a RwLock<T>,
    pub(crate) holding: Holding,
}

/// The right to read what a [`RwLock`] protects.
#[must_use = "dropping the guard unlocks"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    pub(crate) lock: &'a RwLock<T>,
    pub(crate) holding: Holding,
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.holding.end(&self.lock.cell, Some(&self.lock.poison));
        self.lock.unlock();
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        self.holding.end(&self.lock.cell, Some(&self.lock.poison));
        self.lock.unlock_write();
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        self.holding.end(&self.lock.cell, None);
        self.lock.unlock_read();
    }
}

macro_rules! access {
    ($guard:ident) => {
        impl<T: ?Sized> Deref for $guard<'_, T> {
            type Target = T;
            fn deref(&self) -> &T {
                // SAFETY: invariant 1: while this guard lives nobody can change the value but
                // through it.
                unsafe { &*self.lock.value.0.get() }
            }
        }

        impl<T: ?Sized + fmt::Debug> fmt::Debug for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<T: ?Sized + fmt::Display> fmt::Display for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
    };
    (mut $guard:ident) => {
        impl<T: ?Sized> DerefMut for $guard<'_, T> {
            fn deref_mut(&mut self) -> &mut T {
                // SAFETY: invariant 1: there is one guard, and it is borrowed for the change.
                unsafe { &mut *self.lock.value.0.get() }
            }
        }
    };
}

access!(MutexGuard);
access!(RwLockWriteGuard);
access!(RwLockReadGuard);
access!(mut MutexGuard);
access!(mut RwLockWriteGuard);
