//! The core of a channel: a short lock around a buffer and two queues of waiters.
//!
//! Invariants, under the lock (as in Go's `chan.go`):
//! 1. If a receiver waits, the buffer is empty and no sender waits (but one and the same select may
//!    wait on both sides).
//! 2. If a sender waits, the buffer is full.
//! 3. `closed` and the two `gone` flags never go back.
//!
//! A value changes hands between claim and wake of the waiter (`wait/slot.rs`). No value of the
//! user's is dropped under the lock.

use std::collections::VecDeque;

use crate::chan::op;
use crate::records::node::Op;
use crate::records::object::{Kind, ObjectCell, ObjectRecord};
use crate::records::statics::Site;
use crate::records::waiter::{Current, Reason};
use crate::scheduler::current;
use crate::sync::{Guard, Lock};
use crate::time::clock;
use crate::wait::slot::SlotQueue;
use crate::wait::{self, On, Why};

/// Why a send did not happen.
pub(crate) enum NotSent<T> {
    /// Closed at this place.
    Closed(T, Site),
    /// No receiver is left.
    Disconnected(T),
    /// No room (or no more time for there to be some).
    Full(T),
}

/// Why a receive got nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotReceived {
    /// Closed or without senders, and empty.
    Over,
    /// Nothing there (or no more time for something to come).
    Empty,
}

pub(crate) struct State<T> {
    buffer: VecDeque<T>,
    pub(crate) senders: SlotQueue<T>,
    pub(crate) receivers: SlotQueue<T>,
    closed: Option<Site>,
    senders_gone: bool,
    receivers_gone: bool,
}

/// A channel.
pub(crate) struct Core<T> {
    pub(crate) cell: ObjectCell,
    state: Lock<State<T>>,
    /// None when unbounded.
    capacity: Option<usize>,
}

impl<T> Core<T> {
    pub(crate) fn new(capacity: Option<usize>, site: Site) -> Core<T> {
        let state = State {
            buffer: VecDeque::new(),
            senders: SlotQueue::new(),
            receivers: SlotQueue::new(),
            closed: None,
            senders_gone: false,
            receivers_gone: false,
        };
        let bound = capacity.map_or(0, |capacity| capacity as u64 + 1);
        let cell = ObjectCell::bounded(Kind::Channel, site, bound);
        Core { cell, state: Lock::new(state), capacity }
    }

    /// Sends now or not at all.
    pub(crate) fn try_send(&self, value: T, site: Site) -> Result<(), NotSent<T>> {
        let who = current::get();
        let record = self.cell.used_by(who);
        if let Some(record) = record {
            record.sender.used(who, site);
        }
        self.state.lock().try_send(value, self.capacity, record)
    }

    /// Sends, waiting until `until` at most.
    #[inline]
    pub(crate) fn send(&self, value: T, until: Option<u64>, site: Site) -> Result<(), NotSent<T>> {
        let who = current::operate();
        let record = self.cell.used_by(who);
        if let Some(record) = record {
            record.sender.used(who, site);
        }
        // What mostly happens, in a row: the value then stays in registers. Put into a frame and
        // taken out again it costs more than the lock.
        let mut state = self.state.lock();
        if state.takes_values() {
            if let Some(receiver) = state.receivers.claim_first() {
                drop(state);
                receiver.give(value);
                return Ok(());
            }
            if state.has_room(self.capacity) {
                state.buffer.push_back(value);
                state.note_len(record);
                return Ok(());
            }
        }
        self.send_or_park(state, value, Why { reason: Reason::Send, site, until }, who)
    }

