//! The ends of a channel: each counts its handles and notes who used it last.
//!
//! Invariant: a handle is counted for as long as it exists, and by nothing else.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::current;
use crate::object::{Channel, Facts, Object, Record};
use crate::site::Place;
use crate::snapshot::{WaitOp, WaitReason};
use crate::task::{On, What};

/// A handle that sends.
#[derive(Debug)]
pub(super) struct SendEnd(Arc<Object>);

/// A handle that receives.
#[derive(Debug)]
pub(super) struct ReceiveEnd(Arc<Object>);

/// A channel made here, with a handle at each end.
pub(super) fn channel(site: Place, capacity: Option<usize>) -> (SendEnd, ReceiveEnd) {
    let facts = Channel::new(capacity.map(|count| count as u64), 1);
    let object = Record::made(site, Facts::Channel(facts));
    (SendEnd(Arc::clone(&object)), ReceiveEnd(object))
}

fn facts(object: &Object) -> &Channel {
    let Facts::Channel(facts) = &object.facts else { unreachable!("it is made as one") };
    facts
}

impl SendEnd {
    /// For a handle that did not count so far.
    pub(super) fn of(object: Arc<Object>) -> SendEnd {
        facts(&object).senders.fetch_add(1, Ordering::Relaxed);
        SendEnd(object)
    }

    pub(super) fn object(&self) -> &Arc<Object> {
        &self.0
    }

    pub(super) fn receiver(&self) -> ReceiveEnd {
        facts(&self.0).receivers.fetch_add(1, Ordering::Relaxed);
        ReceiveEnd(Arc::clone(&self.0))
    }

    /// A value has been sent.
    pub(super) fn sent(&self, site: Place) {
        let by = current::caller();
        self.0.touch(by);
        let facts = facts(&self.0);
        facts.len.fetch_add(1, Ordering::Relaxed);
        facts.sent.note(by, site);
    }

    /// A value has been sent to everybody, and is not counted.
    pub(super) fn told(&self, site: Place) {
        let by = current::caller();
        self.0.touch(by);
        facts(&self.0).sent.note(by, site);
    }

    /// The channel holds one value, which has been replaced.
    pub(super) fn replaced(&self, site: Place) {
        let by = current::caller();
        self.0.touch(by);
        let facts = facts(&self.0);
        facts.len.store(1, Ordering::Relaxed);
        facts.sent.note(by, site);
    }

    pub(super) fn what(&self, site: Place) -> What {
        self.0.touch(current::caller());
        let on = On::Object(WaitOp::Send, Arc::clone(&self.0));
        What { reason: WaitReason::Send, on, site }
    }
}

impl Clone for SendEnd {
    fn clone(&self) -> Self {
        SendEnd::of(Arc::clone(&self.0))
    }
}

impl Drop for SendEnd {
    fn drop(&mut self) {
        facts(&self.0).senders.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ReceiveEnd {
    /// So many values have been received.
    pub(super) fn received(&self, count: usize, site: Place) {
        let by = current::caller();
        self.0.touch(by);
        let facts = facts(&self.0);
        facts.len.fetch_sub(i64::try_from(count).unwrap_or(i64::MAX), Ordering::Relaxed);
        facts.received.note(by, site);
    }

    /// The value has been looked at, and stays.
    pub(super) fn looked(&self, site: Place) {
        let by = current::caller();
        self.0.touch(by);
        facts(&self.0).received.note(by, site);
    }

    pub(super) fn close(&self) {
        facts(&self.0).closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn what(&self, site: Place) -> What {
        self.0.touch(current::caller());
        let on = On::Object(WaitOp::Receive, Arc::clone(&self.0));
        What { reason: WaitReason::Receive, on, site }
    }
}

impl Clone for ReceiveEnd {
    fn clone(&self) -> Self {
        facts(&self.0).receivers.fetch_add(1, Ordering::Relaxed);
        ReceiveEnd(Arc::clone(&self.0))
    }
}

impl Drop for ReceiveEnd {
    fn drop(&mut self) {
        facts(&self.0).receivers.fetch_sub(1, Ordering::Relaxed);
    }
}
