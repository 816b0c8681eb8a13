//! For how long tasks that could still finish are waited for, where nobody tells that they have.
//!
//! Invariants:
//! 1. It is only waited while somebody who is asked about could still finish.
//! 2. Who has been told to end, and only sleeps until he can see it, is given until his timer, as long
//!    as that is within [`TOLD`] of the end.

use std::time::Duration;

use gleak_snapshot::{ObjectDetail, Snapshot, Task, TaskState, WaitReason};

use crate::time::Instant;

/// How long those are waited for at most whose context is over.
const TOLD: Duration = Duration::from_secs(1);
/// The longest time between two looks.
const LOOK: Duration = Duration::from_millis(10);
/// For what a sleeper has yet to do when its timer is up.
const LAST_STEPS: Duration = Duration::from_millis(20);

/// The first pause; each is twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(1);

/// What a look has come to.
#[derive(Debug)]
pub struct Look<T> {
    /// Whether somebody could still finish.
    pub may_finish: bool,
    /// When the last of those has woken that are told to end and sleep: as [`sleepers_due`] has it.
    pub due: Option<Duration>,
    /// What is wanted of the last look.
    pub seen: T,
}

/// Looks again and again, until nobody may finish any more or the time is over; the last look.
pub fn settle<T>(
    limit: Duration,
    pause: impl Fn(Duration),
    mut look: impl FnMut() -> Look<T>,
) -> T {
    let mut patience = Patience::of(limit);
    let mut next = PAUSE;
    loop {
        // Before the look: what is seen at the end was seen at the end.
        let left = patience.left();
        let Look { may_finish, due, seen } = look();
        if !may_finish || (left.is_zero() && !patience.extend(due)) {
            return seen;
        }
        pause(next.min(patience.left()));
        next = (next * 2).min(LOOK);
    }
}

/// The time that there is.
#[derive(Debug)]
pub struct Patience {
    end: Instant,
    /// Beyond this nobody is waited for.
    last: Instant,
}

impl Patience {
    /// From now on.
    #[must_use]
    pub fn of(limit: Duration) -> Self {
        let now = Instant::now();
        Patience { end: now + limit, last: now + limit.max(TOLD) }
    }

    /// How much of it is left.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.end - Instant::now()
    }

    /// The time is over. Whether there is more after all: all sleepers are done after `due`.
    pub fn extend(&mut self, due: Option<Duration>) -> bool {
        let until = due.map(|due| Instant::now() + due + LAST_STEPS);
        match until.filter(|until| *until <= self.last) {
            Some(until) => {
                self.end = until;
                true
            }
            None => false,
        }
    }
}

/// After what time the last of these tasks has woken that only sleep, and whose context is over; none
/// when there is no such task. Those that are due too late for anybody to wait are left out.
#[must_use]
pub fn sleepers_due<'t>(
    snapshot: &Snapshot,
    tasks: impl Iterator<Item = &'t Task>,
) -> Option<Duration> {
    let due = tasks.filter_map(|task| due(snapshot, task)).map(Duration::from_nanos);
    due.filter(|due| *due <= TOLD).max()
}

/// In nanoseconds from the snapshot on.
fn due(snapshot: &Snapshot, task: &Task) -> Option<u64> {
    let TaskState::Waiting(wait) = &task.state else { return None };
    let until_ns = wait.until_ns.filter(|_| wait.reason == WaitReason::Sleep)?;
    let asked = task.asked?;
    let at = snapshot.objects.binary_search_by_key(&asked, |object| object.id).ok()?;
    let ObjectDetail::Context { cancelled, .. } = &snapshot.objects[at].detail else { return None };
    cancelled.then(|| until_ns.saturating_sub(snapshot.header.taken_ns))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::sync::Cell;

    use gleak_snapshot::SnapshotBuilder;

    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn sleepers_are_due_that_are_told_to_end() {
        let due_of = |until_ms: u64, told: bool| {
            let mut b = SnapshotBuilder::new();
            b.taken_at(100 * MS);
            let context = b.context("src/a.rs:1");
            let main = b.task("src/a.rs:2", "app::main").running().id();
            let poll = b.task("src/a.rs:3", "app::poll").asked(context);
            let _ = poll.sleeps(until_ms * MS, "src/a.rs:4").id();
            if told {
                b.cancelled(context, 90 * MS, main, "src/a.rs:5");
            }
            let snapshot = b.build();
            sleepers_due(&snapshot, snapshot.tasks.iter())
        };
        assert_eq!(due_of(400, true), Some(Duration::from_millis(300)));
        assert_eq!(due_of(400, false), None);
        assert_eq!(due_of(1_101, true), None, "too late for anybody to wait");
    }

    #[test]
    fn the_last_look_is_of_the_end_and_more_is_given_once_it_helps() {
        let looks = Cell::new(0);
        let look = |may_finish, due| {
            looks.set(looks.get() + 1);
            Look { may_finish, due, seen: looks.get() }
        };
        let none = Duration::ZERO;
        assert_eq!(settle(none, |_| panic!("no pause"), || look(false, None)), 1);
        assert_eq!(settle(none, |_| panic!("no pause"), || look(true, None)), 2);
        let pauses = Cell::new(0);
        let pause = |_| pauses.set(pauses.get() + 1);
        // Until there is nobody left: the first look is given more time, the second needs none.
        let seen = settle(none, pause, || look(looks.get() < 3, Some(Duration::from_millis(1))));
        assert_eq!((seen, pauses.get()), (4, 1));
    }
}