    // One frame from the caller's to the switch: see `fiber::suspend`.
    #[expect(clippy::inline_always, reason = "see above; measured")]
    #[inline(always)]
    fn send_or_park<'a>(
        &'a self,
        mut state: Guard<'a, State<T>>,
        mut value: T,
        why: Why,
        who: Current,
    ) -> Result<(), NotSent<T>> {
        loop {
            value = match state.try_send(value, self.capacity, self.cell.known()) {
                Err(NotSent::Full(value)) => value,
                done => return done,
            };
            if why.until.is_some_and(|until| until <= clock::now_ns()) {
                return Err(NotSent::Full(value));
            }
            let (waiting, node) = wait::begin(who, why, Op::Send, On::object(self.cell.target()));
            let mut op = op::send(self, value);
            op.queue(&mut state.senders, node);
            drop(state);
            let outcome = waiting.park();
            if outcome.left_queued() {
                op.unqueue();
            } else {
                op.claimed();
            }
            let timed_out = outcome.or_unwind();
            match op.take() {
                None => return Ok(()),
                Some(unsent) if timed_out => return Err(NotSent::Full(unsent)),
                // Claimed without taking the value: closed or disconnected. The loop says which.
                Some(unsent) => value = unsent,
            }
            state = self.state.lock();
        }
    }

    /// Receives now or not at all.
    pub(crate) fn try_recv(&self, site: Site) -> Result<T, NotReceived> {
        let who = current::get();
        let record = self.cell.used_by(who);
        if let Some(record) = record {
            record.receiver.used(who, site);
        }
        self.state.lock().try_recv(record)
    }

    /// Receives, waiting until `until` at most.
    #[inline]
    pub(crate) fn recv(&self, until: Option<u64>, site: Site) -> Result<T, NotReceived> {
        let who = current::operate();
        let record = self.cell.used_by(who);
        if let Some(record) = record {
            record.receiver.used(who, site);
        }
        loop {
            let mut state = self.state.lock();
            match state.try_recv(record) {
                Err(NotReceived::Empty) => {}
                done => return done,
            }
            if until.is_some_and(|until| until <= clock::now_ns()) {
                return Err(NotReceived::Empty);
            }
            let why = Why { reason: Reason::Receive, site, until };
            let (waiting, node) =
                wait::begin(who, why, Op::Receive, On::object(self.cell.target()));
            let mut op = op::recv(self);
            op.queue(&mut state.receivers, node);
            drop(state);
            let outcome = waiting.park();
            if outcome.left_queued() {
                op.unqueue();
            } else {
                op.claimed();
            }
            let timed_out = outcome.or_unwind();
            match op.take() {
                Some(value) => return Ok(value),
                None if timed_out => return Err(NotReceived::Empty),
                None => {}
            }
        }
    }

    /// Closes it. `Err` with the place of the first close when it is closed already.
    pub(crate) fn close(&self, site: Site) -> Result<(), Site> {
        let who = current::get();
        let record = self.cell.used_by(who);
        let mut state = self.state.lock();
        if let Some(first) = state.closed {
            return Err(first);
        }
        state.closed = Some(site);
        if let Some(record) = record {
            record.over.set(1);
        }
        // Senders too: they panic, each at its own place, as in Go.
        let receivers = state.receivers.claim_all();
        let senders = state.senders.claim_all();
        drop(state);
        receivers.wake();
        senders.wake();
        Ok(())
    }

    /// The last sender has gone: who receives gets what is left, and then the end.
    pub(crate) fn senders_gone(&self) {
        let mut state = self.state.lock();
        state.senders_gone = true;
        let claimed = state.receivers.claim_all();
        drop(state);
        self.note_over();
        claimed.wake();
    }

    /// The last receiver has gone: nothing can be sent any more, and what is left is dropped.
    pub(crate) fn receivers_gone(&self) {
        let mut state = self.state.lock();
        state.receivers_gone = true;
        let left = std::mem::take(&mut state.buffer);
        let claimed = state.senders.claim_all();
        drop(state);
        self.note_over();
        claimed.wake();
        drop(left);
    }

    fn note_over(&self) {
        // Only if it has a record: a channel that was never used needs none now.
        if let Some(record) = self.cell.known() {
            record.over.set(1);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.state.lock().buffer.len()
    }

    pub(crate) fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    pub(crate) fn lock(&self) -> Guard<'_, State<T>> {
        self.state.lock()
    }
}

impl<T> State<T> {
    #[inline]
    fn takes_values(&self) -> bool {
        self.closed.is_none() && !self.receivers_gone
    }

    #[inline]
    fn has_room(&self, capacity: Option<usize>) -> bool {
        capacity.is_none_or(|capacity| self.buffer.len() < capacity)
    }

    /// Whether a send would end now, in whatever way, without counting on `me`.
    pub(crate) fn send_is_ready(&self, capacity: Option<usize>, me: Current) -> bool {
        self.has_room(capacity)
            || self.closed.is_some()
            || self.receivers_gone
            || self.receivers.has_other(me)
    }

    /// Whether a receive would end now, in whatever way, without counting on `me`.
    pub(crate) fn recv_is_ready(&self, me: Current) -> bool {
        !self.buffer.is_empty()
            || self.closed.is_some()
            || self.senders_gone
            || self.senders.has_other(me)
    }

    #[inline]
    fn try_send(
        &mut self,
        value: T,
        capacity: Option<usize>,
        record: Option<&ObjectRecord>,
    ) -> Result<(), NotSent<T>> {
        if let Some(site) = self.closed {
            return Err(NotSent::Closed(value, site));
        }
        if self.receivers_gone {
            return Err(NotSent::Disconnected(value));
        }
        if let Some(receiver) = self.receivers.claim_first() {
            receiver.give(value);
            return Ok(());
        }
        if self.has_room(capacity) {
            self.buffer.push_back(value);
            self.note_len(record);
            return Ok(());
        }
        Err(NotSent::Full(value))
    }

    #[inline]
    fn try_recv(&mut self, record: Option<&ObjectRecord>) -> Result<T, NotReceived> {
        if let Some(value) = self.buffer.pop_front() {
            // Somebody who waited for room moves up.
            if let Some(next) = self.senders.claim_first().and_then(|sender| sender.take()) {
                self.buffer.push_back(next);
            }
            self.note_len(record);
            return Ok(value);
        }
        if let Some(value) = self.senders.claim_first().and_then(|sender| sender.take()) {
            return Ok(value);
        }
        if self.closed.is_some() || self.senders_gone {
            return Err(NotReceived::Over);
        }
        Err(NotReceived::Empty)
    }

    fn note_len(&self, record: Option<&ObjectRecord>) {
        if let Some(record) = record {
            record.level.set(self.buffer.len() as u64);
        }
    }
}
