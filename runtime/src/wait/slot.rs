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
use crate::records::waiter::Current;
use crate::sync::{Ordering, UnsafeCell};
use crate::wait::Claimed;
use crate::wait::queue::{Claims, WaitQueue};

/// Room for one value.
#[derive(Debug)]
struct Slot<T>(UnsafeCell<Option<T>>);

/// A queue of waiters that each brought a slot.
pub(crate) struct SlotQueue<T> {
    queue: WaitQueue,
    slots: PhantomData<fn(T) -> T>,
}

impl<T> SlotQueue<T> {
    pub(crate) const fn new() -> Self {
        SlotQueue { queue: WaitQueue::new(), slots: PhantomData }
    }

    pub(crate) fn remove(&mut self, node: u32) {
        self.queue.remove(node);
    }

    pub(crate) fn has_other(&self, me: Current) -> bool {
        self.queue.has_other(me)
    }

    pub(crate) fn claim_first(&mut self) -> Option<ClaimedSlot<T>> {
        let (claimed, node) = self.queue.claim_first()?;
        let slot = node.value.load(Ordering::Relaxed).cast::<Option<T>>();
        Some(ClaimedSlot { claimed, slot })
    }

    /// Claims everybody and leaves their slots as they are.
    pub(crate) fn claim_all(&mut self) -> Claims {
        self.queue.claim_all()
    }
}

/// The side of an object that an operation may be queued on.
pub(crate) trait Side {
    /// Takes the node out of the queue, under the object's lock, if it is still in.
    fn take_out(&self, node: u32);
}

/// One pending operation: the value to send, or the place to receive into, while its node may be in
/// a queue.
///
/// While `queued` it is not moved, and its slot is left alone: the owner parks in between, and then
/// says how that ended. Both users keep it in one place: in a frame, or behind the `&mut` that a
/// select holds.
pub(crate) struct Pending<T, S: Side> {
    pub(crate) side: S,
    slot: Slot<T>,
    queued: Option<u32>,
}

impl<T, S: Side> Pending<T, S> {
    pub(crate) fn new(side: S, value: Option<T>) -> Self {
        Pending { side, slot: Slot(UnsafeCell::new(value)), queued: None }
    }

    pub(crate) fn queue(&mut self, queue: &mut SlotQueue<T>, node: u32) {
        self.queued = Some(node);
        Node::at(node).value.store(self.slot.0.get().cast(), Ordering::Relaxed);
        queue.queue.push_back(node);
    }

    /// The node was claimed, and so is in no queue.
    pub(crate) fn claimed(&mut self) {
        self.queued = None;
    }

    pub(crate) fn unqueue(&mut self) {
        if let Some(node) = self.queued.take() {
            self.side.take_out(node);
        }
    }

    /// The value: not taken by anybody, or given by somebody. Not while queued.
    pub(crate) fn take(&mut self) -> Option<T> {
        self.slot.0.get_mut().take()
    }

    /// Puts a value back that could not be sent.
    pub(crate) fn put(&mut self, value: T) {
        *self.slot.0.get_mut() = Some(value);
    }
}

impl<T, S: Side> Drop for Pending<T, S> {
    fn drop(&mut self) {
        self.unqueue();
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
    #[inline]
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
