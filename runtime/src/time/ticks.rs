//! The core of timers and tickers, and the side of them that receives.
//!
//! Nobody sends: a due time is a fact, and who receives compares it with the clock, or parks until
//! then by the timer of its own wait. So a timer that nobody waits for costs nothing and keeps
//! nobody awake, a stopped one has left nothing behind, and ticks that came while nobody looked are
//! one tick. Go's timer channels are the same since 1.23 (`time.NewTimer`: "no stale values", and
//! no buffer to be seen).
//!
//! Invariants:
//! 1. `due` changes under the lock, and who waits for another time than the new one is woken.
//! 2. A tick is taken by one receiver, under the lock.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::records::node::Op;
use crate::records::object::{Kind, ObjectCell};
use crate::records::statics::Site;
use crate::records::waiter::{Current, Reason};
use crate::scheduler::current;
use crate::select::{Arm, Handle, Ops, RecvOperand};
use crate::sync::Lock;
use crate::time::{Instant, clock};
use crate::wait::queue::WaitQueue;
use crate::wait::{self, On, Why};

struct State {
    /// None: stopped, or had its one tick.
    due: Option<u64>,
    /// Zero for a single tick.
    period: u64,
    waiters: WaitQueue,
}

impl State {
    /// The tick, if one is due, as the time at which it was due. The next one is the first that
    /// lies ahead: a slow receiver misses those between.
    fn take(&mut self, now: u64) -> Option<Instant> {
        let due = self.due.filter(|due| *due <= now)?;
        let passed = (now - due).checked_div(self.period);
        self.due = passed.map(|passed| due.saturating_add(self.period.saturating_mul(passed + 1)));
        Some(Instant::from_ns(due))
    }
}

pub(crate) struct Core {
    cell: ObjectCell,
    state: Lock<State>,
}

impl Core {
    pub(crate) fn new(due: Instant, period: Duration, site: Site) -> Arc<Core> {
        // A channel with room for one, to who asks.
        let cell = ObjectCell::bounded(Kind::Channel, site, 2);
        let state =
            State { due: Some(due.as_ns()), period: clock::ns(period), waiters: WaitQueue::new() };
        Arc::new(Core { cell, state: Lock::new(state) })
    }

    /// Sets when the next tick is due, if ever. Whether one was to come before, or had come and
    /// nobody had taken it.
    pub(crate) fn set(&self, due: Option<Instant>, period: Duration, site: Site) -> bool {
        let who = current::get();
        if let Some(record) = self.cell.used_by(who) {
            record.sender.used(who, site);
        }
        let mut state = self.state.lock();
        let before = std::mem::replace(&mut state.due, due.map(Instant::as_ns));
        state.period = clock::ns(period);
        let claimed = state.waiters.claim_all();
        drop(state);
        claimed.wake();
        before.is_some()
    }

    fn note_use(&self, who: Current, site: Site) {
        if let Some(record) = self.cell.used_by(who) {
            record.receiver.used(who, site);
        }
    }

    fn recv(&self, until: Option<u64>, site: Site) -> Option<Instant> {
        let who = current::operate();
        self.note_use(who, site);
        loop {
            let now = clock::now_ns();
            let mut state = self.state.lock();
            let tick = state.take(now);
            if tick.is_some() || until.is_some_and(|until| until <= now) {
                return tick;
            }
            let until = state.due.into_iter().chain(until).min();
            let why = Why { reason: Reason::Receive, site, until };
            let on = On::object(self.cell.target());
            let (waiting, node) = wait::begin(who, why, Op::Receive, on);
            state.waiters.push_back(node);
            drop(state);
            let outcome = waiting.park();
            if outcome.left_queued() {
                self.state.lock().waiters.remove(node);
            }
            outcome.or_unwind();
        }
    }
}

/// A node of the receiving side: see `docs/decisions/0002`.
pub(crate) struct TicksSide(pub(crate) Arc<Core>);

