//! A mutex that says who has it.
//!
//! A guard is expected to stay with the task that took it: one that is given back by another makes the
//! lock's owner prove nothing from then on.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::Arc;

use tokio::sync as theirs;
use tokio::sync::TryLockError;

use crate::current::{self, Caller};
use crate::leaf;
use crate::object::{Facts, Object, Ownership, Record};
use crate::site::Place;
use crate::snapshot::{WaitOp, WaitReason};
use crate::task::{On, What};

/// [`tokio::sync::Mutex`], whose owner and waiters are known.
pub struct Mutex<T: ?Sized> {
    record: Record,
    inner: theirs::Mutex<T>,
}

/// As tokio's.
#[must_use = "dropped at once, it guards nothing"]
pub struct MutexGuard<'a, T: ?Sized> {
    // Before the lock itself: who is named as the owner has it.
    _holds: Holds<'a>,
    inner: theirs::MutexGuard<'a, T>,
}

/// As tokio's: a guard of a part of what is locked.
#[must_use = "dropped at once, it guards nothing"]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    _holds: Holds<'a>,
    inner: theirs::MappedMutexGuard<'a, T>,
}

/// A lock had alone, until it goes.
#[derive(Debug)]
pub(super) struct Holds<'a>(&'a Ownership);

impl<'a> Holds<'a> {
    pub(super) fn take(object: &'a Object, by: Caller, site: Place) -> Self {
        let Some(own) = object.ownership() else { unreachable!("only locks are had") };
        own.take(by, site);
        Holds(own)
    }
}

impl Drop for Holds<'_> {
    fn drop(&mut self) {
        self.0.give_back(current::caller());
    }
}

fn facts() -> Facts {
    Facts::Mutex(Ownership::default())
}

impl<T> Mutex<T> {
    /// As tokio's. The caller's place is where reports say that it was made.
    #[track_caller]
    pub fn new(value: T) -> Self {
        Mutex { record: Record::new(Location::caller(), facts), inner: theirs::Mutex::new(value) }
    }

    /// As tokio's.
    #[track_caller]
    pub const fn const_new(value: T) -> Self {
        let record = Record::new(Location::caller(), facts);
        Mutex { record, inner: theirs::Mutex::const_new(value) }
    }

    /// As tokio's.
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// As tokio's.
    #[track_caller]
    pub fn lock(&self) -> impl Future<Output = MutexGuard<'_, T>> {
        let site = Location::caller();
        async move {
            let (object, by) = self.record.used();
            let inner = match leaf::at_once(|| self.inner.try_lock().ok()) {
                Some(inner) => inner,
                None => leaf::wait(self.inner.lock(), || lock(object, site)).await,
            };
            MutexGuard { _holds: Holds::take(object, by, site), inner }
        }
    }

    /// As tokio's.
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        let (object, by) = self.record.used();
        let inner = self.inner.blocking_lock();
        MutexGuard { _holds: Holds::take(object, by, Location::caller()), inner }
    }

    /// As tokio's.
    ///
    /// # Errors
    /// When somebody has it.
    #[track_caller]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        let (object, by) = self.record.used();
        let inner = self.inner.try_lock()?;
        Ok(MutexGuard { _holds: Holds::take(object, by, Location::caller()), inner })
    }

    /// As tokio's.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// As tokio's.
    pub fn map<U: ?Sized>(
        this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedMutexGuard<'a, U> {
        let MutexGuard { _holds, inner } = this;
        MappedMutexGuard { _holds, inner: theirs::MutexGuard::map(inner, part) }
    }
}

fn lock(object: &Arc<Object>, site: Place) -> What {
    What { reason: WaitReason::Lock, on: On::Object(WaitOp::Lock, Arc::clone(object)), site }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

macro_rules! guards {
    ($($name:ident)*) => {$(
        impl<T: ?Sized> Deref for $name<'_, T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.inner
            }
        }

        impl<T: ?Sized> DerefMut for $name<'_, T> {
            fn deref_mut(&mut self) -> &mut T {
                &mut self.inner
            }
        }

        impl<T: ?Sized + fmt::Debug> fmt::Debug for $name<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.inner.fmt(f)
            }
        }

        impl<T: ?Sized + fmt::Display> fmt::Display for $name<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.inner.fmt(f)
            }
        }
    )*};
}

guards!(MutexGuard MappedMutexGuard);
