//! Where a value changes hands: a slot on the stack of the parked waiter, and the queue that names
//! it.
//!
//! Invariants, on which every access rests:
//! 1. A node in a [`SlotQueue<T>`] names a `Slot<T>` on the stack of the node's waiter.
//! 2. That waiter does not return from its operation before its node has left the queue: it was
//!    claimed, or it took the node out itself under the object's lock.
//! 3. A claimed waiter runs only after `wake`, so between claim and wake the slot is there and the
//!    claimer alone touches it; before the claim and after the wake the waiter alone does.

use std::marker::PhantomData;

use crate::records::node::Node;
use crate::records::table::Ref;
use crate::sync::{Ordering, UnsafeCell};
use crate::wait::Claimed;
use crate::wait::queue::WaitQueue;

/// Room for one value.
#[derive(Debug)]
pub(crate) struct Slot<T>(UnsafeCell<Option<T>>);

impl<T> Slot<T> {
    pub(crate) fn full(value: T) -> Slot<T> {
        Slot(UnsafeCell::new(Some(value)))
    }

    pub(crate) fn empty() -> Slot<T> {
        Slot(UnsafeCell::new(None))
    }

    pub(crate) fn take(&mut self) -> Option<T> {
        self.0.get_mut().take()
    }

    pub(crate) fn put(&mut self, value: T) {
        *self.0.get_mut() = Some(value);
    }
}

/// A queue of waiters that each brought a slot.
pub(crate) struct SlotQueue<T> {
    queue: WaitQueue,
    slots: PhantomData<fn(T) -> T>,
}

impl<T> SlotQueue<T> {
    pub(crate) const fn new() -> Self {
        SlotQueue { queue: WaitQueue::new(), slots: PhantomData }
    }

    /// # Safety
    /// `slot` must stay where it is, and be left alone by the waiter, until the node has left this
    /// queue (invariants 2 and 3).
    pub(crate) unsafe fn push_back(&mut self, node: u32, slot: &Slot<T>) {
        Node::at(node).value.store(slot.0.get().cast(), Ordering::Relaxed);
        self.queue.push_back(node);
    }

    pub(crate) fn remove(&mut self, node: u32) {
        self.queue.remove(node);
    }

    pub(crate) fn has_other(&self, me: Ref) -> bool {
        self.queue.has_other(me)
    }

    pub(crate) fn claim_first(&mut self) -> Option<ClaimedSlot<T>> {
        let (claimed, node) = self.queue.claim_first()?;
        let slot = node.value.load(Ordering::Relaxed).cast::<Option<T>>();
        Some(ClaimedSlot { claimed, slot })
    }

    /// Claims everybody and leaves their slots as they are.
    pub(crate) fn claim_all(&mut self) -> Vec<Claimed> {
        self.queue.claim_all()
    }
}

/// A claimed waiter and its slot.
#[must_use]
pub(crate) struct ClaimedSlot<T> {
    claimed: Claimed,
    slot: *mut Option<T>,
}

impl<T> ClaimedSlot<T> {
    /// Gives it the value, and wakes it.
    pub(crate) fn give(self, value: T) {
        // SAFETY: invariant 3: claimed and not woken, so the slot lives and is ours alone.
        unsafe { *self.slot = Some(value) };
        self.claimed.wake();
    }

    /// Takes its value, and wakes it.
    pub(crate) fn take(self) -> Option<T> {
        // SAFETY: as in `give`.
        let value = unsafe { (*self.slot).take() };
        self.claimed.wake();
        value
    }
}
