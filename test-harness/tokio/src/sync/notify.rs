//! What notifies tasks, and who waits for that.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::sync as theirs;

use crate::leaf::Leaf;
use crate::object::{Facts, Object, Record};
use crate::site::Place;
use crate::snapshot::{WaitOp, WaitReason};
use crate::task::{On, What};

/// [`tokio::sync::Notify`], whose waiters are known. Reports call it a cond.
pub struct Notify {
    record: Record,
    inner: theirs::Notify,
}

pin_project! {
    /// As tokio's.
    #[must_use = "nothing is waited for until it is polled or enabled"]
    pub struct Notified<'a> {
        object: &'a Arc<Object>,
        site: Place,
        leaf: Leaf,
        #[pin]
        inner: theirs::futures::Notified<'a>,
    }
}

fn facts() -> Facts {
    Facts::Notify
}

impl Notify {
    /// As tokio's.
    #[track_caller]
    #[must_use]
    pub fn new() -> Self {
        Notify { record: Record::new(Location::caller(), facts), inner: theirs::Notify::new() }
    }

    /// As tokio's.
    #[track_caller]
    #[must_use]
    pub const fn const_new() -> Self {
        let record = Record::new(Location::caller(), facts);
        Notify { record, inner: theirs::Notify::const_new() }
    }

    /// As tokio's.
    #[track_caller]
    pub fn notified(&self) -> Notified<'_> {
        let (object, _) = self.record.used();
        let (leaf, site) = (Leaf::default(), Location::caller());
        Notified { object, site, leaf, inner: self.inner.notified() }
    }

    /// As tokio's.
    pub fn notify_one(&self) {
        self.record.used();
        self.inner.notify_one();
    }

    /// As tokio's.
    pub fn notify_last(&self) {
        self.record.used();
        self.inner.notify_last();
    }

    /// As tokio's.
    pub fn notify_waiters(&self) {
        self.record.used();
        self.inner.notify_waiters();
    }
}

impl Notified<'_> {
    /// As tokio's.
    pub fn enable(self: Pin<&mut Self>) -> bool {
        self.project().inner.enable()
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let on = || On::Object(WaitOp::Cond, Arc::clone(this.object));
        let what = || What { reason: WaitReason::Cond, on: on(), site: this.site };
        this.leaf.poll(cx, what, |cx| this.inner.as_mut().poll(cx))
    }
}

impl Default for Notify {
    #[track_caller]
    fn default() -> Self {
        Notify::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Debug for Notified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
