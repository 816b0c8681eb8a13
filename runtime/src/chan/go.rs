//! Go's face of a channel.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::chan::core::{Core, NotReceived, NotSent};
use crate::chan::error::{RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError};
use crate::records::node::Op;
use crate::records::statics::Site;
use crate::records::waiter::Reason;
use crate::scheduler::current;
use crate::time::Instant;
use crate::wait::{self, On, Why};

/// A channel as in Go: every handle sends, receives and closes.
///
/// Dropping handles closes nothing: a task that receives from a channel which nobody closes waits
/// for ever, and can be found. [`Chan::never`] is Go's nil channel.
pub struct Chan<T> {
    /// None for the never-channel.
    core: Option<Arc<Core<T>>>,
}

impl<T> Clone for Chan<T> {
    fn clone(&self) -> Self {
        Chan { core: self.core.clone() }
    }
}

impl<T> Chan<T> {
    /// A channel that holds `capacity` values; with 0 a sender waits for its receiver.
    #[track_caller]
    #[must_use]
    pub fn new(capacity: usize) -> Chan<T> {
        Chan { core: Some(Arc::new(Core::new(Some(capacity), Location::caller()))) }
    }

    /// The channel that is never ready: sending and receiving wait for ever, closing panics.
    #[must_use]
    pub const fn never() -> Chan<T> {
        Chan { core: None }
    }

    /// Gives it a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Chan<T> {
        if let Some(core) = &self.core {
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
        let site = Location::caller();
        let Some(core) = &self.core else { wait_for_ever(Reason::Send, Op::Send, site) };
        match core.send(value, None, site) {
            Ok(()) => {}
            Err(NotSent::Closed(_, closed)) => panic!("send on a channel closed at {closed}"),
            Err(NotSent::Disconnected(_) | NotSent::Full(_)) => {
                unreachable!("this face neither disconnects nor gives up")
            }
        }
    }

    /// Sends if that needs no waiting.
    ///
    /// # Errors
    /// With the value, when there is no room and nobody receives, or the channel is closed.
    #[track_caller]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let Some(core) = &self.core else { return Err(TrySendError::Full(value)) };
        core.try_send(value, Location::caller()).map_err(|error| match error {
            NotSent::Full(value) => TrySendError::Full(value),
            NotSent::Closed(value, _) | NotSent::Disconnected(value) => {
                TrySendError::Disconnected(value)
            }
        })
    }

    /// Sends, waiting for `limit` at most.
    ///
    /// # Errors
    /// With the value, when the time is over first or the channel is closed.
    #[track_caller]
    pub fn send_timeout(&self, value: T, limit: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_deadline(value, Instant::now() + limit)
    }

    /// Sends, waiting until `deadline` at most.
    ///
    /// # Errors
    /// With the value, when the time is over first or the channel is closed.
    #[track_caller]
    pub fn send_deadline(&self, value: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        let site = Location::caller();
        let Some(core) = &self.core else {
            crate::time::sleep_until(deadline);
            return Err(SendTimeoutError::Timeout(value));
        };
        core.send(value, Some(deadline.as_ns()), site).map_err(|error| match error {
            NotSent::Full(value) => SendTimeoutError::Timeout(value),
            NotSent::Closed(value, _) | NotSent::Disconnected(value) => {
                SendTimeoutError::Disconnected(value)
            }
        })
    }

    /// Receives, waiting for a value; `None` once the channel is closed and empty.
    #[track_caller]
    pub fn recv(&self) -> Option<T> {
        let site = Location::caller();
        let Some(core) = &self.core else { wait_for_ever(Reason::Receive, Op::Receive, site) };
        core.recv(None, site).ok()
    }

    /// Receives if that needs no waiting.
    ///
    /// # Errors
    /// When nothing is there; whether something may still come is in the error.
    #[track_caller]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let Some(core) = &self.core else { return Err(TryRecvError::Empty) };
        core.try_recv(Location::caller()).map_err(|error| match error {
            NotReceived::Empty => TryRecvError::Empty,
            NotReceived::Over => TryRecvError::Disconnected,
        })
    }

    /// Receives, waiting for `limit` at most.
    ///
    /// # Errors
    /// When the time is over first, or the channel is closed and empty.
    #[track_caller]
    pub fn recv_timeout(&self, limit: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_deadline(Instant::now() + limit)
    }

    /// Receives, waiting until `deadline` at most.
    ///
    /// # Errors
    /// When the time is over first, or the channel is closed and empty.
    #[track_caller]
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        let site = Location::caller();
        let Some(core) = &self.core else {
            crate::time::sleep_until(deadline);
            return Err(RecvTimeoutError::Timeout);
        };
        core.recv(Some(deadline.as_ns()), site).map_err(|error| match error {
            NotReceived::Empty => RecvTimeoutError::Timeout,
            NotReceived::Over => RecvTimeoutError::Disconnected,
        })
    }

    /// No more values: receivers get what is left and then `None`.
    ///
    /// # Panics
    /// When it is closed already (naming both places), and for the never-channel. Senders that wait
    /// panic, each in its own task.
    #[track_caller]
    pub fn close(&self) {
        let site = Location::caller();
        match &self.core {
            Some(core) => {
                if let Err(first) = core.close(site) {
                    panic!("close of a channel closed at {first}");
                }
            }
            None => panic!("close of the never-channel"),
        }
    }

    /// Values that wait to be received.
    #[must_use]
    pub fn len(&self) -> usize {
        self.core.as_ref().map_or(0, |core| core.len())
    }

    /// Whether no value waits to be received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values it can hold without a receiver.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.core.as_ref().and_then(|core| core.capacity()).unwrap_or(0)
    }

    /// A view that only sends and closes.
    #[must_use]
    pub fn sends(&self) -> Sends<T> {
        Sends(self.clone())
    }

    /// A view that only receives.
    #[must_use]
    pub fn recvs(&self) -> Recvs<T> {
        Recvs(self.clone())
    }

    /// Receives until the channel is closed.
    pub fn iter(&self) -> ChanIter<'_, T> {
        ChanIter { chan: self }
    }

    pub(crate) fn core(&self) -> Option<&Core<T>> {
        self.core.as_deref()
    }
}

