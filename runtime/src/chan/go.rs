//! Go's face of a channel: the handle that can do everything.
//!
//! It points to a node of its own, and each view of it (`view.rs`) to one of its side. The core knows
//! of no node: so from a view nobody gets to what can do more (docs/decisions/0002).

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::chan::core::Core;
use crate::chan::error::{RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError};
use crate::chan::face::Face;
use crate::chan::view::{Recvs, Sends};
use crate::time::Instant;

/// The node of both sides.
pub(super) struct Both<T>(Arc<Core<T>>);

/// A channel as in Go: every handle sends, receives and closes.
///
/// Dropping handles closes nothing: a task that receives from a channel which nobody closes waits
/// for ever, and can be found. [`Chan::never`] is Go's nil channel.
pub struct Chan<T> {
    /// None for the never-channel.
    pub(super) node: Option<Arc<Both<T>>>,
}

impl<T> Clone for Chan<T> {
    fn clone(&self) -> Self {
        Chan { node: self.node.clone() }
    }
}

impl<T> Chan<T> {
    /// A channel that holds `capacity` values; with 0 a sender waits for its receiver.
    #[track_caller]
    #[must_use]
    pub fn new(capacity: usize) -> Chan<T> {
        let core = Core::new(Some(capacity), Location::caller());
        Chan { node: Some(Arc::new(Both(Arc::new(core)))) }
    }

    /// The channel that is never ready: sending and receiving wait for ever, closing panics.
    #[must_use]
    pub const fn never() -> Chan<T> {
        Chan { node: None }
    }

    /// Gives it a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Chan<T> {
        if let Some(core) = self.core() {
            core.cell.set_name(name);
        }
        self
    }

    /// Sends, waiting for room or for a receiver.
    ///
    /// # Panics
    /// When the channel is closed, before or while it waits; the message names both places.
    #[track_caller]
    pub fn send(&self, value: T) {
        self.face().send(value);
    }

    /// Sends if that needs no waiting.
    ///
    /// # Errors
    /// With the value, when there is no room and nobody receives, or the channel is closed.
    #[track_caller]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.face().try_send(value)
    }

    /// Sends, waiting for `limit` at most.
    ///
    /// # Errors
    /// With the value, when the time is over first or the channel is closed.
    #[track_caller]
    pub fn send_timeout(&self, value: T, limit: Duration) -> Result<(), SendTimeoutError<T>> {
        self.face().send_timeout(value, limit)
    }

    /// Sends, waiting until `deadline` at most.
    ///
    /// # Errors
    /// With the value, when the time is over first or the channel is closed.
    #[track_caller]
    pub fn send_deadline(&self, value: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.face().send_deadline(value, deadline)
    }

    /// Receives, waiting for a value; `None` once the channel is closed and empty.
    #[track_caller]
    pub fn recv(&self) -> Option<T> {
        self.face().recv()
    }

    /// Receives if that needs no waiting.
    ///
    /// # Errors
    /// When nothing is there; whether something may still come is in the error.
    #[track_caller]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.face().try_recv()
    }

    /// Receives, waiting for `limit` at most.
    ///
    /// # Errors
    /// When the time is over first, or the channel is closed and empty.
    #[track_caller]
    pub fn recv_timeout(&self, limit: Duration) -> Result<T, RecvTimeoutError> {
        self.face().recv_timeout(limit)
    }

    /// Receives, waiting until `deadline` at most.
    ///
    /// # Errors
    /// When the time is over first, or the channel is closed and empty.
    #[track_caller]
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.face().recv_deadline(deadline)
    }

    /// No more values: receivers get what is left and then `None`.
    ///
    /// # Panics
    /// When it is closed already (naming both places), and for the never-channel. Senders that wait
    /// panic, each in its own task.
    #[track_caller]
    pub fn close(&self) {
        self.face().close();
    }

    /// Values that wait to be received.
    #[must_use]
    pub fn len(&self) -> usize {
        self.face().len()
    }

    /// Whether no value waits to be received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values it can hold without a receiver.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.face().capacity()
    }

    /// A view that only sends and closes.
    #[must_use]
    pub fn sends(&self) -> Sends<T> {
        Sends::of(self)
    }

    /// A view that only receives.
    #[must_use]
    pub fn recvs(&self) -> Recvs<T> {
        Recvs::of(self)
    }

    /// Receives until the channel is closed.
    pub fn iter(&self) -> ChanIter<'_, T> {
        ChanIter { face: self.face() }
    }

    #[inline]
    pub(crate) fn core(&self) -> Option<&Core<T>> {
        self.node.as_ref().map(|node| &*node.0)
    }

    #[inline]
    fn face(&self) -> Face<'_, T> {
        Face(self.core())
    }

    pub(super) fn shared(&self) -> Option<Arc<Core<T>>> {
        self.node.as_ref().map(|node| node.0.clone())
    }
}

impl<T> fmt::Debug for Chan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.face().fmt("Chan", f)
    }
}

/// Values of a channel until it is closed; see [`Chan::iter`].
pub struct ChanIter<'a, T> {
    pub(super) face: Face<'a, T>,
}

impl<T> fmt::Debug for ChanIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.face.fmt("ChanIter", f)
    }
}

impl<T> Iterator for ChanIter<'_, T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.face.recv()
    }
}

impl<'a, T> IntoIterator for &'a Chan<T> {
    type Item = T;
    type IntoIter = ChanIter<'a, T>;

    fn into_iter(self) -> ChanIter<'a, T> {
        self.iter()
    }
}
