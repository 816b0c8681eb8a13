//! The word of a mutex: who may take the lock, and whether letting go wakes somebody.
//!
//! ```text
//!  take:     free, and not STARVING     -> LOCKED                       one exchange, no queue
//!  let go:   nobody to wake             -> not LOCKED                   one exchange, no queue
//!  wait:     LOCKED                     -> WAITERS, and into the queue
//!  wake:     WAITERS, not COMING        -> COMING, not LOCKED           the woken one competes
//!  hand on:  WAITERS, STARVING          -> stays LOCKED                 the woken one owns it
//!  come:     COMING                     -> it takes the lock, or queues again, maybe STARVING
//! ```
//!
//! The last four happen under the lock of the queue; so whoever has that lock, and owns the mutex or
//! finds it free, is alone with all bits but `LOCKED`.
//!
//! Invariants:
//! 1. `WAITERS` is set while the queue has somebody in it; set and cleared under the lock of the
//!    queue, and set only while `LOCKED` is: so whoever lets go sees it.
//! 2. `COMING` is set by who wakes a waiter, and cleared by that waiter: under the same lock, or as
//!    the owner.
//! 3. In `STARVING` mode `LOCKED` stays set from owner to owner while somebody waits. Nobody leaves a
//!    free lock in that mode behind: it could not be taken at once any more.

use crate::sync::{AtomicU32, Ordering};

const LOCKED: u32 = 1;
const WAITERS: u32 = 2;
const COMING: u32 = 4;
const STARVING: u32 = 8;

/// See the module. Zero: free, and nobody waits.
#[derive(Debug, Default)]
pub(crate) struct Word(AtomicU32);

impl Word {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Word {
        Word(AtomicU32::new(0))
    }

    #[inline]
    fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn is_locked(&self) -> bool {
        self.get() & LOCKED != 0
    }

    /// Whether it is handed on in order.
    #[inline]
    pub(crate) fn is_starving(&self) -> bool {
        self.get() & STARVING != 0
    }

    /// Takes a free lock, unless it is handed on in order.
    #[inline]
    pub(crate) fn try_acquire(&self) -> bool {
        let take = |word| {
            let taken = word | LOCKED;
            self.0.compare_exchange(word, taken, Ordering::Acquire, Ordering::Relaxed)
        };
        // Nearly always free, and then no look is needed before.
        let Err(word) = take(0) else { return true };
        word & (LOCKED | STARVING) == 0 && take(word).is_ok()
    }

    /// Lets go, unless somebody may have to be woken: then [`Word::is_to_wake`] says so.
    #[inline]
    pub(crate) fn try_release(&self) -> bool {
        let let_go = |word| {
            let next = word & !LOCKED;
            self.0.compare_exchange(word, next, Ordering::Release, Ordering::Relaxed)
        };
        let Err(word) = let_go(LOCKED) else { return true };
        let nobody_to_wake = word & WAITERS == 0 || !is_to_wake(word);
        nobody_to_wake && let_go(word).is_ok()
    }

    /// By a waiter that was woken and has taken the lock without a look at the queue.
    pub(crate) fn come_as_owner(&self) {
        self.0.fetch_and(!COMING, Ordering::Relaxed);
    }

    /// By a waiter that was woken and has found the lock taken. From here on the lock is handed on in
    /// order if this one has waited for `long`. Under the queue's lock, as all that follow.
    pub(crate) fn come(&self, long: bool) {
        let starving = if long { STARVING } else { 0 };
        self.0.fetch_and(!COMING, Ordering::Relaxed);
        self.0.fetch_or(starving, Ordering::Relaxed);
    }

    /// By the waiter that the lock was handed to. It is handed on for as long as waiters wait `long`.
    pub(crate) fn come_to_own(&self, long: bool, queue_is_empty: bool) {
        if queue_is_empty || !long {
            self.0.fetch_and(!STARVING, Ordering::Relaxed);
        }
    }

