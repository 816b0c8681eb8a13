//! Pending operations on a channel, by their side.

use crate::chan::core::Core;
use crate::wait::slot::{Pending, Side};

/// The sending side.
pub(crate) struct SendSide<'a, T>(pub(crate) &'a Core<T>);
/// The receiving side.
pub(crate) struct RecvSide<'a, T>(pub(crate) &'a Core<T>);

impl<T> Side for SendSide<'_, T> {
    fn take_out(&self, node: u32) {
        self.0.lock().senders.remove(node);
    }
}

impl<T> Side for RecvSide<'_, T> {
    fn take_out(&self, node: u32) {
        self.0.lock().receivers.remove(node);
    }
}

/// A send that waits, with its value.
pub(crate) type SendOp<'a, T> = Pending<T, SendSide<'a, T>>;
/// A receive that waits.
pub(crate) type RecvOp<'a, T> = Pending<T, RecvSide<'a, T>>;

pub(crate) fn send<T>(core: &Core<T>, value: T) -> SendOp<'_, T> {
    Pending::new(SendSide(core), Some(value))
}

pub(crate) fn recv<T>(core: &Core<T>) -> RecvOp<'_, T> {
    Pending::new(RecvSide(core), None)
}
