//! Held workers: the monitor sees which worker has not switched for long, and which task keeps it.
//!
//! Every started task of a worker waits while one of them keeps it, and none can be moved: so this
//! is worth a fact. Nobody is preempted for it; a task that computes for long may ask by
//! [`check_budget`] whether it is its turn to give way.
//!
//! The worker writes who is on it and counts its turns; the monitor looks once a tick. Two looks
//! that see the same task in the same turn prove that it was there all the time in between, however
//! late the second one comes.
//!
//! Invariants:
//! 1. `running` and `turns` are written by the worker's own thread only, `held_turn` and
//!    `held_since` by the monitor only.
//! 2. `held_since` belongs to `held_turn`: who finds that turn still going on, after reading both,
//!    has a true pair. A turn that has ended is never taken for a held one.

use std::mem::offset_of;

use crate::flight;
use crate::records::table::Ref;
use crate::scheduler::current::{self, yield_now};
use crate::scheduler::fresh::Local;
use crate::scheduler::seat::{self, Seat};
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// A turn longer than this holds its worker. As in Go's scheduler, where it is the time after which
/// a goroutine is preempted.
const HELD_NS: u64 = 10_000_000;

/// What a worker shows of its turns. In a cache line of its own: the worker writes it with every
/// switch, and must not lose it to those who fill its inbox.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Turns {
    /// The task on the worker, as bits; zero between two tasks.
    running: AtomicU64,
    /// Changes with every turn.
    turns: AtomicU32,
    /// The turn that was the same in two looks of the monitor.
    stays_in: AtomicU32,
    /// The turn that is too long.
    held_turn: AtomicU32,
    /// When it was first seen, in nanoseconds of the clock; zero when no turn is too long.
    held_since: AtomicU64,
}

// Where these are, for the anchor.
pub(crate) const RUNNING: usize = offset_of!(Turns, running);
pub(crate) const TURN: usize = offset_of!(Turns, turns);
pub(crate) const HELD_TURN: usize = offset_of!(Turns, held_turn);
pub(crate) const HELD_SINCE: usize = offset_of!(Turns, held_since);

/// One look at a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Look {
    turn: u32,
    running: u64,
}

impl Look {
    /// The task that was on the worker.
    pub(crate) fn running(self) -> Option<Ref> {
        Ref::from_bits(self.running)
    }
}

impl Turns {
    pub(crate) fn new() -> Turns {
        Turns {
            running: AtomicU64::new(0),
            turns: AtomicU32::new(0),
            stays_in: AtomicU32::new(0),
            held_turn: AtomicU32::new(0),
            held_since: AtomicU64::new(0),
        }
    }

    /// A task gets the worker.
    #[inline]
    pub(crate) fn begin(&self, task: Ref) {
        self.running.store(task.to_bits(), Ordering::Relaxed);
        let turn = self.turns.load(Ordering::Relaxed).wrapping_add(1);
        // Release: who sees the turn also sees the task in it, and that it has started.
        self.turns.store(turn, Ordering::Release);
    }

    /// The task has left the worker.
    #[inline]
    pub(crate) fn end(&self) {
        self.running.store(0, Ordering::Relaxed);
    }

    pub(crate) fn look(&self) -> Look {
        let turn = self.turns.load(Ordering::Acquire);
        Look { turn, running: self.running.load(Ordering::Acquire) }
    }

    /// Whether it has been in its turn for a tick or more.
    pub(crate) fn stays(&self) -> bool {
        let look = self.look();
        look.running != 0 && look.turn == self.stays_in.load(Ordering::Relaxed)
    }

    /// Since when the turn that goes on is too long, if it is.
    #[inline]
    pub(crate) fn held_since(&self) -> Option<u64> {
        // Nearly always zero, and then this one load is all.
        if self.held_since.load(Ordering::Relaxed) == 0 { None } else { self.held_pair() }
    }

    fn held_pair(&self) -> Option<u64> {
        let turn = self.held_turn.load(Ordering::Acquire);
        let since = self.held_since.load(Ordering::Acquire);
        // Read last: a `since` of a later turn than `turn` was written after that one had begun. And a
        // worker that fell asleep after a long turn keeps its mark until the monitor looks again.
        let look = self.look();
        let goes_on = look.turn == turn && look.running != 0;
        (since != 0 && goes_on).then_some(since)
    }

    fn set_held(&self, turn: u32, since: Option<u64>) {
        match since {
            Some(since) => {
                self.held_turn.store(turn, Ordering::Relaxed);
                self.held_since.store(since, Ordering::Release);
            }
            None => self.held_since.store(0, Ordering::Release),
        }
    }
}

/// What the monitor remembers of one worker.
#[derive(Clone, Copy, Debug, Default)]
struct Track {
    last: Look,
    /// When `last` was first seen.
    first_ns: u64,
    held: bool,
}

/// What has changed about a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    Nothing,
    /// It has been held since then.
    Held(u64),
    /// It is held no longer.
    Freed,
}

impl Track {
    fn look(&mut self, now: Look, now_ns: u64) -> Change {
        if now.running == 0 || now != self.last {
            (self.last, self.first_ns) = (now, now_ns);
            return if std::mem::take(&mut self.held) { Change::Freed } else { Change::Nothing };
        }
        if self.held || now_ns.saturating_sub(self.first_ns) < HELD_NS {
            return Change::Nothing;
        }
        self.held = true;
        Change::Held(self.first_ns)
    }
}

