//! A semaphore whose waiters are known, and who took permits last.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tokio::sync as theirs;
use tokio::sync::{AcquireError, TryAcquireError};

use crate::leaf;
use crate::object::{self, Facts, LastUse, Object, Record};
use crate::site::Place;
use crate::snapshot::{WaitOp, WaitReason};
use crate::task::{On, What};

/// [`tokio::sync::Semaphore`], whose waiters are known. Permits can be added to it at any time, so that no
/// wait for them is ever certain.
pub struct Semaphore {
    object: Arc<Object>,
    inner: Arc<theirs::Semaphore>,
}

/// As tokio's.
#[must_use = "dropped at once, it permits nothing"]
#[derive(Debug)]
pub struct SemaphorePermit<'a> {
    _taken: Taken,
    inner: theirs::SemaphorePermit<'a>,
}

/// As tokio's.
#[must_use = "dropped at once, it permits nothing"]
#[derive(Debug)]
pub struct OwnedSemaphorePermit {
    _taken: Taken,
    inner: theirs::OwnedSemaphorePermit,
}

/// Permits that somebody has, until it goes.
#[derive(Debug)]
struct Taken {
    object: Arc<Object>,
    count: i64,
}

impl Drop for Taken {
    fn drop(&mut self) {
        facts(&self.object).available.fetch_add(self.count, Ordering::Relaxed);
    }
}

fn facts(object: &Object) -> &object::Semaphore {
    let Facts::Semaphore(facts) = &object.facts else { unreachable!("it is made as one") };
    facts
}

impl Semaphore {
    /// As tokio's.
    #[track_caller]
    #[must_use]
    pub fn new(permits: usize) -> Self {
        let facts = object::Semaphore {
            permits: AtomicU64::new(permits as u64),
            available: AtomicI64::new(signed(permits as u64)),
            taken: LastUse::default(),
        };
        let object = Record::made(Location::caller(), Facts::Semaphore(facts));
        Semaphore { object, inner: Arc::new(theirs::Semaphore::new(permits)) }
    }

    /// As tokio's.
    #[must_use]
    pub fn available_permits(&self) -> usize {
        self.inner.available_permits()
    }

    /// As tokio's.
    pub fn add_permits(&self, count: usize) {
        let facts = facts(&self.object);
        facts.permits.fetch_add(count as u64, Ordering::Relaxed);
        facts.available.fetch_add(signed(count as u64), Ordering::Relaxed);
        self.inner.add_permits(count);
    }

    /// As tokio's.
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
        self.acquire_many(1)
    }

    /// As tokio's.
    #[track_caller]
    pub fn acquire_many(
        &self,
        count: u32,
    ) -> impl Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
        let site = Location::caller();
        async move {
            let inner = leaf::wait(self.inner.acquire_many(count), || self.what(site)).await?;
            Ok(SemaphorePermit { _taken: self.taken(count, site), inner })
        }
    }

    /// As tokio's.
    #[track_caller]
    pub fn acquire_owned(
        self: Arc<Self>,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>> {
        self.acquire_many_owned(1)
    }

    /// As tokio's.
    #[track_caller]
    pub fn acquire_many_owned(
        self: Arc<Self>,
        count: u32,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>> {
        let site = Location::caller();
        async move {
            let asked = Arc::clone(&self.inner).acquire_many_owned(count);
            let inner = leaf::wait(asked, || self.what(site)).await?;
            Ok(OwnedSemaphorePermit { _taken: self.taken(count, site), inner })
        }
    }

    /// As tokio's.
    ///
    /// # Errors
    /// When there is none, or the semaphore is closed.
    #[track_caller]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        let inner = self.inner.try_acquire()?;
        Ok(SemaphorePermit { _taken: self.taken(1, Location::caller()), inner })
    }

    /// As tokio's.
    ///
    /// # Errors
    /// When there is none, or the semaphore is closed.
    #[track_caller]
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        let inner = Arc::clone(&self.inner).try_acquire_owned()?;
        Ok(OwnedSemaphorePermit { _taken: self.taken(1, Location::caller()), inner })
    }

    /// As tokio's.
    pub fn close(&self) {
        self.inner.close();
    }

    /// As tokio's.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn taken(&self, count: u32, site: Place) -> Taken {
        let by = crate::current::caller();
        self.object.touch(by);
        let (facts, count) = (facts(&self.object), i64::from(count));
        facts.available.fetch_sub(count, Ordering::Relaxed);
        facts.taken.note(by, site);
        Taken { object: Arc::clone(&self.object), count }
    }

    fn what(&self, site: Place) -> What {
        self.object.touch(crate::current::caller());
        let on = On::Object(WaitOp::Acquire, Arc::clone(&self.object));
        What { reason: WaitReason::Semaphore, on, site }
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl SemaphorePermit<'_> {
    /// As tokio's: the permit does not come back.
    pub fn forget(self) {
        forget(&self._taken);
        // What was taken is struck from all that there are, and so is given back to what is left of them.
        self.inner.forget();
    }

    /// As tokio's.
    #[must_use]
    pub fn num_permits(&self) -> usize {
        self.inner.num_permits()
    }
}

impl OwnedSemaphorePermit {
    /// As tokio's: the permit does not come back.
    pub fn forget(self) {
        forget(&self._taken);
        self.inner.forget();
    }

    /// As tokio's.
    #[must_use]
    pub fn num_permits(&self) -> usize {
        self.inner.num_permits()
    }
}

/// Strikes permits from all that there are; the drop of what was taken makes up for what is available.
fn forget(taken: &Taken) {
    let facts = facts(&taken.object);
    facts.permits.fetch_sub(taken.count.unsigned_abs(), Ordering::Relaxed);
    facts.available.fetch_sub(taken.count, Ordering::Relaxed);
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
