//! Gives the memory of free stacks back to the kernel: the monitor's work, never a task's.
//!
//! Now and then it looks which free stacks nobody has needed since the last look, beyond a few that
//! stay warm, and then gives up a bounded amount of memory a tick. When the process has been idle for
//! a while it does so once for all of them; an idle process makes no wake-ups after that.

use std::time::Duration;

use crate::machine::pool::{self, Surplus};
use crate::machine::stack::Releasing;

/// From one look to the next. A stack is trimmed when it was not needed for one to two times as long.
const LOOK_NS: u64 = 128_000_000;
/// How long nothing must have run before warm stacks count as too many.
pub(crate) const LULL: Duration = Duration::from_millis(128);

/// What the monitor keeps between ticks.
#[derive(Debug, Default)]
pub(crate) struct Trimmer {
    looked_ns: u64,
    /// Whether the last look found stacks that are not yet done.
    due: bool,
    /// Taken out of the pool, partly done.
    at_work: Option<Releasing>,
}

impl Trimmer {
    /// The monitor comes by: a tick while something runs, or the process has fallen idle. Both count,
    /// so a process that wakes for a moment ten times a second is trimmed too.
    pub(crate) fn tick(&mut self, now_ns: u64) {
        if now_ns.saturating_sub(self.looked_ns) >= LOOK_NS {
            self.looked_ns = now_ns;
            self.due |= pool::look(Surplus::Unneeded);
        }
        if self.due {
            self.due = self.step();
        }
    }

    /// Whether there is anything to do in a process in which nothing runs.
    pub(crate) fn has_surplus(&mut self) -> bool {
        self.due |= pool::look(Surplus::All);
        self.due
    }

    /// All there is to do, until something runs again.
    pub(crate) fn rest(&mut self, idle: impl Fn() -> bool) {
        while self.due && idle() {
            self.due = self.step();
        }
    }

    /// A bounded piece of work; says whether there may be more.
    fn step(&mut self) -> bool {
        let Some(mut work) = self.at_work.take().or_else(pool::surplus) else { return false };
        if work.step() {
            self.at_work = Some(work);
        } else {
            pool::put_cold(work);
        }
        true
    }
}
