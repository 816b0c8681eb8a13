//! `Semaphore`: so much of something at a time.
//!
//! Weighted and in order of coming, as Go's `golang.org/x/sync/semaphore`: who asks for much is not
//! overtaken by those who ask for little, so it gets its turn.
//!
//! What permits can do lies in a place of its own: a [`Permit`] points to the *supply* inside the
//! semaphore, and can give back but not take; an [`OwnedPermit`] is a node of its own. So it can be
//! told which pointers could end a wait.
//!
//! Invariants:
//! 1. What is available, with permits, and forgotten adds up to the size.
//! 2. Whoever is first in the queue asks for more than is available: whenever that may have become
//!    untrue (permits came back, a waiter left), [`Supply::serve`] runs under the same lock.
//! 3. Who asks for more than the size is never queued: it waits, and keeps nobody waiting.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::records::node::{Node, Op};
use crate::records::object::{Kind, ObjectCell};
use crate::records::statics::Site;
use crate::records::waiter::{Current, Reason};
use crate::scheduler::current;
use crate::sync::Lock;
use crate::time::Instant;
use crate::wait::queue::{Claims, WaitQueue};
use crate::wait::{self, On, Waiting, Why};

struct State {
    available: usize,
    forgotten: usize,
    waiters: WaitQueue,
}

/// What permits come from and go back to.
struct Supply {
    cell: ObjectCell,
    state: Lock<State>,
}

/// A weighted semaphore. Its permits come back when they are dropped.
///
/// ```
/// use gleak_runtime::Semaphore;
///
/// static CONNECTIONS: Semaphore = Semaphore::new(8);
/// let permit = CONNECTIONS.acquire(3);
/// assert_eq!(CONNECTIONS.available(), 5);
/// drop(permit);
/// assert_eq!(CONNECTIONS.available(), 8);
/// ```
#[repr(C)]
pub struct Semaphore {
    /// First, so that the supply has another address than the whole.
    size: usize,
    supply: Supply,
}

/// Some permits of a semaphore. Dropping it gives them back; that may happen in any task or thread.
#[must_use = "dropping the permit gives it back"]
pub struct Permit<'a> {
    supply: &'a Supply,
    count: usize,
}

/// As [`Permit`], of a semaphore in an [`Arc`], which it keeps alive: it may go into a spawned task.
#[must_use = "dropping the permit gives it back"]
pub struct OwnedPermit {
    batch: Box<Batch>,
}

struct Batch {
    semaphore: Arc<Semaphore>,
    count: usize,
}

impl Semaphore {
    /// Has `size` permits, all available.
    #[track_caller]
    #[must_use]
    pub const fn new(size: usize) -> Semaphore {
        let cell = ObjectCell::bounded(Kind::Semaphore, Location::caller(), size as u64);
        let state = Lock::new(State { available: size, forgotten: 0, waiters: WaitQueue::new() });
        Semaphore { size, supply: Supply { cell, state } }
    }

