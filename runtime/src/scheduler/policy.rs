//! Every choice of the scheduler goes through one value: when a task that could go on gives way, who
//! runs next, which ready arm of a select fires, who gets a lock, which of the due timers is first.
//!
//! In the normal order ([`Order::Fair`]) the choices cost nothing: they sit on the slow path of two
//! budgets, one of operations that a task may do in a row, one of turns between two looks at the
//! queues that others fill. A seeded order keeps both at zero, so that every operation and every turn
//! comes here. There is no second branch for it on any fast path.

use crate::sync::{AtomicU64, Cell, Ordering};

/// Operations that a task may do before others get their turn.
const BUDGET: u32 = 256;
/// A prime, as in Go's scheduler: how often queues that others fill are looked at first.
const FAIR_TURNS: u32 = 61;

/// In which order tasks run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// Woken tasks first come, first served; fresh ones youngest first; nobody waits for ever.
    #[default]
    Fair,
    /// Chosen by chance before every operation, but for one seed always the same, as long as the
    /// program asks nobody outside of it: no clock, no thread, no file. One worker.
    Seeded(u64),
}

/// The order that a worker follows.
#[derive(Debug)]
pub(crate) struct Policy {
    order: Cell<Order>,
    operations: Cell<u32>,
    turns: Cell<u32>,
    random: Cell<u64>,
}

impl Policy {
    /// `salt` makes workers choose differently.
    pub(crate) fn new(salt: u64) -> Policy {
        Policy {
            order: Cell::new(Order::Fair),
            operations: Cell::new(BUDGET),
            turns: Cell::new(FAIR_TURNS),
            random: Cell::new(mixed(salt)),
        }
    }

    /// Follows this order from now on; a seeded one from its beginning.
    pub(crate) fn follow(&self, order: Order) {
        self.order.set(order);
        if let Order::Seeded(seed) = order {
            self.random.set(mixed(seed));
        }
        self.operations.set(self.budget(BUDGET));
        self.turns.set(self.budget(FAIR_TURNS));
    }

    fn budget(&self, fair: u32) -> u32 {
        match self.order.get() {
            Order::Fair => fair,
            Order::Seeded(_) => 0,
        }
    }

    /// A task starts or goes on: it has its whole budget.
    #[inline]
    pub(crate) fn turn_begins(&self) {
        // Not under a seed: there the budget stays at zero.
        if self.operations.get() != 0 {
            self.operations.set(BUDGET);
        }
    }

    /// Before an operation: whether the task has to give way first.
    #[inline]
    pub(crate) fn must_yield(&self) -> bool {
        match self.operations.get().checked_sub(2) {
            Some(left) => {
                self.operations.set(left + 1);
                false
            }
            None => self.decide(),
        }
    }

    #[cold]
    fn decide(&self) -> bool {
        self.operations.set(self.budget(BUDGET));
        match self.order.get() {
            Order::Fair => true,
            Order::Seeded(_) => self.random().is_multiple_of(2),
        }
    }

    /// Before a turn: whether the worker looks at all of its queues first.
    #[inline]
    pub(crate) fn looks_around(&self) -> bool {
        match self.turns.get().checked_sub(1) {
            Some(left) => {
                self.turns.set(left);
                false
            }
            None => true,
        }
    }

    /// It has looked. Under a seed: which of `count` tasks runs next.
    pub(crate) fn next_task(&self, count: usize) -> Option<usize> {
        self.turns.set(self.budget(FAIR_TURNS));
        match self.order.get() {
            Order::Fair => None,
            Order::Seeded(_) => (count > 0).then(|| self.among(count)),
        }
    }

    /// Which of the `count` arms that are left is looked at next: uniform.
    pub(crate) fn next_arm(&self, count: usize) -> usize {
        self.among(count)
    }

    /// Which of `count` who wait in line comes first: for a lock, or with the same timer.
    pub(crate) fn next_in_line(&self, count: usize) -> usize {
        match self.order.get() {
            Order::Fair => 0,
            Order::Seeded(_) => self.among(count.max(1)),
        }
    }

    /// Whether somebody has waited so long that the order of arrival is to count from now on. Time
    /// decides nothing under a seed.
    pub(crate) fn is_overdue(&self, waited_ns: u64, limit_ns: u64) -> bool {
        match self.order.get() {
            Order::Fair => waited_ns >= limit_ns,
            Order::Seeded(_) => false,
        }
    }

    fn among(&self, count: usize) -> usize {
        if count == 1 {
            // No choice, so no chance is used up: how often that comes depends on the machine.
            return 0;
        }
        scaled(self.random(), count)
    }

    /// xorshift64* (Marsaglia 2003, Vigna 2016).
    fn random(&self) -> u64 {
        let mut x = self.random.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.set(x);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// As [`Policy::next_arm`], for threads that are no workers: they follow no order.
pub(crate) fn next_arm_outside(count: usize) -> usize {
    static DRAWS: AtomicU64 = AtomicU64::new(0);
    scaled(mixed(DRAWS.fetch_add(1, Ordering::Relaxed)), count)
}

/// A multiplication instead of a division: Lemire, "Fast random integer generation in an interval",
/// 2019, without the rejection: the bias is below 2^-32 a choice.
fn scaled(random: u64, count: usize) -> usize {
    ((u128::from(random) * count as u128) >> 64) as usize
}

/// Never zero, and far apart for neighbours: splitmix64 (Steele et al. 2014).
fn mixed(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) | 1
}