/// The monitor's memory of all workers, by index.
pub(crate) struct Watch {
    tracks: Vec<Track>,
    /// What other workers' queues are measured with. Stays empty.
    queue: Local,
}

impl Watch {
    pub(crate) fn new() -> Watch {
        Watch { tracks: Vec::new(), queue: Local::new() }
    }

    /// Looks at every worker of the process. For the monitor alone, once a tick. Whether a turn goes on
    /// that may yet become too long: then another look is needed, even if nothing runs but a task
    /// that sleeps on its worker's thread.
    pub(crate) fn look(&mut self, now_ns: u64) -> bool {
        let mut open = false;
        for seat in seat::all() {
            let index = seat.index as usize;
            if self.tracks.len() <= index {
                self.tracks.resize(index + 1, Track::default());
            }
            let look = seat.turns.look();
            let stays = look.running != 0 && look == self.tracks[index].last;
            match self.tracks[index].look(look, now_ns) {
                Change::Nothing => {}
                Change::Held(since) => seat.turns.set_held(look.turn, Some(since)),
                Change::Freed => seat.turns.set_held(look.turn, None),
            }
            if stays {
                self.stand_in_for(seat, look.turn, now_ns);
            }
            flight::beat(seat.index, self.tracks[index].first_ns, look.running(), look.turn);
            open |= look.running != 0 && !self.tracks[index].held;
        }
        open
    }

    /// The worker is in the same task as a tick ago. What it has not started goes to others, even a
    /// lone task, and its timers do not wait for it.
    fn stand_in_for(&self, seat: &Seat, turn: u32, now_ns: u64) {
        seat.turns.stays_in.store(turn, Ordering::Relaxed);
        seat.stand_in(now_ns);
        if seat.runtime.idle.sleeping() > 0 && seat.old_end.count(&self.queue) > 0 {
            seat.runtime.wake_another();
        }
    }
}

/// For loops that compute for long and never block: lets others run when the calling task has kept
/// its worker for more than 10 ms.
///
/// As long as the time is not up it costs a load. Every blocking operation has a budget of its own
/// and needs no such call. Outside of a task, and inside [`hold_worker`](crate::hold_worker), it does
/// nothing.
///
/// ```
/// let sum = gleak_runtime::run(|| {
///     (1..=1000_u64).inspect(|_| gleak_runtime::check_budget()).sum::<u64>()
/// });
/// assert_eq!(sum, 500_500);
/// ```
#[inline]
pub fn check_budget() {
    if let Some(worker) = current::worker()
        && worker.seat.is_held()
    {
        give_way();
    }
}

#[cold]
fn give_way() {
    // Also when nobody is in a queue: a timer may be due, and the next turn is short again.
    if !current::parks_thread() {
        yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn at(turn: u32, running: u64) -> Look {
        Look { turn, running }
    }

    /// Looks one after the other; what is known to have changed with each.
    #[track_caller]
    fn check(looks: &[(u64, Look, Change)]) {
        let mut track = Track::default();
        for (number, &(ms, look, change)) in looks.iter().enumerate() {
            assert_eq!(track.look(look, ms * MS), change, "look {number}");
        }
    }

    #[test]
    fn a_turn_of_ten_milliseconds_holds_its_worker_until_the_next_one() {
        use Change::{Freed, Held, Nothing};
        check(&[
            (1, at(7, 3), Nothing),
            (2, at(7, 3), Nothing),
            (10, at(7, 3), Nothing),
            (11, at(7, 3), Held(MS)),
            (12, at(7, 3), Nothing),
            (13, at(8, 3), Freed),
            (22, at(8, 3), Nothing),
            (23, at(8, 3), Held(13 * MS)),
        ]);
    }

    #[test]
    fn no_task_holds_nothing_however_long() {
        use Change::{Freed, Held, Nothing};
        check(&[
            (1, at(7, 0), Nothing),
            (500, at(7, 0), Nothing),
            (501, at(8, 3), Nothing),
            (600, at(8, 3), Held(501 * MS)),
            (700, at(8, 0), Freed),
            (800, at(8, 0), Nothing),
        ]);
    }

    #[test]
    fn a_late_look_proves_as_much_as_many() {
        use Change::{Held, Nothing};
        check(&[(1, at(7, 3), Nothing), (900, at(7, 3), Held(MS))]);
        check(&[(1, at(7, 3), Nothing), (900, at(7 + 1000, 3), Nothing)]);
    }

    #[test]
    fn a_mark_ends_with_its_turn_before_the_monitor_takes_it_back() {
        let task = Ref::from_bits(1 << 32 | 5).expect("not zero");
        let turns = Turns::new();
        turns.begin(task);
        let look = turns.look();
        assert_eq!((look.running(), turns.held_since()), (Some(task), None));
        turns.set_held(look.turn, Some(4));
        assert_eq!(turns.held_since(), Some(4));
        turns.end();
        assert_eq!(turns.look().running(), None);
        assert_eq!(turns.held_since(), None, "a worker without a task");
        turns.begin(task);
        assert_ne!(turns.look(), look);
        assert_eq!(turns.held_since(), None, "another turn of the same task");
        turns.set_held(look.turn, None);
        assert_eq!(turns.held_since(), None);
    }
}
