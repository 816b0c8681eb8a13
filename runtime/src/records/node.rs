//! Wait nodes: one for each thing a waiter waits on. A plain wait has one, a select one an arm.
//!
//! A node is a member of one wait queue (linked by index, guarded by the lock of the object that
//! owns the queue) and of its waiter's list of arms (written before the wait is published). Nodes
//! are records, so that parking allocates nothing and a snapshot can read who waits on what.

use std::mem::offset_of;

pub(crate) use gleak_snapshot::WaitOp as Op;
use gleak_snapshot::image::Field;

use crate::records::fact::{Fact, SmallFact};
use crate::records::statics::Static;
use crate::records::table::{Slot, Table};
use crate::records::waiter::WaiterRecord;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Node {
    pub(crate) slot: Slot,
    /// Whose it is, and which wait of it.
    pub(crate) waiter: Static<WaiterRecord>,
    pub(crate) ticket: AtomicU64,
    /// Which arm of the wait; [`SOLE`] when there is no other and no timer.
    pub(crate) arm: AtomicU32,
    op: SmallFact,
    /// The object's record, or for a join the task's; zero for a never-channel.
    pub(crate) target: Fact,
    /// Next arm of the same wait: index + 1.
    pub(crate) next_arm: SmallFact,
    /// Next node that the same waiter keeps: index + 1.
    pub(crate) spare: AtomicU32,
    /// Neighbours in the object's queue: index + 1. Guarded by the object's lock.
    pub(crate) next: AtomicU32,
    /// `OUT` while it is in no queue.
    pub(crate) previous: AtomicU32,
    /// Where the waiter's stack holds the value to send or the place to receive into; or how many
    /// permits it asks for, as a number (see [`Node::ask`]).
    pub(crate) value: AtomicPtr<()>,
}

/// For the anchor.
pub(crate) const LAYOUT: &[(Field, usize)] = &[
    (Field::NodeSize, size_of::<Node>()),
    (Field::NodeSlot, offset_of!(Node, slot)),
    (Field::NodeOp, offset_of!(Node, op)),
    (Field::NodeTarget, offset_of!(Node, target)),
    (Field::NodeNextArm, offset_of!(Node, next_arm)),
    (Field::NodeNext, offset_of!(Node, next)),
    (Field::NodePrevious, offset_of!(Node, previous)),
    (Field::NodeAsked, offset_of!(Node, value)),
];

/// Set in `arm`: who has the lock of the object that the node is queued at is alone in claiming it.
pub(crate) const SOLE: u32 = 1 << 31;

/// No neighbour's index: the node has left its queue.
pub(crate) const OUT: u32 = u32::MAX;

#[cfg(not(feature = "no-records"))]
const _: () = assert!(size_of::<Node>() == 64, "one cache line");

pub(crate) static NODES: Table<Node> = Table::new();

impl Node {
    #[inline]
    pub(crate) fn at(index: u32) -> &'static Node {
        NODES.at(index).expect("node indices come from the table")
    }

    /// Notes how many permits are asked for.
    pub(crate) fn ask(&self, permits: usize) {
        self.value.store(std::ptr::without_provenance_mut(permits), Ordering::Release);
    }

    /// How many permits are asked for, by a node that waits for a semaphore.
    pub(crate) fn asked(&self) -> usize {
        self.value.load(Ordering::Acquire).addr()
    }

    pub(crate) fn set_op(&self, op: Op) {
        self.op.set(op as u32);
    }

    pub(crate) fn op(&self) -> Op {
        Op::ALL[self.op.get() as usize % Op::ALL.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_reads_back() {
        assert!(Op::ALL.into_iter().enumerate().all(|(code, op)| op as usize == code));
    }
}
