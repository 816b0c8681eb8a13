//! A queue of waiters, linked through their nodes by index.
//!
//! Invariants:
//! 1. Every access is under the lock of the object that owns the queue.
//! 2. A node is in at most one queue; one that has left it says so in `previous`.
//! 3. Before an object goes, nobody waits on it: waiters borrow it or share it.

use crate::records::node::{Node, OUT};
use crate::records::waiter::Current;
use crate::scheduler::current;
use crate::sync::Ordering;
use crate::wait::Claimed;

/// Waiters that were claimed under a lock, to be woken after it. Mostly it is one.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Claims {
    first: Option<Claimed>,
    rest: Vec<Claimed>,
}

impl Claims {
    pub(crate) fn one(claimed: Option<Claimed>) -> Claims {
        Claims { first: claimed, rest: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn last(&self) -> Option<&Claimed> {
        self.rest.last().or(self.first.as_ref())
    }

    pub(crate) fn wake(self) {
        self.first.into_iter().chain(self.rest).for_each(Claimed::wake);
    }
}

impl FromIterator<Claimed> for Claims {
    fn from_iter<I: IntoIterator<Item = Claimed>>(claimed: I) -> Claims {
        let mut claimed = claimed.into_iter();
        Claims { first: claimed.next(), rest: claimed.collect() }
    }
}

/// First and last node, as index + 1; and how many.
#[derive(Debug, Default)]
pub(crate) struct WaitQueue {
    head: u32,
    tail: u32,
    len: u32,
}

impl WaitQueue {
    pub(crate) const fn new() -> WaitQueue {
        WaitQueue { head: 0, tail: 0, len: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head == 0
    }

    /// Waiters in it, those included that another arm of theirs has woken.
    pub(crate) fn len(&self) -> u64 {
        u64::from(self.len)
    }

    #[inline]
    pub(crate) fn push_back(&mut self, index: u32) {
        self.len += 1;
        let node = Node::at(index);
        node.next.store(0, Ordering::Relaxed);
        node.previous.store(self.tail, Ordering::Relaxed);
        match self.tail.checked_sub(1) {
            Some(tail) => Node::at(tail).next.store(index + 1, Ordering::Relaxed),
            None => self.head = index + 1,
        }
        self.tail = index + 1;
    }

    /// For a waiter that had its turn and was overtaken.
    pub(crate) fn push_front(&mut self, index: u32) {
        self.len += 1;
        let node = Node::at(index);
        node.next.store(self.head, Ordering::Relaxed);
        node.previous.store(0, Ordering::Relaxed);
        match self.head.checked_sub(1) {
            Some(head) => Node::at(head).previous.store(index + 1, Ordering::Relaxed),
            None => self.tail = index + 1,
        }
        self.head = index + 1;
    }

    /// Takes a node out that was put in, if it is still in.
    pub(crate) fn remove(&mut self, index: u32) {
        let node = Node::at(index);
        let previous = node.previous.load(Ordering::Relaxed);
        if previous == OUT {
            return;
        }
        node.previous.store(OUT, Ordering::Relaxed);
        self.len -= 1;
        let next = node.next.load(Ordering::Relaxed);
        match previous.checked_sub(1) {
            Some(previous) => Node::at(previous).next.store(next, Ordering::Relaxed),
            None => self.head = next,
        }
        match next.checked_sub(1) {
            Some(next) => Node::at(next).previous.store(previous, Ordering::Relaxed),
            None => self.tail = previous,
        }
    }

    /// Claims one of the waiters, as the scheduler's policy has it: the first, in the normal order.
    pub(crate) fn claim_chosen(&mut self) -> Option<Claimed> {
        if self.len > 1 {
            let skip = current::next_in_line(self.len as usize);
            let chosen = (0..skip).try_fold(self.head, |at, _| {
                Some(Node::at(at.checked_sub(1)?).next.load(Ordering::Relaxed))
            });
            if let (Some(index), true) = (chosen.and_then(|at| at.checked_sub(1)), skip > 0) {
                self.remove(index);
                self.push_front(index);
            }
        }
        self.claim_first().map(|(claimed, _)| claimed)
    }

    fn pop_front(&mut self, node: &Node) {
        node.previous.store(OUT, Ordering::Relaxed);
        self.len -= 1;
        self.head = node.next.load(Ordering::Relaxed);
        match self.head.checked_sub(1) {
            Some(next) => Node::at(next).previous.store(0, Ordering::Relaxed),
            None => self.tail = 0,
        }
    }

    /// Claims the first waiter that can still be claimed. Those that cannot (another arm of theirs
    /// has won, or their timer) leave the queue on the way.
    #[inline]
    pub(crate) fn claim_first(&mut self) -> Option<(Claimed, &'static Node)> {
        self.claim_first_if(|_| true)
    }

    /// As [`WaitQueue::claim_first`], unless somebody who does not fit comes first.
    #[inline]
    pub(crate) fn claim_first_if(
        &mut self,
        fits: impl Fn(&Node) -> bool,
    ) -> Option<(Claimed, &'static Node)> {
        while let Some(index) = self.head.checked_sub(1) {
            let node = Node::at(index);
            if !fits(node) {
                return None;
            }
            self.pop_front(node);
            if let Some(claimed) = Claimed::by_node(node) {
                return Some((claimed, node));
            }
        }
        None
    }

    /// Claims everybody.
    pub(crate) fn claim_all(&mut self) -> Claims {
        std::iter::from_fn(|| self.claim_first().map(|(claimed, _)| claimed)).collect()
    }

    /// Whether somebody other than `me` is queued.
    pub(crate) fn has_other(&self, me: Current) -> bool {
        let mut next = self.head;
        while let Some(index) = next.checked_sub(1) {
            let node = Node::at(index);
            if !node.waiter.get().is_some_and(|waiter| me.is(waiter)) {
                return true;
            }
            next = node.next.load(Ordering::Relaxed);
        }
        false
    }
}
