//! How a task's end and its handle find each other: one word, so that an end that nobody waits for
//! yet costs one exchange.
//!
//! ```text
//!  task:    (outcome put down)  ->  DONE | TASK_GONE          last one of the two frees the packet
//!  handle:  JOINERS, TAKEN      ->  HANDLE_GONE
//! ```
//!
//! Invariants:
//! 1. The task sets `DONE` after it has put the outcome down, and touches the packet no more after
//!    `TASK_GONE`; the handle no more after `HANDLE_GONE`. Whoever sets the second of the two frees.
//! 2. `JOINERS` is set under the lock of the joiners' queue, before a joiner goes into it, and only
//!    counts if `DONE` was not there: then the task goes through that lock before it is done.
//! 3. `TAKEN` is won by one: only they read the outcome.

use crate::sync::{AtomicU32, Ordering};

const DONE: u32 = 1;
const TASK_GONE: u32 = 2;
const HANDLE_GONE: u32 = 4;
const JOINERS: u32 = 8;
const TAKEN: u32 = 16;

/// The word.
#[derive(Debug)]
pub(crate) struct EndWord(AtomicU32);

/// What the task finds when it is about to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AtEnd {
    /// The handle will see the outcome; the packet is the handle's.
    Left,
    /// Somebody waits, or is about to.
    Joined,
    /// Nobody wants the outcome; the packet is the task's.
    Detached,
}

/// What the handle finds when it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AtDetach {
    /// The task still has the packet, and frees it.
    Running,
    /// The packet is the handle's; the outcome is still in it.
    Untaken,
    /// The packet is the handle's; the outcome has been taken.
    Taken,
}

impl EndWord {
    #[cfg_attr(not(loom), expect(clippy::missing_const_for_fn, reason = "loom's is not const"))]
    pub(crate) fn new() -> EndWord {
        EndWord(AtomicU32::new(0))
    }

    pub(crate) fn is_done(&self) -> bool {
        self.0.load(Ordering::Acquire) & DONE != 0
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.0.load(Ordering::Acquire) & (DONE | TAKEN) == DONE | TAKEN
    }

    /// For the task: whether the handle has gone, so that nobody else touches the packet any more.
    pub(crate) fn is_detached(&self) -> bool {
        self.0.load(Ordering::Acquire) & HANDLE_GONE != 0
    }

    /// For the task, its outcome put down: done and gone, unless somebody waits.
    pub(crate) fn finish(&self) -> AtEnd {
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            if word & HANDLE_GONE != 0 {
                return AtEnd::Detached;
            }
            if word & JOINERS != 0 {
                return AtEnd::Joined;
            }
            let ended = word | DONE | TASK_GONE;
            match self.0.compare_exchange(word, ended, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return AtEnd::Left,
                Err(now) => word = now,
            }
        }
    }

    /// For the task, under the lock of the joiners: what was queued is all there will be. With a joiner
    /// claimed it has gone as well: that one has the handle, or borrows it, and does not run before it
    /// is woken, so nobody frees the lock meanwhile.
    pub(crate) fn set_done(&self, joiner_claimed: bool) {
        let gone = if joiner_claimed { TASK_GONE } else { 0 };
        self.0.fetch_or(DONE | gone, Ordering::AcqRel);
    }

    /// For the task, after [`EndWord::set_done`]. The packet is the task's if this is not
    /// [`AtDetach::Running`] (seen from the other side).
    pub(crate) fn task_gone(&self) -> AtDetach {
        let before = self.0.fetch_or(TASK_GONE, Ordering::AcqRel);
        left_by(before, HANDLE_GONE)
    }

    /// For the handle.
    pub(crate) fn handle_gone(&self) -> AtDetach {
        // Nobody else is left to race with.
        let now = self.0.load(Ordering::Acquire);
        if now & TASK_GONE != 0 {
            return left_by(now, TASK_GONE);
        }
        left_by(self.0.fetch_or(HANDLE_GONE, Ordering::AcqRel), TASK_GONE)
    }

    /// For a joiner, under the lock of the queue: whether it may queue; if not, the task is done.
    pub(crate) fn announce_joiner(&self) -> bool {
        self.0.fetch_or(JOINERS, Ordering::AcqRel) & DONE == 0
    }

    /// For the handle when it is about to go: whether everything in the packet is its own already.
    pub(crate) fn is_left_whole(&self) -> bool {
        self.0.load(Ordering::Acquire) & (DONE | TASK_GONE | TAKEN) == DONE | TASK_GONE
    }

    /// For who wants the outcome: whether it is theirs.
    pub(crate) fn take(&self) -> bool {
        let now = self.0.load(Ordering::Acquire);
        now & (DONE | TAKEN) == DONE && self.0.fetch_or(TAKEN, Ordering::AcqRel) & TAKEN == 0
    }
}

