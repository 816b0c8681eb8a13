//! The state word of a waiter, and the race to wake it.
//!
//! ```text
//!            begin_wait                 claim (waker, timer: exactly one wins)
//!  Running ------------->  Waiting  ------------------------------------------>  Claimed
//!     ^ ^                     | self_claim (the waiter found out that it need not wait)  |
//!     | +---------------------+                                                 resume  |
//!     +---------------------------------------------------------------------------------+
//! ```
//!
//! The upper 61 bits are a ticket that grows with every wait, so that a claim names one wait and
//! no later one. It cannot wrap: at a wait a nanosecond it would take 73 years.
//!
//! Orderings: `begin_wait` releases the facts of the wait to snapshots and claimers; a claim
//! acquires them and releases what the waker wrote before; `resume` acquires that through the
//! queue by which the waiter comes back.

use gleak_snapshot::image::Field;

use crate::sync::{AtomicU64, Ordering};

const STATE_BITS: u32 = 3;
const STATE_MASK: u64 = (1 << STATE_BITS) - 1;

/// What a waiter is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Spawned, not started.
    Fresh,
    /// On a thread.
    Running,
    /// Gave way; in a queue.
    Runnable,
    /// Parked or about to, and nobody has claimed it.
    Waiting,
    /// Somebody has won the right to wake it; it will run.
    Claimed,
    /// At its end, and the record about to be freed; or not registered yet.
    Finished,
}

/// A value of the state word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Word(u64);

impl Word {
    const fn new(ticket: u64, state: State) -> Word {
        let bits = match state {
            State::Finished => 0,
            State::Fresh => 1,
            State::Running => 2,
            State::Runnable => 3,
            State::Waiting => 4,
            State::Claimed => 5,
        };
        Word(ticket << STATE_BITS | bits)
    }

    pub(crate) fn state(self) -> State {
        match self.0 & STATE_MASK {
            1 => State::Fresh,
            2 => State::Running,
            3 => State::Runnable,
            4 => State::Waiting,
            5 => State::Claimed,
            _ => State::Finished,
        }
    }

    pub(crate) fn ticket(self) -> u64 {
        self.0 >> STATE_BITS
    }

    /// As it lies in memory.
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }
}

/// For the anchor.
pub(crate) const LAYOUT: &[(Field, usize)] = &[
    (Field::StateBits, STATE_BITS as usize),
    (Field::StateFresh, Word::new(0, State::Fresh).0 as usize),
    (Field::StateRunning, Word::new(0, State::Running).0 as usize),
    (Field::StateRunnable, Word::new(0, State::Runnable).0 as usize),
    (Field::StateWaiting, Word::new(0, State::Waiting).0 as usize),
    (Field::StateClaimed, Word::new(0, State::Claimed).0 as usize),
];

/// The word itself. All zero: finished, ticket 0. A record that was taken and is not written yet says
/// the same whether somebody had it before or nobody: that there is no waiter.
#[derive(Debug, Default)]
pub(crate) struct StateWord(AtomicU64);

impl StateWord {
    #[inline]
    pub(crate) fn load(&self) -> Word {
        Word(self.0.load(Ordering::Acquire))
    }

    /// Written by the waiter itself, or by who owns it while it is in no hands but theirs.
    #[inline]
    pub(crate) fn set(&self, state: State) {
        let ticket = Word(self.0.load(Ordering::Relaxed)).ticket();
        self.0.store(Word::new(ticket, state).0, Ordering::Release);
    }

    /// Running -> Waiting with a new ticket, which names this wait. From here on it may be claimed.
    #[inline]
    pub(crate) fn begin_wait(&self) -> u64 {
        let ticket = Word(self.0.load(Ordering::Relaxed)).ticket() + 1;
        self.0.store(Word::new(ticket, State::Waiting).0, Ordering::Release);
        ticket
    }

    /// Waiting -> Claimed, if it is still this wait. The winner must see to it that the waiter runs.
    #[must_use]
    #[inline]
    pub(crate) fn claim(&self, ticket: u64) -> bool {
        self.leave_wait(ticket, State::Claimed)
    }

    /// As [`StateWord::claim`], for who is alone in claiming this wait: no exchange is needed. The
    /// waiter itself does not take such a wait back.
    #[must_use]
    #[inline]
    pub(crate) fn claim_alone(&self, ticket: u64) -> bool {
        let waiting = Word::new(ticket, State::Waiting).0;
        let is_it = self.0.load(Ordering::Acquire) == waiting;
        if is_it {
            self.0.store(Word::new(ticket, State::Claimed).0, Ordering::Release);
        }
        is_it
    }

    /// Waiting -> Running, by the waiter itself. When it fails, somebody else has claimed the wait
    /// and the waiter must go through its park to take what it was given.
    #[must_use]
    pub(crate) fn self_claim(&self, ticket: u64) -> bool {
        self.leave_wait(ticket, State::Running)
    }

