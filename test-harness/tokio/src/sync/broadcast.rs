//! Channels on which every receiver gets every value: who waits for one, and who sent the last.
//!
//! Each receiver is behind by a number of its own, and one that waits by none. So the record of such a channel
//! counts handles and names the last users, but no values.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use tokio::sync::broadcast as theirs;
pub use tokio::sync::broadcast::error;
use tokio::sync::broadcast::error::{RecvError, SendError, TryRecvError};

use super::ends::{ReceiveEnd, SendEnd, channel as ends};
use crate::leaf;
use crate::object::Object;

/// As tokio's.
///
/// # Panics
/// When the capacity is zero, or too large, as tokio's.
#[track_caller]
#[must_use]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (send, receive) = ends(Location::caller(), Some(capacity));
    let (sender, receiver) = theirs::channel(capacity);
    (Sender { inner: sender, end: send }, Receiver { inner: receiver, end: receive })
}

/// As tokio's.
pub struct Sender<T> {
    inner: theirs::Sender<T>,
    end: SendEnd,
}

/// As tokio's: a sender that keeps nothing open.
pub struct WeakSender<T> {
    inner: theirs::WeakSender<T>,
    object: Arc<Object>,
}

/// As tokio's.
pub struct Receiver<T> {
    inner: theirs::Receiver<T>,
    end: ReceiveEnd,
}

impl<T> Sender<T> {
    /// As tokio's: the receivers come later.
    ///
    /// # Panics
    /// When the capacity is zero, or too large, as tokio's.
    #[track_caller]
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let (end, _) = ends(Location::caller(), Some(capacity));
        Sender { inner: theirs::Sender::new(capacity), end }
    }

    /// As tokio's.
    ///
    /// # Errors
    /// When there is no receiver.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let receivers = self.inner.send(value)?;
        self.end.told(Location::caller());
        Ok(receivers)
    }

    /// As tokio's.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver { inner: self.inner.subscribe(), end: self.end.receiver() }
    }

    /// As tokio's.
    #[must_use]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { inner: self.inner.downgrade(), object: Arc::clone(self.end.object()) }
    }

    /// As tokio's.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.len()
    }

    /// As tokio's.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// As tokio's.
    #[must_use]
    pub fn receiver_count(&self) -> usize {
        self.inner.receiver_count()
    }

    /// As tokio's.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        self.inner.same_channel(&other.inner)
    }

    /// As tokio's.
    pub async fn closed(&self) {
        self.inner.closed().await;
    }

    /// As tokio's.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.inner.strong_count()
    }

    /// As tokio's.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.inner.weak_count()
    }
}

impl<T> WeakSender<T> {
    /// As tokio's.
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let inner = self.inner.upgrade()?;
        Some(Sender { inner, end: SendEnd::of(Arc::clone(&self.object)) })
    }

    /// As tokio's.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.inner.strong_count()
    }

    /// As tokio's.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.inner.weak_count()
    }
}

impl<T> Receiver<T> {
    /// As tokio's.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.len()
    }

    /// As tokio's.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
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
    pub fn sender_strong_count(&self) -> usize {
        self.inner.sender_strong_count()
    }

    /// As tokio's.
    #[must_use]
    pub fn sender_weak_count(&self) -> usize {
        self.inner.sender_weak_count()
    }
}

impl<T: Clone> Receiver<T> {
    /// As tokio's.
    #[must_use]
    pub fn resubscribe(&self) -> Self {
        Receiver { inner: self.inner.resubscribe(), end: self.end.clone() }
    }

    /// As tokio's.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = Result<T, RecvError>> {
        let site = Location::caller();
        let Receiver { inner, end } = self;
        async move {
            let value = leaf::wait(inner.recv(), || end.what(site)).await?;
            end.looked(site);
            Ok(value)
        }
    }

    /// As tokio's.
    ///
    /// # Errors
    /// When there is nothing, or will never be, or values were missed.
    #[track_caller]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let value = self.inner.try_recv()?;
        self.end.looked(Location::caller());
        Ok(value)
    }

    /// As tokio's.
    ///
    /// # Errors
    /// When there will never be anything, or values were missed.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        let value = self.inner.blocking_recv()?;
        self.end.looked(Location::caller());
        Ok(value)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { inner: self.inner.clone(), end: self.end.clone() }
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender { inner: self.inner.clone(), object: Arc::clone(&self.object) }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