/// What a timer or a ticker sends: the times at which its ticks were due.
///
/// It never closes: of a stopped timer nothing comes, and who receives waits for ever.
#[derive(Clone)]
pub struct Ticks {
    side: Arc<TicksSide>,
}

impl Ticks {
    pub(crate) fn new(core: Arc<Core>) -> Ticks {
        Ticks { side: Arc::new(TicksSide(core)) }
    }

    fn core(&self) -> &Core {
        &self.side.0
    }

    /// Gives it a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Ticks {
        self.core().cell.set_name(name);
        self
    }

    /// Waits for the next tick, and says when it was due.
    #[track_caller]
    pub fn recv(&self) -> Instant {
        loop {
            if let Some(tick) = self.core().recv(None, Location::caller()) {
                return tick;
            }
        }
    }

    /// The tick that is due already, if there is one.
    #[track_caller]
    #[must_use]
    pub fn try_recv(&self) -> Option<Instant> {
        self.core().note_use(current::get(), Location::caller());
        self.core().state.lock().take(clock::now_ns())
    }

    /// Waits for the next tick, for `limit` at most.
    #[track_caller]
    pub fn recv_timeout(&self, limit: Duration) -> Option<Instant> {
        self.recv_deadline(Instant::now() + limit)
    }

    /// Waits for the next tick, until `deadline` at most.
    #[track_caller]
    pub fn recv_deadline(&self, deadline: Instant) -> Option<Instant> {
        self.core().recv(Some(deadline.as_ns()), Location::caller())
    }
}

impl fmt::Debug for Ticks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.core().state.lock();
        f.debug_struct("Ticks").field("due", &state.due).field("period", &state.period).finish()
    }
}

/// The arm of a select that receives a tick.
#[expect(missing_debug_implementations, reason = "lives for one select")]
pub struct TicksArm<'a> {
    core: &'a Core,
    /// When the next tick is due, as last seen: the wait's timer goes by it.
    due: Option<u64>,
    queued: Option<u32>,
    output: Option<Instant>,
}

impl<'a> RecvOperand<'a> for Ticks {
    type Arm = TicksArm<'a>;
    fn arm(&'a self) -> TicksArm<'a> {
        TicksArm { core: self.core(), due: None, queued: None, output: None }
    }
}

impl TicksArm<'_> {
    /// When the tick was due.
    ///
    /// # Panics
    /// When the arm did not fire, or its output was taken before.
    pub fn output(&mut self) -> Instant {
        self.output.take().expect("the output of an arm that fired, once")
    }

    fn look(&mut self) -> bool {
        let mut state = self.core.state.lock();
        self.output = state.take(clock::now_ns());
        self.due = state.due;
        self.output.is_some()
    }
}

impl Arm for TicksArm<'_> {
    fn handle(&mut self) -> Handle<'_> {
        Handle(self)
    }
}

impl Ops for TicksArm<'_> {
    fn on(&self) -> (Op, On) {
        (Op::Receive, On::object(self.core.cell.target()))
    }

    fn until(&self) -> Option<u64> {
        self.due
    }

    fn try_fire(&mut self, site: Site) -> bool {
        self.core.note_use(current::get(), site);
        self.look()
    }

    fn queue(&mut self, _: Current, node: u32) -> bool {
        let mut state = self.core.state.lock();
        if state.due != self.due {
            // Reset meanwhile: the wait would end at the wrong time.
            return false;
        }
        state.waiters.push_back(node);
        self.queued = Some(node);
        true
    }

    fn claimed(&mut self) {
        self.queued = None;
    }

    fn unqueue(&mut self) {
        if let Some(node) = self.queued.take() {
            self.core.state.lock().waiters.remove(node);
        }
    }

    fn settle(&mut self) -> bool {
        self.look()
    }
}

impl Drop for TicksArm<'_> {
    fn drop(&mut self) {
        self.unqueue();
    }
}
