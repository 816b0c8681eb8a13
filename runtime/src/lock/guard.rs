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
use crate::lock::order::{self, Asked};
use crate::lock::poison::Poison;
use crate::lock::rwlock::RwLock;
use crate::records::misuse;
use crate::records::object::{self, ObjectCell};
use crate::records::statics::Site;
use crate::records::waiter::{Current, RECORDED};
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
    /// Whether the task was panicking when it acquired: then its end poisons nothing.
    panicking: bool,
    /// The owner must be exact: guards stay with their task.
    not_send: PhantomData<*const ()>,
}

impl Holding {
    #[inline]
    fn new(owner: Current) -> Holding {
        Holding { owner, panicking: std::thread::panicking(), not_send: PhantomData }
    }

    /// The lock has been taken alone.
    #[inline]
    pub(crate) fn exclusive(owner: Current, cell: &ObjectCell, asked: Asked) -> Holding {
        let locks = &owner.record.locks;
        locks.store(locks.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        // Read again: the machine then adds in place.
        if locks.load(Ordering::Relaxed) != 1 {
            order::taken_alone(owner, cell, asked);
        }
        Holding::new(owner)
    }

    /// The lock has been taken among readers.
    pub(crate) fn shared(owner: Current, cell: &ObjectCell, site: Site, asked: Asked) -> Holding {
        object::read_begins(owner, cell.target());
        if order::is_recorded(owner) {
            order::taken_among_readers(owner, cell, site, asked);
        }
        Holding::new(owner)
    }

    /// Before the lock is released: poison, and the records.
    #[inline]
    fn end_exclusive(&self, cell: &ObjectCell, poison: &Poison) {
        if std::thread::panicking() && !self.panicking {
            poison.set(true);
        }
        self.check_owner(cell);
        let locks = &self.owner.record.locks;
        match locks.load(Ordering::Relaxed) {
            1 => locks.store(0, Ordering::Relaxed),
            count => end_among_others(self.owner, count, cell),
        }
    }

    fn end_shared(&self, cell: &ObjectCell) {
        self.check_owner(cell);
        object::read_ends(self.owner, cell.target());
        if order::is_recorded(self.owner) {
            order::let_go(self.owner, cell);
        }
    }

    #[inline]
    fn check_owner(&self, cell: &ObjectCell) {
        if !current::get().is(self.owner.record) {
            dropped_by_a_stranger(cell);
        }
    }
}

#[cold]
fn dropped_by_a_stranger(cell: &ObjectCell) {
    let Some(record) = cell.record() else { return };
    record.inexact.store(1, Ordering::Relaxed);
    // A thread at its end is no stranger: its own name went before the thread-local that held the guard.
    if let Some(who) = current::task().or_else(current::outside_if_known) {
        misuse::stranger_unlock(record, who);
    }
}

/// The owner, which has so many locks, holds others or is recorded.
#[cold]
#[inline(never)]
fn end_among_others(owner: Current, count: u32, cell: &ObjectCell) {
    order::let_go(owner, cell);
    // The owner's own word, or, when a guard was dropped elsewhere, one that is inexact anyhow.
    if count & !RECORDED != 0 {
        owner.record.locks.store(count - 1, Ordering::Relaxed);
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
    #[inline]
    fn drop(&mut self) {
        self.holding.end_exclusive(&self.lock.cell, &self.lock.poison);
        self.lock.unlock();
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        self.holding.end_exclusive(&self.lock.cell, &self.lock.poison);
        self.lock.unlock_write();
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        self.holding.end_shared(&self.lock.cell);
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