fn wait_for_ever(reason: Reason, op: Op, site: Site) -> ! {
    loop {
        let why = Why { reason, site, until: None };
        let (waiting, _) = wait::begin(current::get(), why, op, On::Never);
        waiting.park().or_unwind();
    }
}

impl<T> fmt::Debug for Chan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.core {
            Some(core) => {
                write!(f, "Chan {{ len: {}, capacity: {} }}", core.len(), self.capacity())
            }
            None => f.write_str("Chan::never()"),
        }
    }
}

/// Values of a channel until it is closed; see [`Chan::iter`].
#[derive(Debug)]
pub struct ChanIter<'a, T> {
    chan: &'a Chan<T>,
}

impl<T> Iterator for ChanIter<'_, T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.chan.recv()
    }
}

impl<'a, T> IntoIterator for &'a Chan<T> {
    type Item = T;
    type IntoIter = ChanIter<'a, T>;

    fn into_iter(self) -> ChanIter<'a, T> {
        self.iter()
    }
}

/// A view of a [`Chan`] that sends and closes.
#[derive(Debug)]
pub struct Sends<T>(Chan<T>);

impl<T> Clone for Sends<T> {
    fn clone(&self) -> Self {
        Sends(self.0.clone())
    }
}

impl<T> Sends<T> {
    /// As [`Chan::send`].
    ///
    /// # Panics
    /// As [`Chan::send`].
    #[track_caller]
    pub fn send(&self, value: T) {
        self.0.send(value);
    }

    /// As [`Chan::try_send`].
    ///
    /// # Errors
    /// As [`Chan::try_send`].
    #[track_caller]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(value)
    }

    /// As [`Chan::send_timeout`].
    ///
    /// # Errors
    /// As [`Chan::send_timeout`].
    #[track_caller]
    pub fn send_timeout(&self, value: T, limit: Duration) -> Result<(), SendTimeoutError<T>> {
        self.0.send_timeout(value, limit)
    }

    /// As [`Chan::send_deadline`].
    ///
    /// # Errors
    /// As [`Chan::send_deadline`].
    #[track_caller]
    pub fn send_deadline(&self, value: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.0.send_deadline(value, deadline)
    }

    /// As [`Chan::close`].
    ///
    /// # Panics
    /// As [`Chan::close`].
    #[track_caller]
    pub fn close(&self) {
        self.0.close();
    }

    pub(crate) fn core(&self) -> Option<&Core<T>> {
        self.0.core()
    }
}

/// A view of a [`Chan`] that receives.
#[derive(Debug)]
pub struct Recvs<T>(Chan<T>);

impl<T> Clone for Recvs<T> {
    fn clone(&self) -> Self {
        Recvs(self.0.clone())
    }
}

impl<T> Recvs<T> {
    /// As [`Chan::recv`].
    #[track_caller]
    pub fn recv(&self) -> Option<T> {
        self.0.recv()
    }

    /// As [`Chan::try_recv`].
    ///
    /// # Errors
    /// As [`Chan::try_recv`].
    #[track_caller]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.try_recv()
    }

    /// As [`Chan::recv_timeout`].
    ///
    /// # Errors
    /// As [`Chan::recv_timeout`].
    #[track_caller]
    pub fn recv_timeout(&self, limit: Duration) -> Result<T, RecvTimeoutError> {
        self.0.recv_timeout(limit)
    }

    /// As [`Chan::recv_deadline`].
    ///
    /// # Errors
    /// As [`Chan::recv_deadline`].
    #[track_caller]
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.0.recv_deadline(deadline)
    }

    /// As [`Chan::iter`].
    pub fn iter(&self) -> ChanIter<'_, T> {
        self.0.iter()
    }

    pub(crate) fn core(&self) -> Option<&Core<T>> {
        self.0.core()
    }
}

impl<'a, T> IntoIterator for &'a Recvs<T> {
    type Item = T;
    type IntoIter = ChanIter<'a, T>;

    fn into_iter(self) -> ChanIter<'a, T> {
        self.iter()
    }
}
