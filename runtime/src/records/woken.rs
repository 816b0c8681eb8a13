//! Whether a future that a waiter drives has been woken, and the race between its waker and its
//! falling asleep.
//!
//! ```text
//!           arm(ticket)              wake
//!  EMPTY ---------------> ticket ----------> NOTIFIED
//!    ^ |                                      |  ^
//!    | +------------------- wake -------------|--+
//!    +------------------- take ---------------+
//! ```
//!
//! *Why no wake is lost.* All three are one read-modify-write on one word, so they have an order.
//! A wake before `arm` makes `arm` fail: the waiter does not sleep and polls again. A wake after it
//! finds the ticket, and who finds it claims that wait; `arm` comes after the wait was published,
//! so the claim succeeds. A wake before `take` is seen by it (acquire), and the poll that follows
//! sees what the waker wrote; a wake after it is as a wake before the next `arm`.
//!
//! *Why a stale wake does no harm.* A waker outlives its future, its task and the task's record. On
//! a reused record it sets NOTIFIED, or finds the ticket of the record's new owner and claims that
//! wait: a future that is polled once too often. Tickets of a record never repeat, so it can claim
//! no wait but the one that was armed.

use crate::sync::{AtomicU64, Ordering};

const EMPTY: u64 = 0;
const NOTIFIED: u64 = 1;

/// See the module. All zero: nobody has woken, nobody sleeps.
#[derive(Debug, Default)]
pub(crate) struct WokenWord(AtomicU64);

impl WokenWord {
    /// Wakes. The ticket of the armed wait, if there is one: the caller has to claim it.
    #[must_use]
    pub(crate) fn wake(&self) -> Option<u64> {
        match self.0.swap(NOTIFIED, Ordering::AcqRel) {
            EMPTY | NOTIFIED => None,
            armed => Some(armed - 1),
        }
    }

    /// By the waiter: whether it has been woken since it asked last.
    pub(crate) fn take(&self) -> bool {
        // The look before saves the dearer step when nothing has happened.
        self.0.load(Ordering::Relaxed) != EMPTY && self.0.swap(EMPTY, Ordering::AcqRel) == NOTIFIED
    }

    /// By the waiter, after it has published the wait: false when it has been woken meanwhile.
    /// Tickets start at 1.
    #[must_use]
    pub(crate) fn arm(&self, ticket: u64) -> bool {
        let armed = ticket + 1;
        self.0.compare_exchange(EMPTY, armed, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_wake_is_taken_once_and_an_armed_one_names_its_wait() {
        let word = WokenWord::default();
        assert!(!word.take());
        assert_eq!(word.wake(), None);
        assert!(!word.arm(7), "woken meanwhile");
        assert!(word.take() && !word.take());
        assert!(word.arm(7));
        assert_eq!((word.wake(), word.wake()), (Some(7), None));
        assert!(word.take());
        assert!(word.arm(8) && !word.arm(9), "left armed by a wait that ended otherwise");
        assert!(!word.take() && word.arm(9));
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::state::{State, StateWord};
    use loom::sync::Arc;
    use loom::thread;

    struct Shared {
        woken: WokenWord,
        state: StateWord,
        marks: AtomicU64,
    }

    /// A waiter drives a future that is ready when all wakers have left their mark.
    fn drive(wakers: u64) {
        let shared = Arc::new(Shared {
            woken: WokenWord::default(),
            state: StateWord::default(),
            marks: AtomicU64::new(0),
        });
        shared.state.set(State::Running);
        let waiter = thread::current();
        for _ in 0..wakers {
            let (shared, waiter) = (shared.clone(), waiter.clone());
            thread::spawn(move || {
                // Relaxed: the word alone has to carry it over.
                shared.marks.fetch_add(1, Ordering::Relaxed);
                if let Some(ticket) = shared.woken.wake() {
                    assert!(shared.state.claim(ticket), "who finds the ticket claims");
                    waiter.unpark();
                }
            });
        }
        while shared.marks.load(Ordering::Relaxed) < wakers {
            if shared.woken.take() {
                continue;
            }
            let ticket = shared.state.begin_wait();
            if shared.woken.arm(ticket) {
                while shared.state.load().state() != State::Claimed {
                    thread::park();
                }
                shared.state.set(State::Running);
            } else {
                assert!(shared.state.self_claim(ticket), "nobody else knows of this wait");
            }
        }
    }

    #[test]
    fn no_wake_is_lost_before_while_or_after_falling_asleep() {
        loom::model(|| drive(1));
    }

    #[test]
    fn of_two_wakers_none_is_lost() {
        // All interleavings of three threads take a minute; these a second.
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| drive(2));
    }
}
