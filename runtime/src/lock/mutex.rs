//! `Mutex`.
//!
//! Barging with a starvation mode, as Go's `sync.Mutex`: an unlocked mutex goes to whoever asks
//! first; a waiter that was overtaken for longer than a millisecond switches the mutex to handing
//! itself on in order, until nobody has waited that long.

use std::fmt;
use std::panic::Location;
use std::sync::{LockResult, TryLockError, TryLockResult};

use crate::lock::guard::{Guarded, Holding, MutexGuard};
use crate::lock::poison::{Poison, wrap};
use crate::records::node::Op;
use crate::records::object::{Kind, Mode, ObjectCell, hold};
use crate::records::statics::Site;
use crate::records::table::Ref;
use crate::records::waiter::{Current, Reason};
use crate::scheduler::current;
use crate::sync::Lock;

use crate::time::clock;
use crate::wait::queue::WaitQueue;
use crate::wait::{self, On, Why};

/// As in Go's `sync.Mutex`.
const STARVING_NS: u64 = 1_000_000;

struct State {
    locked: bool,
    /// Waiters are served in order, nobody barges.
    starving: bool,
    /// The waiter that the lock was handed to and that has not run yet.
    handed_to: Option<Ref>,
    waiters: WaitQueue,
}

/// Mutual exclusion for tasks and threads. A task that waits leaves its worker to others.
pub struct Mutex<T: ?Sized> {
    pub(crate) cell: ObjectCell,
    state: Lock<State>,
    pub(crate) poison: Poison,
    pub(crate) value: Guarded<T>,
}

impl<T> Mutex<T> {
    /// An unlocked mutex.
    #[track_caller]
    #[must_use]
    pub const fn new(value: T) -> Mutex<T> {
        let state =
            State { locked: false, starving: false, handed_to: None, waiters: WaitQueue::new() };
        Mutex {
            cell: ObjectCell::new(Kind::Mutex, Location::caller()),
            state: Lock::new(state),
            poison: Poison::new(),
            value: Guarded::new(value),
        }
    }

    /// Gives it a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Mutex<T> {
        self.cell.set_name(name);
        self
    }

    /// What it protects.
    ///
    /// # Errors
    /// When a task panicked while it held the lock; the value is in the error.
    pub fn into_inner(self) -> LockResult<T> {
        wrap(self.poison.is_set(), self.value.into_inner())
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until the lock is free, and takes it.
    ///
    /// Locking it twice in one task waits for ever, and is found.
    ///
    /// # Errors
    /// When a task panicked while it held the lock; the guard is in the error.
    #[track_caller]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let site = Location::caller();
        let who = current::operate();
        self.cell.used_by(&who);
        let asked = clock::coarse_ns();
        let mut overtaken = false;
        while let Some((waiting, node)) = self.take_or_wait(who, site, asked, overtaken) {
            let outcome = waiting.park();
            if outcome.left_queued() {
                self.state.lock().waiters.remove(node);
            }
            outcome.or_unwind();
            overtaken = true;
        }
        self.guard(who)
    }

    /// Takes the lock if it is free.
    ///
    /// # Errors
    /// When it is not, or when a task panicked while it held the lock.
    #[track_caller]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        let who = current::get();
        self.cell.used_by(&who);
        let mut state = self.state.lock();
        if state.locked {
            return Err(TryLockError::WouldBlock);
        }
        self.own(&mut state, &who, Location::caller());
        drop(state);
        self.guard(who).map_err(TryLockError::Poisoned)
    }

    fn take_or_wait(
        &self,
        who: Current,
        site: Site,
        asked: u64,
        overtaken: bool,
    ) -> Option<(wait::Waiting, u32)> {
        let mut state = self.state.lock();
        let handed = state.handed_to == Some(who.reference());
        if handed || !state.locked {
            state.handed_to = None;
            let patient = clock::coarse_ns().saturating_sub(asked) < STARVING_NS;
            if state.waiters.is_empty() || (handed && patient) {
                state.starving = false;
            }
            self.own(&mut state, &who, site);
            return None;
        }
        if overtaken && clock::coarse_ns().saturating_sub(asked) >= STARVING_NS {
            state.starving = true;
        }
        let why = Why { reason: Reason::Lock, site, until: None };
        let on = On::object(self.cell.target());
        let (waiting, node) = wait::begin(who, why, Op::Lock, on);
        if overtaken {
            state.waiters.push_front(node);
        } else {
            state.waiters.push_back(node);
        }
        Some((waiting, node))
    }

    fn own(&self, state: &mut State, who: &Current, site: Site) {
        state.locked = true;
        if let Some(record) = self.cell.record() {
            record.own(who, site);
        }
    }

    fn guard(&self, who: Current) -> LockResult<MutexGuard<'_, T>> {
        hold(&who, self.cell.target(), Mode::Exclusive);
        self.poison.wrap(MutexGuard { lock: self, holding: Holding::new(who, Mode::Exclusive) })
    }

    pub(crate) fn unlock(&self) {
        let mut state = self.state.lock();
        // Claimed before the owner changes: a snapshot never sees a waiter of an old owner.
        let next = state.waiters.claim_first().map(|(claimed, _)| claimed);
        let record = self.cell.record();
        match &next {
            Some(claimed) if state.starving => {
                state.handed_to = Some(claimed.who().reference());
                if let (Some(record), Some(site)) = (record, claimed.who().record.wait.site.get()) {
                    record.own(&claimed.who(), site);
                }
            }
            Some(_) | None => {
                state.locked = false;
                if let Some(record) = record {
                    record.disown();
                }
            }
        }
        drop(state);
        if let Some(claimed) = next {
            claimed.wake();
        }
    }

    /// Whether a task panicked while it held the lock.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_set()
    }

    /// Takes the poison away.
    pub fn clear_poison(&self) {
        self.poison.set(false);
    }

    /// What it protects; nobody else can have it.
    ///
    /// # Errors
    /// When a task panicked while it held the lock; the reference is in the error.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        wrap(self.poison.is_set(), self.value.get_mut())
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex")
            .field("locked", &self.state.lock().locked)
            .field("poisoned", &self.is_poisoned())
            .finish_non_exhaustive()
    }
}
