//! One pending operation on a channel: the value to send, or the place to receive into, while its
//! node may be in the channel's queue.
//!
//! Invariant: while `queued`, the operation is not moved, and its slot is left alone until the node
//! has left the queue: the owner parks in between, and then calls `unqueue` (or unwinds, and `Drop`
//! does). Both users, `Core` and the arms of a select, keep it in one place: in a frame, or behind
//! the `&mut` that the select holds.

use crate::chan::core::{Core, State};
use crate::wait::slot::Slot;

/// A send that waits.
pub(crate) struct SendOp<'a, T> {
    pub(crate) core: &'a Core<T>,
    slot: Slot<T>,
    queued: Option<u32>,
}

impl<'a, T> SendOp<'a, T> {
    pub(crate) fn new(core: &'a Core<T>, value: T) -> Self {
        SendOp { core, slot: Slot::full(value), queued: None }
    }

    pub(crate) fn queue(&mut self, state: &mut State<T>, node: u32) {
        self.queued = Some(node);
        // SAFETY: the slot stays where it is until the node has left the queue (see the head).
        unsafe { state.senders.push_back(node, &self.slot) };
    }

    pub(crate) fn unqueue(&mut self) {
        if let Some(node) = self.queued.take() {
            self.core.lock().senders.remove(node);
        }
    }

    /// The value, if nobody took it. Not while queued.
    pub(crate) fn take(&mut self) -> Option<T> {
        self.slot.take()
    }

    /// Puts a value back that could not be sent.
    pub(crate) fn put(&mut self, value: T) {
        self.slot.put(value);
    }
}

impl<T> Drop for SendOp<'_, T> {
    fn drop(&mut self) {
        self.unqueue();
    }
}

/// A receive that waits.
pub(crate) struct RecvOp<'a, T> {
    pub(crate) core: &'a Core<T>,
    slot: Slot<T>,
    queued: Option<u32>,
}

impl<'a, T> RecvOp<'a, T> {
    pub(crate) fn new(core: &'a Core<T>) -> Self {
        RecvOp { core, slot: Slot::empty(), queued: None }
    }

    pub(crate) fn queue(&mut self, state: &mut State<T>, node: u32) {
        self.queued = Some(node);
        // SAFETY: as for a send.
        unsafe { state.receivers.push_back(node, &self.slot) };
    }

    pub(crate) fn unqueue(&mut self) {
        if let Some(node) = self.queued.take() {
            self.core.lock().receivers.remove(node);
        }
    }

    /// The value, if somebody gave one. Not while queued.
    pub(crate) fn take(&mut self) -> Option<T> {
        self.slot.take()
    }
}

impl<T> Drop for RecvOp<'_, T> {
    fn drop(&mut self) {
        self.unqueue();
    }
}
