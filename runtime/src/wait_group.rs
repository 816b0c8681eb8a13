//! `WaitGroup`: counts work that is open, and waits until none is.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::records::node::Op;
use crate::records::object::{Kind, ObjectCell};
use crate::records::waiter::{Current, Reason};
use crate::scheduler::current;
use crate::sync::Lock;

use crate::wait::queue::{Claims, WaitQueue};
use crate::wait::{self, On, Why};

#[derive(Default)]
struct State {
    count: i64,
    waiters: WaitQueue,
}

struct Core {
    cell: ObjectCell,
    state: Lock<State>,
}

/// Go's `sync.WaitGroup`. Clones share one counter.
#[derive(Clone)]
pub struct WaitGroup {
    core: Arc<Core>,
}

impl WaitGroup {
    /// Counts zero.
    #[track_caller]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "`new` notes where the group is made")]
    pub fn new() -> WaitGroup {
        let cell = ObjectCell::new(Kind::WaitGroup, Location::caller());
        WaitGroup { core: Arc::new(Core { cell, state: Lock::new(State::default()) }) }
    }

    /// Counts `work` more. Call it before the task is spawned, not inside.
    ///
    /// # Panics
    /// When the count would fall below zero (`work` may be negative) or overflow.
    #[track_caller]
    pub fn add(&self, work: i64) {
        let who = current::get();
        let record = self.core.cell.used_by(who);
        let mut state = self.core.state.lock();
        let count = state.count.checked_add(work).filter(|count| *count >= 0);
        let Some(count) = count else {
            let before = state.count;
            drop(state);
            panic!("a wait group that counts {before} cannot count {work} more");
        };
        state.count = count;
        let claimed = if count == 0 { state.waiters.claim_all() } else { Claims::default() };
        if let Some(record) = record {
            record.level.set(count.cast_unsigned());
            record.sender.used(who, Location::caller());
        }
        drop(state);
        claimed.wake();
    }

    /// One less.
    ///
    /// # Panics
    /// When the count is zero.
    #[track_caller]
    pub fn done(&self) {
        self.add(-1);
    }

    /// Waits until the count is zero.
    #[track_caller]
    pub fn wait(&self) {
        let site = Location::caller();
        let who = current::operate();
        self.core.cell.used_by(who);
        while let Some((waiting, node)) = self.begin(who, site) {
            let outcome = waiting.park();
            if outcome.left_queued() {
                self.core.state.lock().waiters.remove(node);
            }
            outcome.or_unwind();
        }
    }

    fn begin(
        &self,
        who: Current,
        site: &'static Location<'static>,
    ) -> Option<(wait::Waiting, u32)> {
        let mut state = self.core.state.lock();
        if state.count == 0 {
            return None;
        }
        let why = Why { reason: Reason::WaitGroup, site, until: None };
        let on = On::object(self.core.cell.target());
        let (waiting, node) = wait::begin(who, why, Op::WaitGroup, on);
        state.waiters.push_back(node);
        Some((waiting, node))
    }

    /// What it counts.
    #[must_use]
    pub fn count(&self) -> i64 {
        self.core.state.lock().count
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup").field("count", &self.count()).finish()
    }
}
