//! `Mutex`.
//!
//! Barging with a starvation mode, as Go's `sync.Mutex`: an unlocked mutex goes to whoever asks
//! first; a waiter that was overtaken for longer than a millisecond switches the mutex to handing
//! itself on in order, until nobody has waited that long. One waiter at a time is on its way to the
//! lock: until it has come, letting go wakes nobody else.
//!
//! What the word says, and how it changes, is in `word.rs`.
//!
//! Invariant: the owner's facts are written after the lock is taken and wiped before it is let go: a
//! snapshot sees the true owner or none.

use std::fmt;
use std::panic::Location;
use std::sync::{LockResult, TryLockError, TryLockResult};

use crate::lock::guard::{Guarded, Holding, MutexGuard};
use crate::lock::order::Asked;
use crate::lock::poison::{Poison, wrap};
use crate::lock::word::Word;
use crate::records::node::Op;
use crate::records::object::{Kind, ObjectCell, ObjectRecord};
use crate::records::state::State;
use crate::records::statics::Site;
use crate::records::table::Ref;
use crate::records::waiter::{Current, Reason, WAITERS as RECORDS};
use crate::scheduler::current;
use crate::sync::{Lock, Ordering};
use crate::time::clock;
use crate::wait::queue::WaitQueue;
use crate::wait::{self, On, Why};

/// As in Go's `sync.Mutex`.
const STARVING_NS: u64 = 1_000_000;

/// Looks at a lock that is held on another worker, before the waiter parks; as often as Go's.
const SPINS: u32 = 4;
const PAUSES: u32 = 30;

/// Who waits.
struct Queue {
    /// The waiter that the lock was handed to and that has not run yet.
    handed_to: Option<Ref>,
    waiters: WaitQueue,
}

/// Mutual exclusion for tasks and threads. A task that waits leaves its worker to others.
pub struct Mutex<T: ?Sized> {
    pub(crate) cell: ObjectCell,
    word: Word,
    queue: Lock<Queue>,
    pub(crate) poison: Poison,
    pub(crate) value: Guarded<T>,
}

impl<T> Mutex<T> {
    /// An unlocked mutex.
    #[track_caller]
    #[must_use]
    pub const fn new(value: T) -> Mutex<T> {
        Mutex {
            cell: ObjectCell::new(Kind::Mutex, Location::caller()),
            word: Word::new(),
            queue: Lock::new(Queue { handed_to: None, waiters: WaitQueue::new() }),
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
    // Inlined, so that the guard is made of registers: built in memory and copied, it costs more than
    // the exchange.
    #[expect(clippy::inline_always, reason = "see above; measured")]
    #[track_caller]
    #[inline(always)]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let site = Location::caller();
        let who = current::operate();
        let record = self.cell.used_by(who);
        if !self.word.try_acquire() {
            self.lock_slowly(who, site, None);
        }
        self.own(who, record, site, Asked::Waiting)
    }

    /// Takes the lock if it is free.
    ///
    /// # Errors
    /// When it is not, or when a task panicked while it held the lock.
    #[track_caller]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        let who = current::get();
        let record = self.cell.used_by(who);
        if !self.word.try_acquire() {
            return Err(TryLockError::WouldBlock);
        }
        self.own(who, record, Location::caller(), Asked::Trying).map_err(TryLockError::Poisoned)
    }

