//! The engine of select: try, publish, queue, park, settle.

use std::panic::Location;
use std::time::Duration;

use crate::records::statics::Site;
use crate::records::waiter::{Current, Reason};
use crate::scheduler::current;
use crate::select::arm::{Arm, Ops};
use crate::time::{Instant, clock};
use crate::wait::{self, Outcome, Why};

/// Which arm fired.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fired {
    /// The arm with this index, in the order of [`Select::arm`].
    Arm(usize),
    /// None was ready and there is a default.
    Default,
    /// The time was over first.
    After,
}

/// A select whose arms are put together at run time.
///
/// ```
/// use gleak_runtime::select::{Arm as _, Fired, Select, recv};
/// use gleak_runtime::Chan;
///
/// gleak_runtime::run(|| {
///     let channels: Vec<Chan<u32>> = (0..3).map(|_| Chan::new(1)).collect();
///     channels[2].send(7);
///     let mut arms: Vec<_> = channels.iter().map(recv).collect();
///     let mut select = Select::new();
///     for arm in &mut arms {
///         select = select.arm(arm);
///     }
///     assert_eq!(select.wait(), Fired::Arm(2));
///     assert_eq!(arms[2].output(), Some(7));
/// });
/// ```
#[must_use]
pub struct Select<'a> {
    arms: Vec<&'a mut dyn Ops>,
    default: bool,
    biased: bool,
    until: Option<u64>,
}

impl std::fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Select").field("arms", &self.arms.len()).finish_non_exhaustive()
    }
}

impl Default for Select<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Select<'a> {
    /// No arm: waiting would be for ever.
    pub fn new() -> Self {
        Select { arms: Vec::new(), default: false, biased: false, until: None }
    }

    /// One more arm.
    pub fn arm(mut self, arm: &'a mut dyn Arm) -> Self {
        self.arms.push(arm.handle().0);
        self
    }

    /// Does not wait: [`Fired::Default`] when no arm is ready.
    pub fn or_default(mut self) -> Self {
        self.default = true;
        self
    }

    /// Waits for `limit` at most: [`Fired::After`] when no arm was ready by then.
    pub fn after(mut self, limit: Duration) -> Self {
        let until = (Instant::now() + limit).as_ns();
        self.until = Some(self.until.map_or(until, |sooner| sooner.min(until)));
        self
    }

    /// Among ready arms the first one fires, not a random one.
    pub fn biased(mut self) -> Self {
        self.biased = true;
        self
    }

    /// Waits until one arm has fired. Its output is in the arm.
    ///
    /// # Panics
    /// When a send arm finds its [`Chan`](crate::Chan) closed.
    #[track_caller]
    pub fn wait(mut self) -> Fired {
        self.wait_at(Location::caller())
    }

    fn wait_at(&mut self, site: Site) -> Fired {
        let who = current::operate();
        loop {
            if let Some(arm) = self.try_all(site) {
                return Fired::Arm(arm);
            }
            if self.default {
                return Fired::Default;
            }
            if self.until.is_some_and(|until| until <= clock::now_ns()) {
                return Fired::After;
            }
            let fired = self.park(who, site);
            if let Some(arm) = fired {
                return Fired::Arm(arm);
            }
        }
    }

    fn try_all(&mut self, site: Site) -> Option<usize> {
        let count = self.arms.len();
        let first = match current::worker() {
            Some(worker) if !self.biased => worker.policy.first_arm(count),
            _ => 0,
        };
        (0..count).map(|step| (first + step) % count).find(|arm| self.arms[*arm].try_fire(site))
    }

    /// One wait. Comes back with the arm that fired, or nothing: look again.
    fn park(&mut self, who: Current, site: Site) -> Option<usize> {
        let until = self.arms.iter().filter_map(|arm| arm.until()).chain(self.until).min();
        let why = Why { reason: Reason::Select, site, until };
        let waiting = wait::begin_select(who, why, self.arms.iter().map(|arm| arm.on()));
        let mut nodes = who.record.nodes();
        let mut arms = self.arms.iter_mut();
        let all_queued = arms.all(|arm| nodes.next().is_some_and(|node| arm.queue(who, node)));
        // When some arm is ready: the wait is taken back, or somebody has claimed it already.
        let outcome = if !all_queued && waiting.cancel() { None } else { Some(waiting.park()) };
        for arm in &mut self.arms {
            arm.unqueue();
        }
        let outcome = outcome?;
        outcome.or_unwind();
        match outcome {
            Outcome::Arm(arm) => {
                let arm = arm as usize;
                self.arms[arm].settle().then_some(arm)
            }
            Outcome::TimedOut | Outcome::Abandoned => None,
        }
    }
}
