//! Channels with many senders and one receiver: who waits at which end, and who used the other last.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::mpsc as theirs;
pub use tokio::sync::mpsc::error;
use tokio::sync::mpsc::error::{SendError, TryRecvError, TrySendError};

use super::ends::{ReceiveEnd, SendEnd, channel as ends};
use crate::leaf::{self, Leaf};
use crate::object::Object;
use crate::site::Place;

/// As tokio's.
///
/// # Panics
/// When the capacity is zero, as tokio's.
#[track_caller]
#[must_use]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (send, receive) = ends(Location::caller(), Some(capacity));
    let (sender, receiver) = theirs::channel(capacity);
    (Sender { end: send, inner: sender }, Receiver { end: receive, leaf: None, inner: receiver })
}

/// As tokio's.
#[track_caller]
#[must_use]
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (send, receive) = ends(Location::caller(), None);
    let (sender, receiver) = theirs::unbounded_channel();
    let receiver = UnboundedReceiver { end: receive, leaf: None, inner: receiver };
    (UnboundedSender { end: send, inner: sender }, receiver)
}

/// As tokio's: room for one value.
pub struct Permit<'a, T> {
    inner: theirs::Permit<'a, T>,
    end: &'a SendEnd,
}

impl<T> Sender<T> {
    /// As tokio's.
    #[track_caller]
    pub fn send(&self, value: T) -> impl Future<Output = Result<(), SendError<T>>> {
        let site = Location::caller();
        async move {
            match self.room(site).await {
                Ok(permit) => {
                    self.end.sent(site);
                    permit.send(value);
                    Ok(())
                }
                Err(SendError(())) => Err(SendError(value)),
            }
        }
    }

    /// As tokio's.
    #[track_caller]
    pub fn reserve(&self) -> impl Future<Output = Result<Permit<'_, T>, SendError<()>>> {
        let site = Location::caller();
        async move {
            let inner = self.room(site).await?;
            Ok(Permit { inner, end: &self.end })
        }
    }

    async fn room(&self, site: Place) -> Result<theirs::Permit<'_, T>, SendError<()>> {
        match leaf::at_once(|| self.inner.try_reserve().ok()) {
            Some(permit) => Ok(permit),
            None => leaf::wait(self.inner.reserve(), || self.end.what(site)).await,
        }
    }

    /// As tokio's.
    ///
    /// # Errors
    /// When there is no room, or no receiver.
    #[track_caller]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let permit = match self.inner.try_reserve() {
            Ok(permit) => permit,
            Err(TrySendError::Full(())) => return Err(TrySendError::Full(value)),
            Err(TrySendError::Closed(())) => return Err(TrySendError::Closed(value)),
        };
        self.end.sent(Location::caller());
        permit.send(value);
        Ok(())
    }

    /// As tokio's.
    ///
    /// # Errors
    /// When there is no receiver.
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        self.inner.blocking_send(value)?;
        self.end.sent(Location::caller());
        Ok(())
    }

    /// As tokio's.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.inner.capacity()
    }

    /// As tokio's.
    #[must_use]
    pub fn max_capacity(&self) -> usize {
        self.inner.max_capacity()
    }
}

impl<T> Permit<'_, T> {
    /// As tokio's.
    #[track_caller]
    pub fn send(self, value: T) {
        self.end.sent(Location::caller());
        self.inner.send(value);
    }
}

impl<T> UnboundedSender<T> {
    /// As tokio's.
    ///
    /// # Errors
    /// When there is no receiver.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.inner.send(value)?;
        self.end.sent(Location::caller());
        Ok(())
    }
}

