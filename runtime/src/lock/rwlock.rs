//! `RwLock`.
//!
//! Writer-preferring, as Go's `sync.RWMutex`: a waiting writer keeps new readers out, and when a
//! writer lets go, the readers that waited come before the next writer. A lock is handed over to
//! whom it wakes, so nobody starves. Reading twice in one task therefore waits for ever when a
//! writer asks in between, as in Go; unless the second time is declared by `read_recursive`.

use std::fmt;
use std::panic::Location;
use std::sync::{LockResult, TryLockError, TryLockResult};

use crate::lock::guard::{Guarded, Holding, RwLockReadGuard, RwLockWriteGuard};
use crate::lock::order::Asked;
use crate::lock::poison::{Poison, wrap};
use crate::records::node::Op;
use crate::records::object::{Kind, ObjectCell};
use crate::records::statics::Site;
use crate::records::waiter::{Current, Reason};
use crate::scheduler::current;
use crate::sync::Lock;
use crate::wait::queue::{Claims, WaitQueue};
use crate::wait::{self, Claimed, On, Why};

/// Invariant: not both a writer and readers.
struct State {
    writer: bool,
    readers: u64,
    waiting_readers: WaitQueue,
    waiting_writers: WaitQueue,
}

/// What a reader makes way for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pass {
    /// A writer that has or wants the lock.
    BehindWriters,
    /// One that has it; or one that wants it, when nobody reads.
    AmongReaders,
}

impl State {
    fn lets_read(&self, pass: Pass) -> bool {
        let among = pass == Pass::AmongReaders && self.readers > 0;
        !self.writer && (among || self.waiting_writers.is_empty())
    }
}

/// Many readers or one writer.
pub struct RwLock<T: ?Sized> {
    pub(crate) cell: ObjectCell,
    state: Lock<State>,
    pub(crate) poison: Poison,
    pub(crate) value: Guarded<T>,
}

impl<T> RwLock<T> {
    /// An unlocked lock.
    #[track_caller]
    #[must_use]
    pub const fn new(value: T) -> RwLock<T> {
        let state = State {
            writer: false,
            readers: 0,
            waiting_readers: WaitQueue::new(),
            waiting_writers: WaitQueue::new(),
        };
        RwLock {
            cell: ObjectCell::new(Kind::RwLock, Location::caller()),
            state: Lock::new(state),
            poison: Poison::new(),
            value: Guarded::new(value),
        }
    }

