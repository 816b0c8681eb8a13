//! Every choice of the scheduler goes through one value: which ready arm of a select is looked at
//! first, and when a task that could go on gives way.
//!
//! The choices sit on the slow path of an operation budget: a task may do [`BUDGET`] operations in
//! a row. A deterministic order keeps the budget at zero, so that every operation comes here; the
//! normal build has no second branch for it.

use crate::sync::Cell;

/// Operations that a task may do before others get their turn.
const BUDGET: u32 = 256;

/// The order that a worker follows.
#[derive(Debug)]
pub(crate) struct Policy {
    left: Cell<u32>,
    random: Cell<u64>,
}

impl Policy {
    pub(crate) fn new(seed: u64) -> Policy {
        Policy { left: Cell::new(BUDGET), random: Cell::new(seed | 1) }
    }

    /// A task starts or goes on: it has its whole budget.
    pub(crate) fn turn_begins(&self) {
        self.left.set(BUDGET);
    }

    /// Before an operation: whether the task has to give way first.
    #[inline]
    pub(crate) fn must_yield(&self) -> bool {
        match self.left.get().checked_sub(1) {
            Some(left) => {
                self.left.set(left);
                false
            }
            None => self.decide(),
        }
    }

    #[cold]
    fn decide(&self) -> bool {
        self.left.set(BUDGET);
        true
    }

    /// Which of `count` arms is looked at first: uniform. xorshift64 (Marsaglia 2003).
    pub(crate) fn first_arm(&self, count: usize) -> usize {
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.set(x);
        (x >> 32) as usize % count.max(1)
    }
}
