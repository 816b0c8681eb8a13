//! The face of two halves: when the last handle of a side goes, the other side is told.
//!
//! Each side is a reference-counted node of its own that points to the core, so that "who can still
//! send" and "who can still receive" are two different questions to whoever follows pointers
//! (docs/decisions/0002).

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::chan::core::{Core, NotReceived, NotSent};
use crate::chan::error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use crate::records::statics::Site;
use crate::time::Instant;

struct SendSide<T>(Arc<Core<T>>);

impl<T> Drop for SendSide<T> {
    fn drop(&mut self) {
        self.0.senders_gone();
    }
}

struct RecvSide<T>(Arc<Core<T>>);

impl<T> Drop for RecvSide<T> {
    fn drop(&mut self) {
        self.0.receivers_gone();
    }
}

/// A channel that holds `capacity` values; with 0 it is a [`rendezvous`].
#[track_caller]
#[must_use]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    halves(Some(capacity), Location::caller())
}

/// A channel without room: a sender waits for its receiver.
#[track_caller]
#[must_use]
pub fn rendezvous<T>() -> (Sender<T>, Receiver<T>) {
    halves(Some(0), Location::caller())
}

/// A channel with as much room as there is memory: senders never wait.
#[track_caller]
#[must_use]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    halves(None, Location::caller())
}

fn halves<T>(capacity: Option<usize>, site: Site) -> (Sender<T>, Receiver<T>) {
    let core = Arc::new(Core::new(capacity, site));
    (Sender { side: Arc::new(SendSide(core.clone())) }, Receiver { side: Arc::new(RecvSide(core)) })
}

/// The sending half. The channel ends for receivers when the last one is dropped.
pub struct Sender<T> {
    side: Arc<SendSide<T>>,
}

impl<T> Sender<T> {
    /// Gives the channel a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        self.core().cell.set_name(name);
        self
    }

    /// Sends, waiting for room or for a receiver.
    ///
    /// # Errors
    /// With the value, when every receiver has been dropped, before or while it waits.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.note_handles();
        self.core().send(value, None, Location::caller()).map_err(|error| match error {
            NotSent::Disconnected(value) | NotSent::Closed(value, _) | NotSent::Full(value) => {
                SendError::Disconnected(value)
            }
        })
    }

    /// Sends if that needs no waiting.
    ///
    /// # Errors
    /// With the value, when there is no room, or no receiver is left.
    #[track_caller]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.note_handles();
        self.core().try_send(value, Location::caller()).map_err(|error| match error {
            NotSent::Full(value) => TrySendError::Full(value),
            NotSent::Disconnected(value) | NotSent::Closed(value, _) => {
                TrySendError::Disconnected(value)
            }
        })
    }

    /// Sends, waiting for `limit` at most.
    ///
    /// # Errors
    /// With the value, when the time is over first, or no receiver is left.
    #[track_caller]
    pub fn send_timeout(&self, value: T, limit: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_deadline(value, Instant::now() + limit)
    }

    /// Sends, waiting until `deadline` at most.
    ///
    /// # Errors
    /// With the value, when the time is over first, or no receiver is left.
    #[track_caller]
    pub fn send_deadline(&self, value: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.note_handles();
        let until = Some(deadline.as_ns());
        self.core().send(value, until, Location::caller()).map_err(|error| match error {
            NotSent::Full(value) => SendTimeoutError::Timeout(value),
            NotSent::Disconnected(value) | NotSent::Closed(value, _) => {
                SendTimeoutError::Disconnected(value)
            }
        })
    }

    pub(crate) fn core(&self) -> &Core<T> {
        &self.side.0
    }

    fn note_handles(&self) {
        if let Some(record) = self.core().cell.record() {
            let handles = Arc::strong_count(&self.side) as u64;
            record.sender.handles.set(handles + 1);
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { side: self.side.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("len", &self.core().len()).finish_non_exhaustive()
    }
}

/// The receiving half. Sending fails when the last one is dropped.
pub struct Receiver<T> {
    side: Arc<RecvSide<T>>,
}

impl<T> Receiver<T> {
    /// Receives, waiting for a value.
    ///
    /// # Errors
    /// When the channel is empty and every sender has been dropped.
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.note_handles();
        self.core().recv(None, Location::caller()).map_err(|error| match error {
            NotReceived::Over | NotReceived::Empty => RecvError::Disconnected,
        })
    }

    /// Receives if that needs no waiting.
    ///
    /// # Errors
    /// When nothing is there; whether something may still come is in the error.
    #[track_caller]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.note_handles();
        self.core().try_recv(Location::caller()).map_err(|error| match error {
            NotReceived::Empty => TryRecvError::Empty,
            NotReceived::Over => TryRecvError::Disconnected,
        })
    }

    /// Receives, waiting for `limit` at most.
    ///
    /// # Errors
    /// When the time is over first, or nothing is there and every sender has been dropped.
    #[track_caller]
    pub fn recv_timeout(&self, limit: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_deadline(Instant::now() + limit)
    }

    /// Receives, waiting until `deadline` at most.
    ///
    /// # Errors
    /// When the time is over first, or nothing is there and every sender has been dropped.
    #[track_caller]
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.note_handles();
        let until = Some(deadline.as_ns());
        self.core().recv(until, Location::caller()).map_err(|error| match error {
            NotReceived::Empty => RecvTimeoutError::Timeout,
            NotReceived::Over => RecvTimeoutError::Disconnected,
        })
    }

    /// Receives until every sender has been dropped.
    pub fn iter(&self) -> ReceiverIter<'_, T> {
        ReceiverIter { receiver: self }
    }

    pub(crate) fn core(&self) -> &Core<T> {
        &self.side.0
    }

    fn note_handles(&self) {
        if let Some(record) = self.core().cell.record() {
            let handles = Arc::strong_count(&self.side) as u64;
            record.receiver.handles.set(handles + 1);
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Receiver { side: self.side.clone() }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.core().len()).finish_non_exhaustive()
    }
}

/// Values of a channel until it disconnects; see [`Receiver::iter`].
#[derive(Debug)]
pub struct ReceiverIter<'a, T> {
    receiver: &'a Receiver<T>,
}

impl<T> Iterator for ReceiverIter<'_, T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = ReceiverIter<'a, T>;

    fn into_iter(self) -> ReceiverIter<'a, T> {
        self.iter()
    }
}
