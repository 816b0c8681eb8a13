//! The engine of select: try, publish, queue, park, settle.

use std::panic::Location;
use std::time::Duration;

use crate::records::statics::Site;
use crate::records::waiter::{Current, Reason};
use crate::scheduler::{current, policy};
use crate::select::arm::{Arm, Handle};
use crate::time::{Instant, clock};
use crate::wait::{self, Outcome, Why};

/// Arms whose order is chosen at once: the bits of a word. Of more, whole blocks take turns.
const BLOCK: usize = u64::BITS as usize;

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
    arms: Arms<'a>,
    default: bool,
    biased: bool,
    until: Option<u64>,
}

/// Where the arms lie: put together at run time, or in the frame of a `select!`.
enum Arms<'a> {
    Own(Vec<Handle<'a>>),
    Frame(&'a mut [Handle<'a>]),
}

impl<'a> Arms<'a> {
    fn get(&mut self) -> &mut [Handle<'a>] {
        match self {
            Arms::Own(arms) => arms,
            Arms::Frame(arms) => arms,
        }
    }
}

impl std::fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let arms = match &self.arms {
            Arms::Own(arms) => arms.len(),
            Arms::Frame(arms) => arms.len(),
        };
        f.debug_struct("Select").field("arms", &arms).finish_non_exhaustive()
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
        Select::of(Arms::Own(Vec::new()))
    }

    /// Over arms that lie in the caller's frame.
    #[doc(hidden)]
    pub fn over(arms: &'a mut [Handle<'a>]) -> Self {
        Select::of(Arms::Frame(arms))
    }

    fn of(arms: Arms<'a>) -> Self {
        Select { arms, default: false, biased: false, until: None }
    }

    /// One more arm.
    pub fn arm(mut self, arm: &'a mut dyn Arm) -> Self {
        match &mut self.arms {
            Arms::Own(arms) => arms.push(arm.handle()),
            Arms::Frame(arms) => {
                unreachable!("the {} arms of a frame are all there are", arms.len())
            }
        }
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
        let biased = self.biased;
        let arms = self.arms.get();
        if biased {
            return arms.iter_mut().position(|arm| arm.0.try_fire(site));
        }
        let blocks = arms.len().div_ceil(BLOCK);
        let first = if blocks > 1 { next_arm(blocks) } else { 0 };
        // Not two ranges in a chain: whether the compiler flattens that depends on what else it compiles.
        (first..first + blocks).find_map(|block| {
            let start = if block < blocks { block } else { block - blocks } * BLOCK;
            let end = arms.len().min(start + BLOCK);
            try_block(&mut arms[start..end], site).map(|arm| start + arm)
        })
    }

    /// One wait. Comes back with the arm that fired, or nothing: look again.
    fn park(&mut self, who: Current, site: Site) -> Option<usize> {
        let until = self.until;
        let arms = self.arms.get();
        let until = arms.iter().filter_map(|arm| arm.0.until()).chain(until).min();
        let why = Why { reason: Reason::Select, site, until };
        let waiting = wait::begin_select(who, why, arms.iter().map(|arm| arm.0.on()));
        let mut nodes = who.record.nodes();
        let mut queue = |arm: &mut Handle<'_>| nodes.next().is_some_and(|it| arm.0.queue(who, it));
        let all_queued = arms.iter_mut().all(&mut queue);
        // When some arm is ready: the wait is taken back, or somebody has claimed it already.
        let outcome = if !all_queued && waiting.cancel() { None } else { Some(waiting.park()) };
        if let Some(Outcome::Arm(won)) = outcome {
            arms[won as usize].0.claimed();
        }
        for arm in arms.iter_mut() {
            arm.0.unqueue();
        }
        let outcome = outcome?;
        outcome.or_unwind();
        match outcome {
            Outcome::Arm(arm) => {
                let arm = arm as usize;
                arms[arm].0.settle().then_some(arm)
            }
            Outcome::TimedOut | Outcome::Abandoned => None,
        }
    }
}

/// Tries up to [`BLOCK`] arms, any order as likely as any other: so each of those that are ready is as
/// likely to fire as any other, wherever the rest stand.
fn try_block(arms: &mut [Handle<'_>], site: Site) -> Option<usize> {
    let mut left = u64::MAX >> (BLOCK - arms.len());
    while left != 0 {
        let skipped = next_arm(left.count_ones() as usize);
        let rest = (0..skipped).fold(left, |rest, _| rest & (rest - 1));
        let arm = rest.trailing_zeros() as usize;
        if arms[arm].0.try_fire(site) {
            return Some(arm);
        }
        left &= !(1 << arm);
    }
    None
}

/// Which of `count` arms is tried next.
fn next_arm(count: usize) -> usize {
    match current::worker() {
        Some(worker) => worker.policy.next_arm(count),
        None => policy::next_arm_outside(count),
    }
}