/// The sending half, as far as it is the same of both kinds.
macro_rules! sender {
    ($name:ident $weak:ident) => {
        /// As tokio's.
        pub struct $name<T> {
            // First, so that who is not counted any more is gone a moment later, never the other way
            // round.
            inner: theirs::$name<T>,
            end: SendEnd,
        }

        /// As tokio's: a sender that keeps nothing open.
        pub struct $weak<T> {
            inner: theirs::$weak<T>,
            object: Arc<Object>,
        }

        impl<T> $name<T> {
            /// As tokio's.
            pub async fn closed(&self) {
                self.inner.closed().await;
            }

            /// As tokio's.
            #[must_use]
            pub fn is_closed(&self) -> bool {
                self.inner.is_closed()
            }

            /// As tokio's.
            #[must_use]
            pub fn same_channel(&self, other: &Self) -> bool {
                self.inner.same_channel(&other.inner)
            }

            /// As tokio's.
            #[must_use]
            pub fn downgrade(&self) -> $weak<T> {
                $weak { inner: self.inner.downgrade(), object: Arc::clone(self.end.object()) }
            }
        }

        impl<T> $weak<T> {
            /// As tokio's.
            #[must_use]
            pub fn upgrade(&self) -> Option<$name<T>> {
                let inner = self.inner.upgrade()?;
                Some($name { inner, end: SendEnd::of(Arc::clone(&self.object)) })
            }
        }
    };
}

sender!(Sender WeakSender);
sender!(UnboundedSender WeakUnboundedSender);

/// The receiving half: the same of both kinds.
macro_rules! receiver {
    ($name:ident) => {
        /// As tokio's.
        pub struct $name<T> {
            inner: theirs::$name<T>,
            end: ReceiveEnd,
            /// Of [`poll_recv`](Self::poll_recv).
            leaf: Option<Leaf>,
        }

        impl<T> $name<T> {
            /// As tokio's.
            #[track_caller]
            pub fn recv(&mut self) -> impl Future<Output = Option<T>> {
                let site = Location::caller();
                let Self { inner, end, leaf: _ } = self;
                async move {
                    let value = leaf::wait(inner.recv(), || end.what(site)).await;
                    if value.is_some() {
                        end.received(1, site);
                    }
                    value
                }
            }

            /// As tokio's.
            #[track_caller]
            pub fn recv_many(
                &mut self,
                buffer: &mut Vec<T>,
                limit: usize,
            ) -> impl Future<Output = usize> {
                let site = Location::caller();
                let Self { inner, end, leaf: _ } = self;
                async move {
                    let count = leaf::wait(inner.recv_many(buffer, limit), || end.what(site)).await;
                    end.received(count, site);
                    count
                }
            }

            /// As tokio's.
            ///
            /// # Errors
            /// When there is nothing, or will never be.
            #[track_caller]
            pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
                let value = self.inner.try_recv()?;
                self.end.received(1, Location::caller());
                Ok(value)
            }

            /// As tokio's.
            #[track_caller]
            pub fn blocking_recv(&mut self) -> Option<T> {
                let value = self.inner.blocking_recv()?;
                self.end.received(1, Location::caller());
                Some(value)
            }

            /// As tokio's.
            #[track_caller]
            pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
                let site = Location::caller();
                let Self { inner, end, leaf } = self;
                let own = leaf.get_or_insert_default();
                let polled = own.poll(cx, || end.what(site), |cx| inner.poll_recv(cx));
                if let Poll::Ready(value) = &polled {
                    *leaf = None;
                    end.received(usize::from(value.is_some()), site);
                }
                polled
            }

            /// As tokio's.
            pub fn close(&mut self) {
                self.end.close();
                self.inner.close();
            }

            /// As tokio's.
            #[must_use]
            pub fn is_closed(&self) -> bool {
                self.inner.is_closed()
            }

            /// As tokio's.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.inner.is_empty()
            }

            /// As tokio's.
            #[must_use]
            pub fn len(&self) -> usize {
                self.inner.len()
            }
        }
    };
}

receiver!(Receiver);
receiver!(UnboundedReceiver);

macro_rules! handle {
    ($($name:ident)*) => {$(
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.inner.fmt(f)
            }
        }
    )*};
}

handle!(Sender UnboundedSender WeakSender WeakUnboundedSender Receiver UnboundedReceiver);

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

macro_rules! clones {
    ($($name:ident: $end:ident)*) => {$(
        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                $name { inner: self.inner.clone(), $end: self.$end.clone() }
            }
        }
    )*};
}

clones!(Sender: end UnboundedSender: end WeakSender: object WeakUnboundedSender: object);