    /// Gives it a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Semaphore {
        self.supply.cell.set_name(name);
        self.supply.note(self.size);
        self
    }

    /// Takes so many permits, waiting until they are there and it is the caller's turn.
    ///
    /// Asking for more than the semaphore has in all waits for ever, and is found.
    #[track_caller]
    pub fn acquire(&self, permits: usize) -> Permit<'_> {
        self.take(permits, None, Location::caller());
        self.permit(permits)
    }

    /// Takes so many permits if they are there and nobody waits.
    #[track_caller]
    pub fn try_acquire(&self, permits: usize) -> Option<Permit<'_>> {
        self.take_now(permits, Location::caller()).then(|| self.permit(permits))
    }

    /// As [`Semaphore::acquire`], for `limit` at most: None when the time is over first.
    #[track_caller]
    pub fn acquire_timeout(&self, permits: usize, limit: Duration) -> Option<Permit<'_>> {
        self.acquire_in_time(permits, Instant::now() + limit, Location::caller())
    }

    /// As [`Semaphore::acquire`], until `deadline` at most: None when the time is over first.
    #[track_caller]
    pub fn acquire_deadline(&self, permits: usize, deadline: Instant) -> Option<Permit<'_>> {
        self.acquire_in_time(permits, deadline, Location::caller())
    }

    fn acquire_in_time(&self, permits: usize, deadline: Instant, site: Site) -> Option<Permit<'_>> {
        self.take(permits, Some(deadline.as_ns()), site).then(|| self.permit(permits))
    }

    /// As [`Semaphore::acquire`], for a permit that goes elsewhere.
    #[track_caller]
    pub fn acquire_owned(self: &Arc<Self>, permits: usize) -> OwnedPermit {
        self.take(permits, None, Location::caller());
        self.owned(permits)
    }

    /// As [`Semaphore::try_acquire`], for a permit that goes elsewhere.
    #[track_caller]
    pub fn try_acquire_owned(self: &Arc<Self>, permits: usize) -> Option<OwnedPermit> {
        self.take_now(permits, Location::caller()).then(|| self.owned(permits))
    }

    /// Gives permits back that were forgotten ([`Permit::forget`]).
    ///
    /// # Panics
    /// When fewer were forgotten. (Go panics when more is released than was taken.)
    #[track_caller]
    pub fn release(&self, permits: usize) {
        self.supply.cell.used_by(current::get());
        let mut state = self.supply.state.lock();
        let Some(forgotten) = state.forgotten.checked_sub(permits) else {
            let forgotten = state.forgotten;
            drop(state);
            panic!("{permits} permits released where {forgotten} were forgotten");
        };
        state.forgotten = forgotten;
        state.available += permits;
        let served = self.supply.serve(&mut state);
        drop(state);
        served.wake();
    }

    /// How many permits nobody has.
    #[must_use]
    pub fn available(&self) -> usize {
        self.supply.state.lock().available
    }

    /// How many permits there are in all.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    fn permit(&self, count: usize) -> Permit<'_> {
        Permit { supply: &self.supply, count }
    }

    fn owned(self: &Arc<Self>, count: usize) -> OwnedPermit {
        OwnedPermit { batch: Box::new(Batch { semaphore: self.clone(), count }) }
    }

    fn take_now(&self, permits: usize, site: Site) -> bool {
        let who = current::get();
        self.supply.cell.used_by(who);
        self.supply.grab(&mut self.supply.state.lock(), permits, who, site)
    }

    /// False when the time was over first.
    fn take(&self, permits: usize, until: Option<u64>, site: Site) -> bool {
        let who = current::operate();
        let supply = &self.supply;
        supply.cell.used_by(who);
        let why = Why { reason: Reason::Semaphore, site, until };
        let Some((waiting, node)) = self.take_or_wait(permits, who, why) else { return true };
        let outcome = waiting.park();
        if outcome.left_queued() && self.queues(permits) {
            supply.leave(node);
        }
        if outcome.or_unwind() {
            return false;
        }
        supply.note_taker(who, site);
        true
    }

    fn take_or_wait(&self, permits: usize, who: Current, why: Why) -> Option<(Waiting, u32)> {
        let mut state = self.supply.state.lock();
        if self.supply.grab(&mut state, permits, who, why.site) {
            return None;
        }
        // Before the wait is published: a reader of the wait must find what it asks for.
        Node::at(who.record.own_node()).ask(permits);
        let on = On::object(self.supply.cell.target());
        let (waiting, node) = wait::begin(who, why, Op::Acquire, on);
        if self.queues(permits) {
            state.waiters.push_back(node);
        }
        Some((waiting, node))
    }

    /// Whether who asks for so many stands in line: invariant 3. A node that was never put into a queue
    /// must not be taken out of one.
    fn queues(&self, permits: usize) -> bool {
        permits <= self.size
    }
}

impl Supply {
    /// Takes what is there, unless others wait.
    fn grab(&self, state: &mut State, permits: usize, who: Current, site: Site) -> bool {
        if permits > state.available || !state.waiters.is_empty() {
            self.note(state.available);
            return false;
        }
        state.available -= permits;
        self.note(state.available);
        self.note_taker(who, site);
        true
    }

    fn put_back(&self, permits: usize) {
        self.cell.used_by(current::get());
        let mut state = self.state.lock();
        state.available += permits;
        let served = self.serve(&mut state);
        drop(state);
        served.wake();
    }

    /// A waiter whose time is over, or that was given up: it may have kept others waiting.
    fn leave(&self, node: u32) {
        let mut state = self.state.lock();
        state.waiters.remove(node);
        let served = self.serve(&mut state);
        drop(state);
        served.wake();
    }

    /// Gives permits to those in front, as long as there are enough.
    fn serve(&self, state: &mut State) -> Claims {
        let State { available, waiters, .. } = state;
        let served = std::iter::from_fn(|| {
            let enough = |node: &Node| node.asked() <= *available;
            let (claimed, node) = waiters.claim_first_if(enough)?;
            *available -= node.asked();
            Some(claimed)
        })
        .collect();
        self.note(*available);
        served
    }

    fn note(&self, available: usize) {
        if let Some(record) = self.cell.known() {
            record.level.set(available as u64);
        }
    }

    fn note_taker(&self, who: Current, site: Site) {
        if let Some(record) = self.cell.known() {
            record.receiver.used(who, site);
        }
    }
}

impl Permit<'_> {
    /// How many permits it is.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Drops it without giving the permits back: [`Semaphore::release`] does that.
    pub fn forget(mut self) {
        self.supply.state.lock().forgotten += std::mem::take(&mut self.count);
    }
}

impl OwnedPermit {
    /// How many permits it is.
    #[must_use]
    pub fn count(&self) -> usize {
        self.batch.count
    }

    /// Drops it without giving the permits back: [`Semaphore::release`] does that.
    pub fn forget(mut self) {
        let count = std::mem::take(&mut self.batch.count);
        self.batch.semaphore.supply.state.lock().forgotten += count;
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.supply.put_back(self.count);
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.semaphore.supply.put_back(self.count);
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("size", &self.size)
            .field("available", &self.available())
            .finish()
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("count", &self.count).finish()
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("count", &self.count()).finish()
    }
}
