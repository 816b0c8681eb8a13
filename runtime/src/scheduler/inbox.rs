//! The inbox of a worker: started tasks that other threads have woken.
//!
//! Many push, one takes everything (Treiber's stack, taken whole and turned around, so that who was
//! woken first runs first). The links are words in the tasks' records: nothing is allocated. A task
//! is in one inbox at most, once, since exactly one claimer delivers it.
//!
//! The handshake with an owner that falls asleep, with `F` a full fence:
//!
//! ```text
//!  sender:   push        F    the owner sleeps?  -> wake it
//!  owner:    `asleep`    F    empty?             -> sleep
//! ```

use crate::sync::{AtomicU32, AtomicU64, Ordering, fence, fence_after_rmw};

/// The tasks, and whether their worker sleeps.
#[derive(Debug)]
pub(crate) struct Inbox {
    /// Zero, or the item pushed last.
    top: AtomicU64,
    asleep: AtomicU32,
}

impl Inbox {
    pub(crate) fn new() -> Inbox {
        Inbox { top: AtomicU64::new(0), asleep: AtomicU32::new(0) }
    }

    /// Puts an item in (not zero; `link` is its word). Whether the owner must be woken for it.
    #[must_use]
    pub(crate) fn push(&self, item: u64, link: &AtomicU64) -> bool {
        let mut top = self.top.load(Ordering::Relaxed);
        loop {
            link.store(top, Ordering::Relaxed);
            match self.top.compare_exchange_weak(top, item, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => top = now,
            }
        }
        fence_after_rmw();
        self.asleep.load(Ordering::SeqCst) != 0
    }

    /// The owner is about to sleep: whether it may. Ends with [`Inbox::get_up`].
    #[must_use]
    pub(crate) fn lie_down(&self) -> bool {
        self.asleep.store(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        self.is_empty()
    }

    pub(crate) fn get_up(&self) {
        self.asleep.store(0, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.top.load(Ordering::SeqCst) == 0
    }

    /// Everything in it, in the order of pushing. `link` finds an item's word.
    pub(crate) fn take<'a>(
        &self,
        link: impl Fn(u64) -> Option<&'a AtomicU64>,
        mut found: impl FnMut(u64),
    ) {
        if self.is_empty() {
            return;
        }
        let mut top = self.top.swap(0, Ordering::Acquire);
        let mut turned = 0;
        while let (true, Some(word)) = (top != 0, link(top)) {
            let below = word.load(Ordering::Relaxed);
            word.store(turned, Ordering::Relaxed);
            turned = top;
            top = below;
        }
        while let (true, Some(word)) = (turned != 0, link(turned)) {
            let next = word.load(Ordering::Relaxed);
            found(turned);
            turned = next;
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::thread;

    #[test]
    fn two_senders_and_one_taker_lose_nothing_and_keep_each_senders_order() {
        loom::model(|| {
            let inbox = Arc::new(Inbox::new());
            let links: Arc<Vec<AtomicU64>> = Arc::new((0..4).map(|_| AtomicU64::new(0)).collect());
            let senders: Vec<_> = [[1, 2], [3, 0]]
                .into_iter()
                .map(|items: [u64; 2]| {
                    let (inbox, links) = (inbox.clone(), links.clone());
                    thread::spawn(move || {
                        for item in items.into_iter().filter(|item| *item != 0) {
                            let _ = inbox.push(item, &links[item as usize]);
                        }
                    })
                })
                .collect();
            let mut got = Vec::new();
            inbox.take(|item| links.get(item as usize), |item| got.push(item));
            for sender in senders {
                sender.join().unwrap();
            }
            inbox.take(|item| links.get(item as usize), |item| got.push(item));
            let place = |item| got.iter().position(|it| *it == item);
            assert!(place(1).unwrap() < place(2).unwrap());
            got.sort_unstable();
            assert_eq!(got, [1, 2, 3]);
        });
    }

    #[test]
    fn what_is_pushed_while_the_owner_falls_asleep_is_seen_or_wakes_it() {
        loom::model(|| {
            let inbox = Arc::new(Inbox::new());
            let link = Arc::new(AtomicU64::new(0));
            let sender = {
                let (inbox, link) = (inbox.clone(), link.clone());
                thread::spawn(move || inbox.push(9, &link))
            };
            let may_sleep = inbox.lie_down();
            let wakes = sender.join().unwrap();
            assert!(!may_sleep || wakes, "the owner sleeps over a task");
        });
    }
}
