//! Tasks that have not run yet: a stealable queue a worker, and an injector a runtime.
//!
//! The owner takes the youngest first: what was just spawned is warm, and a tree of tasks is walked
//! depth first, so few of them exist at a time. Thieves take the oldest. Now and then the owner
//! takes the oldest too, so that none waits for ever (`FAIR_TURNS` in `worker.rs`).
//!
//! Invariants:
//! 1. A task is in one queue, and leaves it once. Only tasks that have not run are in here: a
//!    started one never changes workers.
//! 2. A lone task is left to a worker that is about to run it: a thief takes one only from a longer
//!    queue, or from a worker that stays in one task.

use std::collections::VecDeque;

use st3::StealError;
use st3::lifo::{Stealer, Worker as Deque};

use crate::sync::{AtomicUsize, Lock, Ordering};
use crate::task::packet::TaskSide;

/// As long as Go's local run queues.
const LOCAL: usize = 256;
/// What goes from the injector to a worker at a time, at most.
const BATCH: usize = LOCAL / 2;

/// The young end of a worker's queue.
pub(crate) struct Local(Deque<TaskSide>);

/// The old end, for others.
#[derive(Debug)]
pub(crate) struct OldEnd(Stealer<TaskSide>);

/// What a thief may assume of its victim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Victim {
    /// It will come to its queue soon.
    Moves,
    /// It has been in one task for long.
    Stays,
}

impl Local {
    pub(crate) fn new() -> Local {
        Local(Deque::new(LOCAL))
    }

    pub(crate) fn old_end(&self) -> OldEnd {
        OldEnd(self.0.stealer())
    }

    /// Puts a task in. When the queue is full, its older half goes to the injector.
    pub(crate) fn push(&self, task: TaskSide, injector: &Injector) {
        let Err(task) = self.0.push(task) else { return };
        // A thief in the middle of it keeps half of the places for a moment; then all go there.
        match self.0.drain(|count| count / 2) {
            Ok(older) => injector.push_all(older),
            Err(_) => return injector.push(task),
        }
        if let Err(task) = self.0.push(task) {
            injector.push(task);
        }
    }

    /// The youngest.
    #[inline]
    pub(crate) fn pop(&self) -> Option<TaskSide> {
        self.0.pop()
    }

    /// The oldest.
    pub(crate) fn pop_old(&self) -> Option<TaskSide> {
        self.0.drain(|_| 1).ok()?.next()
    }

    /// One of them, counted from the old end.
    pub(crate) fn pop_nth(&self, nth: usize, injector: &Injector) -> Option<TaskSide> {
        let mut older: Vec<TaskSide> = self.0.drain(|_| nth + 1).ok()?.collect();
        let chosen = older.pop();
        older.into_iter().for_each(|task| self.push(task, injector));
        chosen
    }

    /// How many are in it, more or less.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.capacity() - self.0.spare_capacity()
    }

    /// Takes a share of what `injector` has: one to run, the others go into this queue.
    pub(crate) fn refill(&self, injector: &Injector, workers: usize) -> Option<TaskSide> {
        let room = self.0.spare_capacity().min(BATCH);
        let mut batch = injector.take(workers, room.max(1))?;
        let first = batch.pop_front();
        // The oldest last, so that it is the next one.
        for task in batch.into_iter().rev() {
            if let Err(task) = self.0.push(task) {
                injector.push(task);
            }
        }
        first
    }
}

impl OldEnd {
    /// How many tasks are there to be taken. `mine` is any queue of the caller's: it stays as it is.
    pub(crate) fn count(&self, mine: &Local) -> usize {
        let mut seen = 0;
        let looked = self.0.steal(&mine.0, |count| {
            seen = count;
            0
        });
        match looked {
            Ok(_) | Err(StealError::Empty) => seen,
            // Another thief is at it.
            Err(StealError::Busy) => 0,
        }
    }

    /// Takes the older half of the victim's queue: one to run, the others go to `mine`.
    pub(crate) fn steal(&self, mine: &Local, victim: Victim) -> Option<TaskSide> {
        let share = |count: usize| match victim {
            Victim::Moves if count < 2 => 0,
            Victim::Moves | Victim::Stays => count.div_ceil(2),
        };
        self.0.steal_and_pop(&mine.0, share).ok().map(|(task, _)| task)
    }
}

/// A runtime's queue of tasks that came from outside of its workers, or that a worker had no room
/// for. First in, first out.
#[derive(Debug, Default)]
pub(crate) struct Injector {
    queue: Lock<VecDeque<TaskSide>>,
    len: AtomicUsize,
}

impl Injector {
    pub(crate) fn push(&self, task: TaskSide) {
        self.push_all(std::iter::once(task));
    }

    fn push_all(&self, tasks: impl Iterator<Item = TaskSide>) {
        let mut queue = self.queue.lock();
        queue.extend(tasks);
        self.len.store(queue.len(), Ordering::SeqCst);
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::SeqCst)
    }

    /// The oldest.
    pub(crate) fn pop(&self) -> Option<TaskSide> {
        self.take(1, 1)?.pop_front()
    }

    /// One worker's share of it, oldest first; at least one, at most `most`.
    fn take(&self, workers: usize, most: usize) -> Option<VecDeque<TaskSide>> {
        if self.len() == 0 {
            return None;
        }
        let mut queue = self.queue.lock();
        let share = (queue.len() / workers.max(1) + 1).min(most).min(queue.len());
        let batch: VecDeque<TaskSide> = queue.drain(..share).collect();
        self.len.store(queue.len(), Ordering::SeqCst);
        (!batch.is_empty()).then_some(batch)
    }
}
