//! A value that is watched: who waits for it to change.

use std::fmt;
use std::future::Future;
use std::panic::Location;

use tokio::sync::watch as theirs;
use tokio::sync::watch::error::{RecvError, SendError};
pub use tokio::sync::watch::{Ref, error};

use super::ends::{ReceiveEnd, SendEnd, channel as ends};
use crate::leaf;

/// As tokio's.
#[track_caller]
#[must_use]
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let (send, receive) = ends(Location::caller(), Some(1));
    let (sender, receiver) = theirs::channel(value);
    (Sender { inner: sender, end: send }, Receiver { inner: receiver, end: receive })
}

/// As tokio's.
pub struct Sender<T> {
    inner: theirs::Sender<T>,
    end: SendEnd,
}

/// As tokio's.
pub struct Receiver<T> {
    inner: theirs::Receiver<T>,
    end: ReceiveEnd,
}

impl<T> Sender<T> {
    /// As tokio's.
    ///
    /// # Errors
    /// When there is no receiver.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.inner.send(value)?;
        self.end.replaced(Location::caller());
        Ok(())
    }

    /// As tokio's.
    #[track_caller]
    pub fn send_replace(&self, value: T) -> T {
        self.end.replaced(Location::caller());
        self.inner.send_replace(value)
    }

    /// As tokio's.
    #[track_caller]
    pub fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        self.end.replaced(Location::caller());
        self.inner.send_modify(modify);
    }

    /// As tokio's.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.inner.borrow()
    }

    /// As tokio's.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver { inner: self.inner.subscribe(), end: self.end.receiver() }
    }

    /// As tokio's.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// As tokio's.
    #[must_use]
    pub fn receiver_count(&self) -> usize {
        self.inner.receiver_count()
    }

    /// As tokio's.
    pub async fn closed(&self) {
        self.inner.closed().await;
    }
}

impl<T> Receiver<T> {
    /// As tokio's.
    #[track_caller]
    pub fn changed(&mut self) -> impl Future<Output = Result<(), RecvError>> {
        let site = Location::caller();
        let Receiver { inner, end } = self;
        async move {
            leaf::wait(inner.changed(), || end.what(site)).await?;
            end.looked(site);
            Ok(())
        }
    }

    /// As tokio's.
    #[track_caller]
    pub fn wait_for(
        &mut self,
        is_wanted: impl FnMut(&T) -> bool,
    ) -> impl Future<Output = Result<Ref<'_, T>, RecvError>> {
        let site = Location::caller();
        let Receiver { inner, end } = self;
        async move {
            let value = leaf::wait(inner.wait_for(is_wanted), || end.what(site)).await?;
            end.looked(site);
            Ok(value)
        }
    }

    /// As tokio's.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.inner.borrow()
    }

    /// As tokio's.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        self.inner.borrow_and_update()
    }

    /// As tokio's.
    ///
    /// # Errors
    /// When the sender has gone.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        self.inner.has_changed()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { inner: self.inner.clone(), end: self.end.clone() }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Receiver { inner: self.inner.clone(), end: self.end.clone() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
