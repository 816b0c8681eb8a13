//! Acquiring with a limit: in time from now, or up to a deadline.
//!
//! Who has waited too long leaves the queue before it returns, and is not handed the lock any more:
//! its timer has claimed the wait. As in std, an error says why there is no guard; `WouldBlock` is
//! here: not in time.
//!
//! A writer keeps readers out as long as it waits, also if it gives up in the end: a series of such
//! writers that overlap and never ends keeps them out for ever.

use std::panic::Location;
use std::sync::{LockResult, TryLockError, TryLockResult};
use std::time::Duration;

use crate::lock::order::Asked;
use crate::lock::rwlock::Pass;
use crate::lock::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
use crate::records::statics::Site;
use crate::records::waiter::Reason;
use crate::scheduler::current;
use crate::time::Instant;
use crate::wait::Why;

impl<T: ?Sized> Mutex<T> {
    /// As [`Mutex::lock`], waiting for `limit` at most.
    ///
    /// # Errors
    /// `WouldBlock` when the time is over first; or when a task panicked while it held the lock.
    #[track_caller]
    pub fn lock_timeout(&self, limit: Duration) -> TryLockResult<MutexGuard<'_, T>> {
        self.lock_in_time(Instant::now() + limit, Location::caller())
    }

    /// As [`Mutex::lock`], waiting until `deadline` at most.
    ///
    /// # Errors
    /// As [`Mutex::lock_timeout`].
    #[track_caller]
    pub fn lock_deadline(&self, deadline: Instant) -> TryLockResult<MutexGuard<'_, T>> {
        self.lock_in_time(deadline, Location::caller())
    }

    fn lock_in_time(&self, deadline: Instant, site: Site) -> TryLockResult<MutexGuard<'_, T>> {
        let who = current::operate();
        in_time(self.lock_until(who, site, deadline.as_ns()))
    }
}

impl<T: ?Sized> RwLock<T> {
    /// As [`RwLock::read`], waiting for `limit` at most.
    ///
    /// # Errors
    /// `WouldBlock` when the time is over first; or when a task panicked while it held the lock for
    /// writing.
    #[track_caller]
    pub fn read_timeout(&self, limit: Duration) -> TryLockResult<RwLockReadGuard<'_, T>> {
        self.read_in_time(Instant::now() + limit, Location::caller())
    }

    /// As [`RwLock::read`], waiting until `deadline` at most.
    ///
    /// # Errors
    /// As [`RwLock::read_timeout`].
    #[track_caller]
    pub fn read_deadline(&self, deadline: Instant) -> TryLockResult<RwLockReadGuard<'_, T>> {
        self.read_in_time(deadline, Location::caller())
    }

    /// As [`RwLock::write`], waiting for `limit` at most.
    ///
    /// # Errors
    /// As [`RwLock::read_timeout`].
    #[track_caller]
    pub fn write_timeout(&self, limit: Duration) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        self.write_in_time(Instant::now() + limit, Location::caller())
    }

    /// As [`RwLock::write`], waiting until `deadline` at most.
    ///
    /// # Errors
    /// As [`RwLock::read_timeout`].
    #[track_caller]
    pub fn write_deadline(&self, deadline: Instant) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        self.write_in_time(deadline, Location::caller())
    }

    fn read_in_time(&self, deadline: Instant, site: Site) -> TryLockResult<RwLockReadGuard<'_, T>> {
        let who = current::operate();
        let why = Why { reason: Reason::ReadLock, site, until: Some(deadline.as_ns()) };
        let taken = self.take_read(who, why, Pass::BehindWriters);
        in_time(taken.then(|| self.own_read(who, site, Asked::InTime)))
    }

    fn write_in_time(
        &self,
        deadline: Instant,
        site: Site,
    ) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        let who = current::operate();
        let why = Why { reason: Reason::WriteLock, site, until: Some(deadline.as_ns()) };
        let taken = self.take_write(who, why);
        in_time(taken.then(|| self.own_write(who, Asked::InTime)))
    }
}

fn in_time<G>(taken: Option<LockResult<G>>) -> TryLockResult<G> {
    match taken {
        Some(guard) => guard.map_err(TryLockError::Poisoned),
        None => Err(TryLockError::WouldBlock),
    }
}
