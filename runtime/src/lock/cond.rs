//! `Cond`: waiting until somebody has changed what a mutex protects.
//!
//! Go's `sync.Cond` with the methods of std's `Condvar`. A wait gives the mutex back and takes it
//! again; the wait that a snapshot shows is the one for the cond first, and for the mutex after that.
//!
//! Invariants:
//! 1. The wait is published and queued before the mutex is given back: whoever changes the protected
//!    value under the mutex and then notifies finds the waiter.
//! 2. A notification wakes who waits now, in the order of coming, and nobody later. It is never
//!    spent on a waiter whose time is over: the claim fails, and the next one gets it.
//! 3. No wake without a notification or a timer. Callers loop all the same: another task may have
//!    been at the mutex first.

use std::fmt;
use std::panic::Location;
use std::sync::{LockResult, PoisonError};
use std::time::Duration;

use crate::lock::MutexGuard;
use crate::records::node::Op;
use crate::records::object::{Kind, ObjectCell, ObjectRecord};
use crate::records::statics::Site;
use crate::records::waiter::{Current, Reason};
use crate::scheduler::current;
use crate::sync::{Lock, Ordering};
use crate::time::{Instant, clock};
use crate::wait::queue::{Claims, WaitQueue};
use crate::wait::{self, On, Why};

/// A condition variable: Go's `sync.Cond`, std's `Condvar`.
///
/// ```
/// use gleak_runtime::{Cond, Mutex, run, spawn};
/// use std::sync::Arc;
///
/// run(|| {
///     let shared = Arc::new((Mutex::new(false), Cond::new()));
///     let other = shared.clone();
///     let setter = spawn(move || {
///         *other.0.lock().unwrap() = true;
///         other.1.notify_one();
///     });
///     let (ready, cond) = &*shared;
///     let guard = cond.wait_while(ready.lock().unwrap(), |ready| !*ready).unwrap();
///     assert!(*guard);
///     drop(guard);
///     setter.join().unwrap();
/// });
/// ```
pub struct Cond {
    cell: ObjectCell,
    waiters: Lock<WaitQueue>,
}

/// Whether a wait with a limit ended by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitTimeoutResult {
    timed_out: bool,
}

impl WaitTimeoutResult {
    /// Whether the time was over before a notification came.
    #[must_use]
    pub fn timed_out(self) -> bool {
        self.timed_out
    }
}

/// A guard with the verdict, as std's timed waits return it.
type Timed<'a, T> = LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>;

impl Cond {
    /// Nobody waits.
    #[track_caller]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "`new` notes where the cond is made")]
    pub const fn new() -> Cond {
        let cell = ObjectCell::new(Kind::Cond, Location::caller());
        Cond { cell, waiters: Lock::new(WaitQueue::new()) }
    }