    /// Takes the lock if it is free, also out of turn; or announces a waiter, and is false.
    pub(crate) fn take_or_announce(&self, queue_is_empty: bool) -> bool {
        // Announced while it is locked, or taken: invariant 1.
        let mut word = self.get();
        loop {
            let free = word & LOCKED == 0;
            let next = if free { word | LOCKED } else { word | WAITERS };
            match self.0.compare_exchange(word, next, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) if free => {
                    if queue_is_empty {
                        self.0.fetch_and(!STARVING, Ordering::Relaxed);
                    }
                    return true;
                }
                Ok(_) => return false,
                Err(now) => word = now,
            }
        }
    }

    /// The last waiter has given up: nobody is there to be handed the lock.
    pub(crate) fn nobody_waits(&self) {
        self.0.fetch_and(!(WAITERS | STARVING), Ordering::Relaxed);
    }

    /// Whether who lets go has to wake a waiter: not while one is on its way, unless in order.
    pub(crate) fn is_to_wake(&self) -> bool {
        is_to_wake(self.get())
    }

    /// By the owner, that has made a claimed waiter the next owner.
    pub(crate) fn hand_on(&self, queue_is_empty: bool) {
        self.0.store(LOCKED | STARVING | waiters(queue_is_empty), Ordering::Release);
    }

    /// By the owner, that has claimed a waiter which competes for the lock.
    pub(crate) fn release_to_next(&self, queue_is_empty: bool) {
        self.0.store(COMING | waiters(queue_is_empty), Ordering::Release);
    }

    /// By the owner, that has found nobody to wake.
    pub(crate) fn release(&self, queue_is_empty: bool) {
        let coming = self.get() & COMING;
        self.0.store(coming | waiters(queue_is_empty), Ordering::Release);
    }
}

#[inline]
fn is_to_wake(word: u32) -> bool {
    word & (COMING | STARVING) != COMING
}

