//! A reader-writer lock that says who has it, alone or among readers.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync as theirs;
use tokio::sync::TryLockError;

use super::mutex::Holds;
use crate::current::{self, Caller};
use crate::leaf;
use crate::object::{Facts, Object, Ownership, Readers, Record};
use crate::site::Place;
use crate::snapshot::{WaitOp, WaitReason};
use crate::task::{On, What};

/// [`tokio::sync::RwLock`], whose owners and waiters are known.
pub struct RwLock<T: ?Sized> {
    record: Record,
    inner: theirs::RwLock<T>,
}

/// As tokio's.
#[must_use = "dropped at once, it guards nothing"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    // Before the lock itself, as for a mutex.
    _shares: Shares<'a>,
    inner: theirs::RwLockReadGuard<'a, T>,
}

/// As tokio's.
#[must_use = "dropped at once, it guards nothing"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    _holds: Holds<'a>,
    inner: theirs::RwLockWriteGuard<'a, T>,
}

/// A lock shared, until it goes.
#[derive(Debug)]
struct Shares<'a> {
    own: &'a Ownership,
    readers: &'a Readers,
    by: u64,
}

/// Somebody waits to have the lock alone, until it goes.
struct Queued<'a>(&'a AtomicU64);

impl<'a> Queued<'a> {
    fn among(readers: &'a Readers) -> Self {
        readers.writers.fetch_add(1, Ordering::SeqCst);
        Queued(&readers.writers)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<'a> Shares<'a> {
    fn take(object: &'a Object, by: Caller) -> Self {
        let (Some(own), Some(readers)) = (object.ownership(), object.readers()) else {
            unreachable!("only such locks are shared")
        };
        readers.enter(by.task);
        Shares { own, readers, by: by.task }
    }
}

impl Drop for Shares<'_> {
    fn drop(&mut self) {
        if current::caller().task != self.by {
            self.own.is_inexact();
        }
        self.readers.leave(self.by);
    }
}

fn facts() -> Facts {
    Facts::RwLock(Ownership::default(), Readers::default())
}

impl<T> RwLock<T> {
    /// As tokio's. The caller's place is where reports say that it was made.
    #[track_caller]
    pub fn new(value: T) -> Self {
        RwLock { record: Record::new(Location::caller(), facts), inner: theirs::RwLock::new(value) }
    }

    /// As tokio's.
    #[track_caller]
    pub const fn const_new(value: T) -> Self {
        let record = Record::new(Location::caller(), facts);
        RwLock { record, inner: theirs::RwLock::const_new(value) }
    }

    /// As tokio's.
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// As tokio's.
    #[track_caller]
    pub fn read(&self) -> impl Future<Output = RwLockReadGuard<'_, T>> {
        let site = Location::caller();
        async move {
            let (object, by) = self.record.used();
            let (reason, op) = (WaitReason::ReadLock, WaitOp::ReadLock);
            let inner = match leaf::at_once(|| self.inner.try_read().ok()) {
                Some(inner) => inner,
                None => leaf::wait(self.inner.read(), || what(reason, op, object, site)).await,
            };
            RwLockReadGuard { _shares: Shares::take(object, by), inner }
        }
    }

    /// As tokio's.
    #[track_caller]
    pub fn write(&self) -> impl Future<Output = RwLockWriteGuard<'_, T>> {
        let site = Location::caller();
        async move {
            let (object, by) = self.record.used();
            let (reason, op) = (WaitReason::WriteLock, WaitOp::Lock);
            let inner = match leaf::at_once(|| self.inner.try_write().ok()) {
                Some(inner) => inner,
                None => {
                    // Counted as a waiter before it is one, and until it is none: readers that wait are
                    // only behind writers that are all known.
                    let _queued = object.readers().map(Queued::among);
                    leaf::wait(self.inner.write(), || what(reason, op, object, site)).await
                }
            };
            RwLockWriteGuard { _holds: Holds::take(object, by, site), inner }
        }
    }

    /// As tokio's.
    ///
    /// # Errors
    /// When somebody has it alone, or waits for that.
    #[track_caller]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        let (object, by) = self.record.used();
        let inner = self.inner.try_read()?;
        Ok(RwLockReadGuard { _shares: Shares::take(object, by), inner })
    }

    /// As tokio's.
    ///
    /// # Errors
    /// When somebody has it.
    #[track_caller]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        let (object, by) = self.record.used();
        let inner = self.inner.try_write()?;
        Ok(RwLockWriteGuard { _holds: Holds::take(object, by, Location::caller()), inner })
    }

    /// As tokio's.
    ///
    /// # Panics
    /// In a task of a runtime, as tokio's.
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        let (object, by) = self.record.used();
        let inner = self.inner.blocking_read();
        RwLockReadGuard { _shares: Shares::take(object, by), inner }
    }

    /// As tokio's.
    ///
    /// # Panics
    /// In a task of a runtime, as tokio's.
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        let (object, by) = self.record.used();
        let inner = {
            let _queued = object.readers().map(Queued::among);
            self.inner.blocking_write()
        };
        RwLockWriteGuard { _holds: Holds::take(object, by, Location::caller()), inner }
    }

    /// As tokio's.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }
}

fn what(reason: WaitReason, op: WaitOp, object: &Arc<Object>, site: Place) -> What {
    What { reason, on: On::Object(op, Arc::clone(object)), site }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
