//! Channels for one value.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot as theirs;
pub use tokio::sync::oneshot::error;
use tokio::sync::oneshot::error::{RecvError, TryRecvError};

use super::ends::{ReceiveEnd, SendEnd, channel as ends};
use crate::leaf::Leaf;

/// As tokio's.
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (send, receive) = ends(Location::caller(), Some(1));
    let (sender, receiver) = theirs::channel();
    let receiver = Receiver { inner: receiver, leaf: Leaf::default(), end: receive };
    (Sender { inner: sender, end: send }, receiver)
}

/// As tokio's.
pub struct Sender<T> {
    inner: theirs::Sender<T>,
    end: SendEnd,
}

/// As tokio's. A report names the place that awaits it.
#[must_use = "a future that is not awaited receives nothing"]
pub struct Receiver<T> {
    inner: theirs::Receiver<T>,
    leaf: Leaf,
    end: ReceiveEnd,
}

impl<T> Sender<T> {
    /// As tokio's.
    ///
    /// # Errors
    /// When there is no receiver.
    #[track_caller]
    pub fn send(self, value: T) -> Result<(), T> {
        self.end.sent(Location::caller());
        self.inner.send(value)
    }

    /// As tokio's.
    pub async fn closed(&mut self) {
        self.inner.closed().await;
    }

    /// As tokio's.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }
}

impl<T> Receiver<T> {
    /// As tokio's.
    pub fn close(&mut self) {
        self.end.close();
        self.inner.close();
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
    ///
    /// # Errors
    /// When its sender has gone without a value.
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        let Receiver { inner, leaf: _, end } = self;
        let value = inner.blocking_recv()?;
        end.received(1, Location::caller());
        Ok(value)
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let site = Location::caller();
        let Receiver { inner, leaf, end } = self.get_mut();
        let polled = leaf.poll(cx, || end.what(site), |cx| Pin::new(&mut *inner).poll(cx));
        if let Poll::Ready(Ok(_)) = &polled {
            end.received(1, site);
        }
        polled
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
