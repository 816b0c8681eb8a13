//! `Barrier`: so many go on together.
//!
//! Invariants:
//! 1. `arrived` counts the queued waiters of the present round, and is less than the size.
//! 2. The last one claims all others under the lock: a round has nobody of another one in it, and
//!    the barrier can be used again at once.

use std::fmt;
use std::panic::Location;

use crate::records::node::Op;
use crate::records::object::{Kind, ObjectCell};
use crate::records::statics::Site;
use crate::records::waiter::{Current, Reason};
use crate::scheduler::current;
use crate::sync::Lock;
use crate::wait::queue::{Claims, WaitQueue};
use crate::wait::{self, On, Waiting, Why};

struct State {
    arrived: u64,
    waiters: WaitQueue,
}

/// Lets tasks go on when so many have come, as std's `Barrier`; again and again.
pub struct Barrier {
    cell: ObjectCell,
    size: u64,
    state: Lock<State>,
}

/// What [`Barrier::wait`] returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BarrierWaitResult {
    leader: bool,
}

impl BarrierWaitResult {
    /// True for one of each round: the last that came.
    #[must_use]
    pub fn is_leader(self) -> bool {
        self.leader
    }
}

/// What coming to the barrier means.
enum Arrival {
    Last(Claims),
    Early(Waiting, u32),
}

impl Barrier {
    /// Lets `size` tasks go on together. A size of zero is as one: nobody ever waits.
    #[track_caller]
    #[must_use]
    pub const fn new(size: usize) -> Barrier {
        let size = size as u64;
        let cell = ObjectCell::bounded(Kind::Barrier, Location::caller(), size);
        Barrier { cell, size, state: Lock::new(State { arrived: 0, waiters: WaitQueue::new() }) }
    }

    /// Gives it a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Barrier {
        self.cell.set_name(name);
        self
    }

    /// Waits until all of the round have come.
    #[track_caller]
    pub fn wait(&self) -> BarrierWaitResult {
        let site = Location::caller();
        let who = current::operate();
        self.cell.used_by(who);
        match self.arrive(who, site) {
            Arrival::Last(others) => {
                others.wake();
                BarrierWaitResult { leader: true }
            }
            Arrival::Early(waiting, node) => {
                let outcome = waiting.park();
                if outcome.left_queued() {
                    self.leave(node);
                }
                outcome.or_unwind();
                BarrierWaitResult { leader: false }
            }
        }
    }

    fn arrive(&self, who: Current, site: Site) -> Arrival {
        let mut state = self.state.lock();
        if state.arrived + 1 >= self.size {
            state.arrived = 0;
            let others = state.waiters.claim_all();
            self.note(&state);
            return Arrival::Last(others);
        }
        state.arrived += 1;
        self.note(&state);
        let why = Why { reason: Reason::Barrier, site, until: None };
        let on = On::object(self.cell.target());
        let (waiting, node) = wait::begin(who, why, Op::Barrier, on);
        state.waiters.push_back(node);
        Arrival::Early(waiting, node)
    }

    /// A waiter that was given up. Its round may have gone on without it just now.
    fn leave(&self, node: u32) {
        let mut state = self.state.lock();
        let before = state.waiters.len();
        state.waiters.remove(node);
        state.arrived -= before - state.waiters.len();
        self.note(&state);
    }

    fn note(&self, state: &State) {
        if let Some(record) = self.cell.known() {
            record.level.set(state.arrived);
        }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("size", &self.size)
            .field("arrived", &self.state.lock().arrived)
            .finish()
    }
}
