//! Which workers of a runtime sleep, how many look for work, and whom to wake when there is more.
//!
//! Go's rule (`proc.go`, "worker thread parking/unparking"): who makes work wakes one sleeper, unless
//! somebody is looking for work already; a looker that finds some wakes the next looker; at most
//! half of the busy workers look. So work spreads in steps, and a burst of spawns costs one wake.
//!
//! The handshake, with `F` a full fence:
//!
//! ```text
//!  maker:    put work into a queue    F    nobody looks, somebody sleeps?  -> wake one
//!  sleeper:  stop looking, be listed  F    look at every queue once more   -> or sleep
//! ```
//!
//! If the maker's fence comes first, the sleeper sees the work. If the sleeper's does, the maker sees
//! that it sleeps and that it looks no more. A looker that the maker saw looking stops looking before
//! its own fence, and then sees the work.

use crate::sync::{AtomicU32, Lock, Ordering, fence};

/// The sleepers and lookers of one runtime.
#[derive(Debug)]
pub(crate) struct Idle {
    sleepers: Lock<Vec<u32>>,
    /// Length of the list; what can be read without its lock.
    sleeping: AtomicU32,
    looking: AtomicU32,
}

impl Idle {
    pub(crate) fn new() -> Idle {
        Idle {
            sleepers: Lock::new(Vec::new()),
            sleeping: AtomicU32::new(0),
            looking: AtomicU32::new(0),
        }
    }

    /// Before looking for work: whether the worker may. `workers` is how many there are.
    pub(crate) fn start_looking(&self, workers: u32) -> bool {
        let busy = workers.saturating_sub(self.sleeping.load(Ordering::Relaxed));
        if 2 * self.looking.load(Ordering::Relaxed) >= busy {
            return false;
        }
        self.looking.fetch_add(1, Ordering::SeqCst);
        true
    }

    /// Found some, or gave up. True for the last looker: who found work then wakes the next.
    pub(crate) fn stop_looking(&self) -> bool {
        self.looking.fetch_sub(1, Ordering::SeqCst) == 1
    }

    /// The worker is about to sleep: listed, and the fence is done. Look at all queues now.
    pub(crate) fn enter(&self, worker: u32) {
        let mut sleepers = self.sleepers.lock();
        sleepers.push(worker);
        self.sleeping.store(sleepers.len() as u32, Ordering::SeqCst);
        drop(sleepers);
        fence(Ordering::SeqCst);
    }

    /// The worker is up. Whoever wakes by itself looks for nothing in particular; whoever was picked
    /// is counted as looking already. Which of the two it was comes back.
    pub(crate) fn leave(&self, worker: u32) -> bool {
        let mut sleepers = self.sleepers.lock();
        let listed = sleepers.iter().position(|sleeper| *sleeper == worker);
        if let Some(at) = listed {
            sleepers.swap_remove(at);
            self.sleeping.store(sleepers.len() as u32, Ordering::SeqCst);
        }
        listed.is_none()
    }

    /// As [`Idle::pick`], for a worker that has put work into its own queue. Without the fence, which
    /// costs as much as the rest of a spawn: a sleeper that is missed is picked at the next spawn or
    /// by the monitor's next tick, and until then the worker itself is there for its work.
    #[inline]
    pub(crate) fn pick_roughly(&self) -> Option<u32> {
        let somebody = self.sleeping.load(Ordering::Relaxed) != 0;
        if somebody && self.looking.load(Ordering::Relaxed) == 0 {
            self.pick_slowly()
        } else {
            None
        }
    }

    /// After work was made: whom to wake, if anybody. The picked one counts as looking.
    #[inline]
    pub(crate) fn pick(&self) -> Option<u32> {
        fence(Ordering::SeqCst);
        if self.sleeping.load(Ordering::SeqCst) == 0 || self.looking.load(Ordering::SeqCst) != 0 {
            return None;
        }
        self.pick_slowly()
    }

    #[cold]
    fn pick_slowly(&self) -> Option<u32> {
        self.looking.compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst).ok()?;
        let mut sleepers = self.sleepers.lock();
        let picked = sleepers.pop();
        self.sleeping.store(sleepers.len() as u32, Ordering::SeqCst);
        drop(sleepers);
        if picked.is_none() {
            self.looking.fetch_sub(1, Ordering::SeqCst);
        }
        picked
    }

    /// Workers that sleep.
    pub(crate) fn sleeping(&self) -> u32 {
        self.sleeping.load(Ordering::SeqCst)
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicU64;
    use loom::thread;

    /// A worker that looks, gives up and sleeps, while another makes work: it is woken or sees it.
    #[test]
    fn work_made_while_a_worker_falls_asleep_is_seen_by_somebody() {
        loom::model(|| {
            let idle = Arc::new(Idle::new());
            let queue = Arc::new(AtomicU64::new(0));
            let maker = {
                let (idle, queue) = (idle.clone(), queue.clone());
                thread::spawn(move || {
                    queue.store(1, Ordering::Release);
                    idle.pick()
                })
            };
            let looked = idle.start_looking(2);
            let mut seen = queue.load(Ordering::Acquire) == 1;
            if looked {
                idle.stop_looking();
            }
            idle.enter(7);
            seen |= queue.load(Ordering::Acquire) == 1;
            let picked = maker.join().unwrap();
            assert!(seen || picked == Some(7), "the work is lost");
        });
    }
}
