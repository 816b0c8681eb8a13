//! Who asks the kernel about descriptors: each worker, for the tasks that it runs.
//!
//! Invariants:
//! 1. A worker whose task waits for a descriptor has that descriptor in its own set, from before
//!    the wait until after it (`wait/descriptor.rs`). Started tasks stay on their worker, so an
//!    event comes to the thread that will run who waits for it: no worker polls for another, and a
//!    busy one keeps nobody waiting but tasks that it could not run anyway.
//! 2. Only the worker's thread waits on its set. Others may add to it and interrupt it.
//! 3. Events are handed out while the worker counts as awake.

use std::io;
use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::machine::epoll::{Epoll, Events};
use crate::machine::futex::Parker;
use crate::sync::{AtomicU32, Ordering};
use crate::wait::descriptor::{self, Side};

/// A worker's set of descriptors. Made when the first of its tasks waits for one.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OnceCell<Epoll>,
    /// Tasks of this worker that wait for descriptors. Only its own thread writes.
    waits: AtomicU32,
}

impl Poller {
    pub(crate) const fn new() -> Poller {
        Poller { epoll: OnceCell::new(), waits: AtomicU32::new(0) }
    }

    /// # Errors
    /// When the process has no descriptors left for it.
    pub(crate) fn epoll(&self) -> io::Result<&Epoll> {
        self.epoll.get_or_try_init(Epoll::new)
    }

    /// The set, if it is there.
    pub(crate) fn made(&self) -> Option<&Epoll> {
        self.epoll.get()
    }

    /// Whether a task of the worker waits for a descriptor.
    pub(crate) fn has_waits(&self) -> bool {
        self.waits.load(Ordering::Relaxed) != 0
    }

    /// A task of the calling worker begins to wait.
    pub(crate) fn wait_begins(&self) {
        self.waits.store(self.waits.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// The wait is over.
    pub(crate) fn wait_ends(&self) {
        self.waits.store(self.waits.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    }

    /// Looks for news without waiting, and wakes whom they concern.
    pub(crate) fn look(&self, events: &mut Events) {
        if let Some(epoll) = self.made().filter(|_| self.has_waits()) {
            epoll.wait(events, Some(Duration::ZERO));
            hand_out(events);
        }
    }

    /// Sleeps until there is a token, or news (which are left in `events`), or until `timeout` has
    /// passed. Without waits for descriptors that is the parker's own sleep.
    pub(crate) fn sleep(&self, parker: &Parker, timeout: Option<Duration>, events: &mut Events) {
        match self.made().filter(|_| self.has_waits()) {
            None => parker.park(timeout),
            Some(epoll) => {
                if parker.begin_elsewhere() {
                    epoll.wait(events, timeout);
                    parker.end_elsewhere();
                }
            }
        }
    }

    /// Ends a sleep in the set.
    pub(crate) fn interrupt(&self) {
        if let Some(epoll) = self.made() {
            epoll.interrupt();
        }
    }
}

/// Wakes those for whom there is news.
pub(crate) fn hand_out(events: &mut Events) {
    if events.is_empty() {
        return;
    }
    for event in events.drain() {
        if event.not_only_data {
            descriptor::not_only_data(event.fd);
        }
        let sides: &[Side] = match (event.readable, event.writable) {
            (true, true) => &[Side::Read, Side::Write],
            (true, false) => &[Side::Read],
            (false, true) => &[Side::Write],
            (false, false) => &[],
        };
        descriptor::news(event.fd, sides);
    }
}