fn waiters(queue_is_empty: bool) -> u32 {
    if queue_is_empty { 0 } else { WAITERS }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::state::{State, StateWord};
    use crate::sync::Lock;
    use loom::sync::Arc;
    use loom::thread::{self, Thread};
    use std::collections::VecDeque;

    struct Waiter {
        who: usize,
        ticket: u64,
        thread: Thread,
    }

    #[derive(Default)]
    struct Queue {
        handed_to: Option<usize>,
        waiters: VecDeque<Waiter>,
    }

    /// A mutex as in `mutex.rs`, with the state words of those who take it. What it protects is two
    /// relaxed atomics, which loom lets read stale: whoever is in has been ordered after who was.
    #[derive(Default)]
    struct Mutex {
        word: Word,
        queue: Lock<Queue>,
        states: [StateWord; 3],
        inside: AtomicU32,
        /// Who owns it next for certain, plus 1.
        next: AtomicU32,
        visits: AtomicU32,
        /// Whether somebody who was overtaken has waited long.
        long: bool,
    }

    impl Mutex {
        fn new(long: bool) -> Arc<Mutex> {
            let mutex = Mutex { long, ..Mutex::default() };
            mutex.states.iter().for_each(|state| state.set(State::Running));
            Arc::new(mutex)
        }

        /// False when it has given up, which it does as soon as nobody has claimed it.
        fn lock(&self, me: usize, patient: bool) -> bool {
            let mut overtaken = false;
            loop {
                if self.word.try_acquire() {
                    if overtaken {
                        self.word.come_as_owner();
                    }
                    return true;
                }
                let Some(ticket) = self.take_or_wait(me, overtaken) else { return true };
                if !patient && self.states[me].self_claim(ticket) {
                    self.leave_queue(me);
                    return false;
                }
                while self.states[me].load().state() != State::Claimed {
                    thread::park();
                }
                self.states[me].set(State::Running);
                overtaken = true;
            }
        }

        fn take_or_wait(&self, me: usize, overtaken: bool) -> Option<u64> {
            let mut queue = self.queue.lock();
            if queue.handed_to == Some(me) {
                queue.handed_to = None;
                self.word.come_to_own(self.long, queue.waiters.is_empty());
                return None;
            }
            if overtaken {
                self.word.come(self.long);
            }
            if self.word.take_or_announce(queue.waiters.is_empty()) {
                return None;
            }
            let ticket = self.states[me].begin_wait();
            let waiter = Waiter { who: me, ticket, thread: thread::current() };
            if overtaken {
                queue.waiters.push_front(waiter);
            } else {
                queue.waiters.push_back(waiter);
            }
            Some(ticket)
        }

        fn leave_queue(&self, me: usize) {
            let mut queue = self.queue.lock();
            queue.waiters.retain(|waiter| waiter.who != me);
            if queue.waiters.is_empty() {
                self.word.nobody_waits();
            }
        }

        fn unlock(&self) {
            if self.word.try_release() {
                return;
            }
            let mut queue = self.queue.lock();
            let mut next = None;
            while self.word.is_to_wake() && next.is_none() {
                let Some(first) = queue.waiters.pop_front() else { break };
                next = self.states[first.who].claim(first.ticket).then_some(first);
            }
            let none_left = queue.waiters.is_empty();
            match &next {
                Some(waiter) if self.word.is_starving() => {
                    queue.handed_to = Some(waiter.who);
                    self.next.store(waiter.who as u32 + 1, Ordering::Relaxed);
                    self.word.hand_on(none_left);
                }
                Some(_) => self.word.release_to_next(none_left),
                None => self.word.release(none_left),
            }
            drop(queue);
            if let Some(waiter) = next {
                waiter.thread.unpark();
            }
        }

        fn visit(&self, me: usize, patient: bool) -> u32 {
            if !self.lock(me, patient) {
                return 0;
            }
            assert_eq!(self.inside.fetch_add(1, Ordering::Relaxed), 0, "two are in");
            let next = self.next.load(Ordering::Relaxed);
            assert!(next == 0 || next == me as u32 + 1, "it was handed to somebody else");
            self.next.store(0, Ordering::Relaxed);
            self.visits.store(self.visits.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            self.inside.fetch_sub(1, Ordering::Relaxed);
            self.unlock();
            1
        }
    }

    /// Each of those who visit: how often, and whether it stays until it has had its turn. Loom fails
    /// when all that are left sleep, so an end is a proof that no wake was lost.
    fn check(long: bool, preemptions: Option<usize>, visitors: &'static [(usize, bool)]) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = preemptions;
        model.check(move || {
            let mutex = Mutex::new(long);
            let visit = |mutex: &Mutex, me: usize| {
                let (times, patient) = visitors[me];
                (0..times).map(|_| mutex.visit(me, patient)).sum::<u32>()
            };
            let others: Vec<_> = (1..visitors.len())
                .map(|me| {
                    let mutex = mutex.clone();
                    thread::spawn(move || visit(&mutex, me))
                })
                .collect();
            let mine = visit(&mutex, 0);
            let visits = mine + others.into_iter().map(|it| it.join().unwrap()).sum::<u32>();
            assert_eq!(mutex.visits.load(Ordering::Relaxed), visits, "one has not seen another");
            assert_eq!(mutex.word.get(), 0, "free, and nobody waits");
            assert!(mutex.queue.lock().waiters.is_empty());
        });
    }

    const STAYS: bool = true;
    const GIVES_UP: bool = false;

    #[test]
    fn one_at_a_time_and_no_wake_is_lost() {
        check(false, None, &[(2, STAYS), (1, STAYS)]);
    }

    #[test]
    fn of_three_none_sleeps_for_ever() {
        check(false, Some(3), &[(1, STAYS), (1, STAYS), (1, STAYS)]);
    }

    #[test]
    fn who_was_overtaken_and_waited_long_is_handed_the_lock() {
        check(true, Some(4), &[(3, STAYS), (1, STAYS)]);
    }

    #[test]
    fn handing_on_among_three_ends() {
        check(true, Some(3), &[(2, STAYS), (1, STAYS), (1, STAYS)]);
    }

    #[test]
    fn who_gives_up_leaves_nothing_behind() {
        check(true, Some(4), &[(3, STAYS), (1, GIVES_UP)]);
        check(true, Some(3), &[(2, STAYS), (1, STAYS), (1, GIVES_UP)]);
    }
}