fn left_by(word: u32, other: u32) -> AtDetach {
    if word & other == 0 {
        AtDetach::Running
    } else if word & TAKEN == 0 {
        AtDetach::Untaken
    } else {
        AtDetach::Taken
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicU32;
    use loom::thread;

    /// The parts of a packet that the two sides share. The outcome's place is a relaxed atomic, which
    /// loom lets read stale: who sees the outcome has been ordered after it.
    struct Packet {
        end: EndWord,
        joiners: crate::sync::Lock<Vec<u32>>,
        place: AtomicU32,
        freed: AtomicU32,
        outcomes: AtomicU32,
    }

    impl Packet {
        fn new() -> Arc<Packet> {
            Arc::new(Packet {
                end: EndWord::new(),
                joiners: crate::sync::Lock::new(Vec::new()),
                place: AtomicU32::new(0),
                freed: AtomicU32::new(0),
                outcomes: AtomicU32::new(0),
            })
        }

        fn free(&self) {
            assert_eq!(self.freed.fetch_add(1, Ordering::Relaxed), 0, "freed twice");
        }

        fn read(&self) {
            assert_eq!(self.place.load(Ordering::Relaxed), 7, "no outcome");
            assert_eq!(self.outcomes.fetch_add(1, Ordering::Relaxed), 0, "read twice");
        }

        /// As `packet.rs` does it. Comes back with the joiners woken.
        fn task_ends(&self) -> usize {
            if self.end.is_detached() {
                self.free();
                return 0;
            }
            self.place.store(7, Ordering::Relaxed);
            match self.end.finish() {
                AtEnd::Left => 0,
                AtEnd::Detached => {
                    self.read();
                    self.free();
                    0
                }
                AtEnd::Joined => {
                    let woken = {
                        let mut joiners = self.joiners.lock();
                        let woken = std::mem::take(&mut *joiners).len();
                        self.end.set_done(woken > 0);
                        woken
                    };
                    if woken > 0 {
                        return woken;
                    }
                    match self.end.task_gone() {
                        AtDetach::Running => {}
                        AtDetach::Taken => self.free(),
                        AtDetach::Untaken => {
                            self.read();
                            self.free();
                        }
                    }
                    woken
                }
            }
        }

        fn handle_goes(&self) {
            match self.end.handle_gone() {
                AtDetach::Running => return,
                AtDetach::Taken => {}
                AtDetach::Untaken => self.read(),
            }
            self.free();
        }
    }

    #[test]
    fn whoever_goes_last_frees_the_packet_and_the_outcome_is_read_once_at_most() {
        loom::model(|| {
            let packet = Packet::new();
            let task = {
                let packet = packet.clone();
                thread::spawn(move || packet.task_ends())
            };
            if packet.end.take() {
                packet.read();
            }
            packet.handle_goes();
            task.join().unwrap();
            assert_eq!(packet.freed.load(Ordering::Relaxed), 1, "never freed");
        });
    }

    #[test]
    fn a_joiner_finds_the_task_done_or_is_woken() {
        loom::model(|| {
            let packet = Packet::new();
            let task = {
                let packet = packet.clone();
                thread::spawn(move || packet.task_ends())
            };
            let queued = {
                let mut joiners = packet.joiners.lock();
                let may = packet.end.announce_joiner();
                if may {
                    joiners.push(1);
                }
                may
            };
            let woken = task.join().unwrap();
            assert_eq!(woken, usize::from(queued), "a joiner sleeps for ever");
            assert!(packet.end.take());
            packet.read();
            packet.handle_goes();
            assert_eq!(packet.freed.load(Ordering::Relaxed), 1);
        });
    }
}