    /// As [`Mutex::lock`], for an operation that has begun already.
    pub(crate) fn lock_again(&self, who: Current, site: Site) -> LockResult<MutexGuard<'_, T>> {
        let record = self.cell.used_by(who);
        if !self.word.try_acquire() {
            self.lock_slowly(who, site, None);
        }
        self.own(who, record, site, Asked::Waiting)
    }

    /// As [`Mutex::lock`], for an operation that has begun already. None when `until` has passed, on
    /// the clock of [`clock::now_ns`].
    pub(crate) fn lock_until(
        &self,
        who: Current,
        site: Site,
        until: u64,
    ) -> Option<LockResult<MutexGuard<'_, T>>> {
        let record = self.cell.used_by(who);
        let taken = self.word.try_acquire() || self.lock_slowly(who, site, Some(until));
        taken.then(|| self.own(who, record, site, Asked::InTime))
    }

    /// False when `until` has passed first.
    #[cold]
    #[inline(never)]
    fn lock_slowly(&self, who: Current, site: Site, until: Option<u64>) -> bool {
        let asked = clock::coarse_ns();
        let mut overtaken = false;
        loop {
            if self.spin(who) {
                if overtaken {
                    self.word.come_as_owner();
                }
                return true;
            }
            let why = Why { reason: Reason::Lock, site, until };
            let Some((waiting, node)) = self.take_or_wait(who, why, asked, overtaken) else {
                return true;
            };
            let outcome = waiting.park();
            if outcome.left_queued() {
                self.leave_queue(node);
            }
            if outcome.or_unwind() {
                return false;
            }
            overtaken = true;
        }
    }

    /// Looks for a moment whether the lock comes free: if its owner runs on another thread, that is
    /// sooner than any wake.
    fn spin(&self, who: Current) -> bool {
        for _ in 0..SPINS {
            if self.word.try_acquire() {
                return true;
            }
            if self.word.is_starving() || !self.runs_elsewhere(who) {
                return false;
            }
            (0..PAUSES).for_each(|_| std::hint::spin_loop());
        }
        false
    }

    fn runs_elsewhere(&self, who: Current) -> bool {
        let owner = self
            .cell
            .known()
            .and_then(|record| Ref::from_bits(record.owner.load(Ordering::Relaxed)));
        owner.and_then(|owner| RECORDS.get(owner)).is_some_and(|owner| {
            let here =
                owner.worker.load(Ordering::Relaxed) == who.record.worker.load(Ordering::Relaxed);
            !here && owner.state.load().state() == State::Running
        })
    }

    fn take_or_wait(
        &self,
        who: Current,
        why: Why,
        asked: u64,
        overtaken: bool,
    ) -> Option<(wait::Waiting, u32)> {
        let mut queue = self.queue.lock();
        let waited = clock::coarse_ns().saturating_sub(asked);
        let waited_long = current::is_overdue(waited, STARVING_NS);
        if queue.handed_to == Some(who.reference()) {
            queue.handed_to = None;
            self.word.come_to_own(waited_long, queue.waiters.is_empty());
            return None;
        }
        if overtaken {
            self.word.come(waited_long);
        }
        if self.word.take_or_announce(queue.waiters.is_empty()) {
            return None;
        }
        let on = On::object(self.cell.target());
        let (waiting, node) = wait::begin(who, why, Op::Lock, on);
        if overtaken {
            queue.waiters.push_front(node);
        } else {
            queue.waiters.push_back(node);
        }
        Some((waiting, node))
    }

    /// A waiter that was given up.
    fn leave_queue(&self, node: u32) {
        let mut queue = self.queue.lock();
        queue.waiters.remove(node);
        if queue.waiters.is_empty() {
            self.word.nobody_waits();
        }
    }

    #[expect(clippy::inline_always, reason = "as for `lock`")]
    #[inline(always)]
    fn own(
        &self,
        who: Current,
        record: Option<&ObjectRecord>,
        site: Site,
        asked: Asked,
    ) -> LockResult<MutexGuard<'_, T>> {
        if let Some(record) = record {
            record.own(who, site);
        }
        let holding = Holding::exclusive(who, &self.cell, asked);
        self.poison.wrap(MutexGuard { lock: self, holding })
    }

    #[inline]
    pub(crate) fn unlock(&self) {
        if let Some(record) = self.cell.known() {
            record.disown();
        }
        if !self.word.try_release() {
            self.unlock_slowly();
        }
    }

    #[cold]
    #[inline(never)]
    fn unlock_slowly(&self) {
        let mut queue = self.queue.lock();
        let next = if self.word.is_to_wake() { queue.waiters.claim_chosen() } else { None };
        let none_left = queue.waiters.is_empty();
        match &next {
            Some(claimed) if self.word.is_starving() => {
                queue.handed_to = Some(claimed.who().reference());
                let site = claimed.who().record.wait.site.get();
                if let (Some(record), Some(site)) = (self.cell.known(), site) {
                    record.own(claimed.who(), site);
                }
                self.word.hand_on(none_left);
            }
            Some(_) => self.word.release_to_next(none_left),
            None => self.word.release(none_left),
        }
        drop(queue);
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
            .field("locked", &self.word.is_locked())
            .field("poisoned", &self.is_poisoned())
            .finish_non_exhaustive()
    }
}