    #[inline]
    fn leave_wait(&self, ticket: u64, to: State) -> bool {
        let waiting = Word::new(ticket, State::Waiting).0;
        let next = Word::new(ticket, to).0;
        self.0.compare_exchange(waiting, next, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_registered_yet_is_no_fresh_waiter() {
        let word = StateWord::default();
        assert_eq!(word.load().state(), State::Finished);
        word.set(State::Fresh);
        assert_eq!(word.load().state(), State::Fresh);
        assert_eq!(word.load().ticket(), 0);
    }

    #[test]
    fn a_claim_names_one_wait() {
        let word = StateWord::default();
        word.set(State::Running);
        let first = word.begin_wait();
        assert!(word.claim(first));
        assert!(!word.claim(first), "one winner");
        assert!(!word.self_claim(first));
        word.set(State::Running);
        let second = word.begin_wait();
        assert!(!word.claim(first), "a stale claim does not touch a later wait");
        assert!(word.self_claim(second));
        assert_eq!(word.load().state(), State::Running);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::sync::{AtomicU32, Lock};
    use loom::sync::Arc;
    use loom::thread::{self, Thread};
    use std::collections::VecDeque;

    #[test]
    fn exactly_one_of_two_wakers_and_the_waiter_wins() {
        loom::model(|| {
            let word = Arc::new(StateWord::default());
            word.set(State::Running);
            let ticket = word.begin_wait();
            let wakers: Vec<_> = (0..2)
                .map(|_| {
                    let word = word.clone();
                    thread::spawn(move || word.claim(ticket))
                })
                .collect();
            let own = word.self_claim(ticket);
            let wins = wakers.into_iter().map(|it| it.join().unwrap()).filter(|won| *won);
            assert_eq!(wins.count() + usize::from(own), 1);
        });
    }

    struct Queued {
        who: usize,
        ticket: u64,
        /// Nobody else claims this wait.
        sole: bool,
        thread: Thread,
    }

    #[derive(Default)]
    struct Waiter {
        state: StateWord,
        won: AtomicU32,
        given: AtomicU32,
    }

    /// What most primitives are: something there is one of, and a queue, under a lock.
    #[derive(Default)]
    struct Object {
        inside: Lock<(u32, VecDeque<Queued>)>,
        waiters: [Waiter; 3],
    }

    impl Object {
        /// In the order of `wait/mod.rs`. False when it has given up, as a timer makes it.
        fn take(&self, me: usize, patient: bool) -> bool {
            let waiter = &self.waiters[me];
            let mut inside = self.inside.lock();
            if inside.0 > 0 {
                inside.0 -= 1;
                return true;
            }
            let ticket = waiter.state.begin_wait();
            let thread = thread::current();
            inside.1.push_back(Queued { who: me, ticket, sole: patient, thread });
            drop(inside);
            if !patient && waiter.state.self_claim(ticket) {
                self.inside.lock().1.retain(|queued| queued.who != me);
                return false;
            }
            while waiter.won.load(Ordering::Acquire) == 0 {
                thread::park();
            }
            waiter.state.set(State::Running);
            assert_eq!(waiter.given.load(Ordering::Relaxed), 1, "woken with empty hands");
            true
        }

        /// Claims, hands over, and only then wakes.
        fn give(&self) {
            let mut inside = self.inside.lock();
            let next = loop {
                let Some(first) = inside.1.pop_front() else { break None };
                let (state, ticket) = (&self.waiters[first.who].state, first.ticket);
                let won = if first.sole { state.claim_alone(ticket) } else { state.claim(ticket) };
                if won {
                    break Some(first);
                }
            };
            let Some(next) = next else {
                inside.0 += 1;
                return;
            };
            drop(inside);
            let waiter = &self.waiters[next.who];
            waiter.given.store(1, Ordering::Relaxed);
            waiter.won.store(1, Ordering::Release);
            next.thread.unpark();
        }

        fn take_and_give(&self, me: usize, patient: bool) {
            self.waiters[me].state.set(State::Running);
            if self.take(me, patient) {
                self.give();
            }
        }
    }

    /// Loom fails when all that are left sleep, so an end is a proof that no wake was lost.
    #[test]
    fn what_is_handed_over_arrives_and_is_not_lost_with_who_gives_up() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let object = Arc::new(Object::default());
            let takers: Vec<_> = [(1, true), (2, false)]
                .into_iter()
                .map(|(me, patient)| {
                    let object = object.clone();
                    thread::spawn(move || object.take_and_give(me, patient))
                })
                .collect();
            object.give();
            takers.into_iter().for_each(|taker| taker.join().unwrap());
            let inside = object.inside.lock();
            assert!(inside.0 == 1 && inside.1.is_empty(), "one there was, and one there is");
        });
    }
}