    /// Gives it a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Cond {
        self.cell.set_name(name);
        self
    }

    /// Gives the mutex back, waits for a notification, and takes the mutex again.
    ///
    /// Check the condition in a loop around it, or use [`Cond::wait_while`]: somebody else may change
    /// it between the notification and the mutex. A cond may be used with several mutexes, though
    /// reports name only the last.
    ///
    /// # Errors
    /// When a task panicked while it held the mutex; the guard is in the error.
    #[track_caller]
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.park(guard, None, Location::caller()).1
    }

    /// Waits as long as `condition` holds. It is checked first, and under the mutex.
    ///
    /// # Errors
    /// When a task panicked while it held the mutex; the guard is in the error.
    #[track_caller]
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        let site = Location::caller();
        while condition(&mut guard) {
            guard = self.park(guard, None, site).1?;
        }
        Ok(guard)
    }

    /// As [`Cond::wait`], for `limit` at most. Taking the mutex again may last longer.
    ///
    /// # Errors
    /// When a task panicked while it held the mutex; guard and verdict are in the error.
    #[track_caller]
    pub fn wait_timeout<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Duration,
    ) -> Timed<'a, T> {
        self.wait_until(guard, Instant::now() + limit, Location::caller())
    }

    /// As [`Cond::wait`], until `deadline` at most. Taking the mutex again may last longer.
    ///
    /// # Errors
    /// As [`Cond::wait_timeout`].
    #[track_caller]
    pub fn wait_deadline<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Instant,
    ) -> Timed<'a, T> {
        self.wait_until(guard, deadline, Location::caller())
    }

    /// Waits as long as `condition` holds, for `limit` at most in all. It has timed out when the
    /// condition still holds at the end.
    ///
    /// # Errors
    /// As [`Cond::wait_timeout`].
    #[track_caller]
    pub fn wait_timeout_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        limit: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> Timed<'a, T> {
        let (site, deadline) = (Location::caller(), Instant::now() + limit);
        let mut verdict = WaitTimeoutResult { timed_out: false };
        while condition(&mut guard) {
            if verdict.timed_out {
                return Ok((guard, verdict));
            }
            (guard, verdict) = self.wait_until(guard, deadline, site)?;
        }
        Ok((guard, WaitTimeoutResult { timed_out: false }))
    }

    /// Wakes the task or thread that has waited longest, if one waits.
    #[track_caller]
    pub fn notify_one(&self) {
        self.notify(Location::caller(), |waiters| Claims::one(waiters.claim_chosen()));
    }

    /// Wakes all that wait now.
    #[track_caller]
    pub fn notify_all(&self) {
        self.notify(Location::caller(), WaitQueue::claim_all);
    }

    fn notify(&self, site: Site, claim: impl FnOnce(&mut WaitQueue) -> Claims) {
        let who = current::get();
        let record = self.cell.used_by(who);
        let mut waiters = self.waiters.lock();
        let claimed = claim(&mut waiters);
        if let Some(record) = record {
            if claimed.is_empty() {
                unheard(record, who, site);
            } else if record.sender.handles.get() != 0 {
                record.sender.handles.set(0);
            }
        }
        drop(waiters);
        claimed.wake();
    }

    fn wait_until<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Instant,
        site: Site,
    ) -> Timed<'a, T> {
        let (timed_out, guard) = self.park(guard, Some(deadline.as_ns()), site);
        let verdict = WaitTimeoutResult { timed_out };
        match guard {
            Ok(guard) => Ok((guard, verdict)),
            Err(poisoned) => Err(PoisonError::new((poisoned.into_inner(), verdict))),
        }
    }

    /// Whether the time was over first, and the mutex, taken again.
    fn park<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        until: Option<u64>,
        site: Site,
    ) -> (bool, LockResult<MutexGuard<'a, T>>) {
        let mutex = guard.lock;
        let who = current::operate();
        if let (Some(record), Some(used)) = (self.cell.used_by(who), mutex.cell.known()) {
            record.level.set(used.id.load(Ordering::Relaxed));
        }
        let mut waiters = self.waiters.lock();
        let why = Why { reason: Reason::Cond, site, until };
        let on = On::object(self.cell.target());
        let (waiting, node) = wait::begin(who, why, Op::Cond, on);
        waiters.push_back(node);
        drop(waiters);
        // Neither parks nor runs anything of the program's, so the published wait stands.
        drop(guard);
        let outcome = waiting.park();
        if outcome.left_queued() {
            self.waiters.lock().remove(node);
        }
        let timed_out = outcome.or_unwind();
        (timed_out, mutex.lock_again(who, site))
    }
}

/// Notes that nobody waited for a notification. Who waits from now on was not meant by it, or came too
/// late: that is for the reader to judge.
#[cold]
fn unheard(record: &ObjectRecord, who: Current, site: Site) {
    record.sender.handles.set(record.sender.handles.get() + 1);
    record.sender.used(who, site);
    record.bound.set(clock::coarse_ns());
}

impl fmt::Debug for Cond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cond").field("waiters", &self.waiters.lock().len()).finish()
    }
}
