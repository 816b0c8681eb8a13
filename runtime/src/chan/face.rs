//! What the operations of Go's face do, whichever handle they are called on.
//!
//! A [`Face`] is the core of a channel as one call sees it, or that of the never-channel. Handles make
//! one for the call and keep none: what may be done with it is what they let through.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::chan::core::{Core, NotReceived, NotSent};
use crate::chan::error::{RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError};
use crate::records::node::Op;
use crate::records::statics::Site;
use crate::records::waiter::Reason;
use crate::scheduler::current;
use crate::time::Instant;
use crate::wait::{self, On, Why};

/// See the module. None for the never-channel.
pub(super) struct Face<'a, T>(pub(super) Option<&'a Core<T>>);

impl<T> Clone for Face<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Face<'_, T> {}

impl<T> Face<'_, T> {
    #[track_caller]
    #[inline]
    pub(super) fn send(self, value: T) {
        let site = Location::caller();
        let Some(core) = self.0 else { wait_for_ever(Reason::Send, Op::Send, site) };
        match core.send(value, None, site) {
            Ok(()) => {}
            Err(NotSent::Closed(_, closed)) => panic!("send on a channel closed at {closed}"),
            Err(NotSent::Disconnected(_) | NotSent::Full(_)) => {
                unreachable!("this face neither disconnects nor gives up")
            }
        }
    }

    #[track_caller]
    #[inline]
    pub(super) fn try_send(self, value: T) -> Result<(), TrySendError<T>> {
        let Some(core) = self.0 else { return Err(TrySendError::Full(value)) };
        core.try_send(value, Location::caller()).map_err(|error| match error {
            NotSent::Full(value) => TrySendError::Full(value),
            NotSent::Closed(value, _) | NotSent::Disconnected(value) => {
                TrySendError::Disconnected(value)
            }
        })
    }

    #[track_caller]
    #[inline]
    pub(super) fn send_timeout(self, value: T, limit: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_deadline(value, Instant::now() + limit)
    }

    #[track_caller]
    #[inline]
    pub(super) fn send_deadline(
        self,
        value: T,
        deadline: Instant,
    ) -> Result<(), SendTimeoutError<T>> {
        let site = Location::caller();
        let Some(core) = self.0 else {
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

    #[track_caller]
    #[inline]
    pub(super) fn recv(self) -> Option<T> {
        let site = Location::caller();
        let Some(core) = self.0 else { wait_for_ever(Reason::Receive, Op::Receive, site) };
        core.recv(None, site).ok()
    }

    #[track_caller]
    #[inline]
    pub(super) fn try_recv(self) -> Result<T, TryRecvError> {
        let Some(core) = self.0 else { return Err(TryRecvError::Empty) };
        core.try_recv(Location::caller()).map_err(|error| match error {
            NotReceived::Empty => TryRecvError::Empty,
            NotReceived::Over => TryRecvError::Disconnected,
        })
    }

    #[track_caller]
    #[inline]
    pub(super) fn recv_timeout(self, limit: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_deadline(Instant::now() + limit)
    }

    #[track_caller]
    #[inline]
    pub(super) fn recv_deadline(self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        let site = Location::caller();
        let Some(core) = self.0 else {
            crate::time::sleep_until(deadline);
            return Err(RecvTimeoutError::Timeout);
        };
        core.recv(Some(deadline.as_ns()), site).map_err(|error| match error {
            NotReceived::Empty => RecvTimeoutError::Timeout,
            NotReceived::Over => RecvTimeoutError::Disconnected,
        })
    }

    #[track_caller]
    pub(super) fn close(self) {
        let site = Location::caller();
        let Some(core) = self.0 else { panic!("close of the never-channel") };
        if let Err(first) = core.close(site) {
            panic!("close of a channel closed at {first}");
        }
    }

    pub(super) fn len(self) -> usize {
        self.0.map_or(0, Core::len)
    }

    pub(super) fn capacity(self) -> usize {
        self.0.and_then(Core::capacity).unwrap_or(0)
    }

    pub(super) fn fmt(self, handle: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_none() {
            return write!(f, "{handle}::never()");
        }
        write!(f, "{handle} {{ len: {}, capacity: {} }}", self.len(), self.capacity())
    }
}

fn wait_for_ever(reason: Reason, op: Op, site: Site) -> ! {
    loop {
        let why = Why { reason, site, until: None };
        let (waiting, _) = wait::begin(current::get(), why, op, On::Never);
        waiting.park().or_unwind();
    }
}