    /// Gives it a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> RwLock<T> {
        self.cell.set_name(name);
        self
    }

    /// What it protects.
    ///
    /// # Errors
    /// When a task panicked while it held the lock for writing; the value is in the error.
    pub fn into_inner(self) -> LockResult<T> {
        wrap(self.poison.is_set(), self.value.into_inner())
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until no writer has or wants the lock, and reads.
    ///
    /// # Errors
    /// When a task panicked while it held the lock for writing; the guard is in the error.
    #[track_caller]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        let why = Why { reason: Reason::ReadLock, site: Location::caller(), until: None };
        let who = current::operate();
        self.take_read(who, why, Pass::BehindWriters);
        self.own_read(who, why.site, Asked::Waiting)
    }

    /// As [`RwLock::read`], for a task that may be reading already: while others read, a waiting
    /// writer does not keep it out.
    ///
    /// Readers that go on and on in this way starve writers: it is for reading twice, and the first
    /// time should be [`RwLock::read`].
    ///
    /// # Errors
    /// When a task panicked while it held the lock for writing; the guard is in the error.
    #[track_caller]
    pub fn read_recursive(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        let why = Why { reason: Reason::ReadLock, site: Location::caller(), until: None };
        let who = current::operate();
        self.take_read(who, why, Pass::AmongReaders);
        self.own_read(who, why.site, Asked::Waiting)
    }

    /// Reads if no writer has or wants the lock.
    ///
    /// # Errors
    /// When one does, or when a task panicked while it held the lock for writing.
    #[track_caller]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        let who = current::get();
        self.cell.used_by(who);
        let mut state = self.state.lock();
        if !state.lets_read(Pass::BehindWriters) {
            return Err(TryLockError::WouldBlock);
        }
        state.readers += 1;
        self.note(&state);
        let site = Location::caller();
        self.note_reader(who, site);
        drop(state);
        self.own_read(who, site, Asked::Trying).map_err(TryLockError::Poisoned)
    }

    /// Takes the lock alone if nobody has it.
    ///
    /// # Errors
    /// When somebody has, or when a task panicked while it held the lock for writing.
    #[track_caller]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        let who = current::get();
        self.cell.used_by(who);
        let mut state = self.state.lock();
        if !self.write_now(&mut state, who, Location::caller()) {
            return Err(TryLockError::WouldBlock);
        }
        drop(state);
        self.own_write(who, Asked::Trying).map_err(TryLockError::Poisoned)
    }

    /// Waits until nobody has the lock, and takes it alone.
    ///
    /// # Errors
    /// When a task panicked while it held the lock for writing; the guard is in the error.
    #[track_caller]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        let why = Why { reason: Reason::WriteLock, site: Location::caller(), until: None };
        let who = current::operate();
        self.take_write(who, why);
        self.own_write(who, Asked::Waiting)
    }

    /// Counts the caller among the readers; false when the time was over first.
    pub(crate) fn take_read(&self, who: Current, why: Why, pass: Pass) -> bool {
        self.cell.used_by(who);
        let Some((waiting, node)) = self.begin_read(who, why, pass) else { return true };
        // Whoever wakes a waiter of this lock has given it the lock.
        let outcome = waiting.park();
        if outcome.left_queued() {
            self.state.lock().waiting_readers.remove(node);
        }
        !outcome.or_unwind()
    }

    /// Makes the caller the writer; false when the time was over first.
    pub(crate) fn take_write(&self, who: Current, why: Why) -> bool {
        self.cell.used_by(who);
        let Some((waiting, node)) = self.begin_write(who, why) else { return true };
        let outcome = waiting.park();
        if outcome.left_queued() {
            self.writer_gives_up(node);
        }
        !outcome.or_unwind()
    }

    /// Readers that only it kept out come in.
    fn writer_gives_up(&self, node: u32) {
        let mut state = self.state.lock();
        state.waiting_writers.remove(node);
        self.note(&state);
        let mut readers = Claims::default();
        if state.lets_read(Pass::BehindWriters) {
            readers = self.let_readers_in(&mut state);
        }
        drop(state);
        readers.wake();
    }

    /// Who was let in last among readers. Under the lock, so that task and site are of one reader.
    fn note_reader(&self, who: Current, site: Site) {
        if let Some(record) = self.cell.record() {
            record.receiver.used(who, site);
        }
    }

    pub(crate) fn own_read(
        &self,
        who: Current,
        site: Site,
        asked: Asked,
    ) -> LockResult<RwLockReadGuard<'_, T>> {
        let holding = Holding::shared(who, &self.cell, site, asked);
        self.poison.wrap(RwLockReadGuard { lock: self, holding })
    }

    pub(crate) fn own_write(
        &self,
        who: Current,
        asked: Asked,
    ) -> LockResult<RwLockWriteGuard<'_, T>> {
        let holding = Holding::exclusive(who, &self.cell, asked);
        self.poison.wrap(RwLockWriteGuard { lock: self, holding })
    }

    fn begin_read(&self, who: Current, why: Why, pass: Pass) -> Option<(wait::Waiting, u32)> {
        let mut state = self.state.lock();
        if state.lets_read(pass) {
            state.readers += 1;
            self.note(&state);
            self.note_reader(who, why.site);
            return None;
        }
        let on = On::object(self.cell.target());
        let (waiting, node) = wait::begin(who, why, Op::ReadLock, on);
        state.waiting_readers.push_back(node);
        Some((waiting, node))
    }

    /// Makes it the writer, if nobody has the lock.
    fn write_now(&self, state: &mut State, who: Current, site: Site) -> bool {
        if state.writer || state.readers > 0 {
            return false;
        }
        state.writer = true;
        if let Some(record) = self.cell.record() {
            record.own(who, site);
        }
        true
    }

    fn begin_write(&self, who: Current, why: Why) -> Option<(wait::Waiting, u32)> {
        let mut state = self.state.lock();
        if self.write_now(&mut state, who, why.site) {
            return None;
        }
        let on = On::object(self.cell.target());
        let (waiting, node) = wait::begin(who, why, Op::Lock, on);
        state.waiting_writers.push_back(node);
        self.note(&state);
        Some((waiting, node))
    }

    fn note(&self, state: &State) {
        if let Some(record) = self.cell.record() {
            record.level.set(state.readers);
            record.bound.set(state.waiting_writers.len());
        }
    }

    pub(crate) fn unlock_write(&self) {
        let mut state = self.state.lock();
        // All are claimed before the owner changes, and the lock is theirs before they run.
        let mut next = self.let_readers_in(&mut state);
        if next.is_empty() {
            next = Claims::one(self.let_writer_in(&mut state));
        }
        if state.readers > 0 || next.is_empty() {
            state.writer = false;
            if let Some(record) = self.cell.record() {
                record.disown();
            }
        }
        drop(state);
        next.wake();
    }

    pub(crate) fn unlock_read(&self) {
        let mut state = self.state.lock();
        state.readers -= 1;
        self.note(&state);
        let mut next = Claims::default();
        if state.readers == 0 {
            next = Claims::one(self.let_writer_in(&mut state));
            if next.is_empty() {
                // The writer that kept them out has given up.
                next = self.let_readers_in(&mut state);
            }
        }
        drop(state);
        next.wake();
    }

    fn let_readers_in(&self, state: &mut State) -> Claims {
        let claimed = state.waiting_readers.claim_all();
        state.readers += claimed.len() as u64;
        if let Some(who) = claimed.last().map(Claimed::who)
            && let Some(site) = who.record.wait.site.get()
        {
            self.note_reader(who, site);
        }
        self.note(state);
        claimed
    }

    fn let_writer_in(&self, state: &mut State) -> Option<Claimed> {
        let claimed = state.waiting_writers.claim_chosen();
        self.note(state);
        let claimed = claimed?;
        state.writer = true;
        let site = claimed.who().record.wait.site.get();
        if let (Some(record), Some(site)) = (self.cell.record(), site) {
            record.own(claimed.who(), site);
        }
        Some(claimed)
    }

    /// Whether a task panicked while it held the lock for writing.
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
    /// When a task panicked while it held the lock for writing; the reference is in the error.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        wrap(self.poison.is_set(), self.value.get_mut())
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("RwLock")
            .field("writer", &state.writer)
            .field("readers", &state.readers)
            .field("poisoned", &self.is_poisoned())
            .finish_non_exhaustive()
    }
}
