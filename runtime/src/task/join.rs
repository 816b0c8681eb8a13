//! Handles: joining a task, or letting it go.

use std::fmt;
use std::panic::Location;

use crate::lock::order;
use crate::records::node::Op;
use crate::records::statics::Site;
use crate::records::waiter::Reason;
use crate::scheduler::current;
use crate::task::error::JoinError;
use crate::task::packet::HandleSide;
use crate::wait::{self, On, Why};

/// The right to a task's result. Dropping it lets the task go on by itself.
pub struct JoinHandle<T> {
    pub(crate) packet: HandleSide<T>,
}

impl<T> JoinHandle<T> {
    /// Waits until the task has finished.
    ///
    /// # Errors
    /// When the task panicked, or no stack could be had for it.
    ///
    /// # Panics
    /// When an arm of a select has taken the result before.
    #[track_caller]
    pub fn join(self) -> Result<T, JoinError> {
        self.join_for(Reason::Join, Location::caller())
    }

    pub(crate) fn join_for(self, reason: Reason, site: Site) -> Result<T, JoinError> {
        let mut packet = self.packet;
        let task = packet.info().id;
        loop {
            packet = match packet.into_outcome() {
                Ok(outcome) => {
                    order::joined(task);
                    return outcome;
                }
                Err(packet) => packet,
            };
            assert!(!packet.is_taken(), "a select has joined this task before");
            let who = current::get();
            let on = On::Record(packet.info().reference.to_bits());
            let why = Why { reason, site, until: None };
            let mut waiting = None;
            let queued = packet.queue(|| {
                let (begun, node) = wait::begin(who, why, Op::Join, on);
                waiting = Some(begun);
                node
            });
            if let (true, Some(waiting)) = (queued, waiting) {
                let outcome = waiting.park();
                if outcome.left_queued() {
                    packet.unqueue(who.record.own_node());
                }
                outcome.or_unwind();
            }
        }
    }

    /// Whether the task has finished: then [`join`](JoinHandle::join) does not wait.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.packet.is_done()
    }

    /// The task's id, as reports print it.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.packet.info().id
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("task", &self.id()).finish_non_exhaustive()
    }
}
