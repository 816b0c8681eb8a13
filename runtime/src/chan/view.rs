//! Views of a [`Chan`]: one side each.
//!
//! A view points to a node of its side, which points to the core and is known to nobody else. So who
//! follows pointers from a receiving view comes to the core, and to nothing that can send
//! (docs/decisions/0002). Neither view can be made into the other, or back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::chan::core::Core;
use crate::chan::error::{RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError};
use crate::chan::face::Face;
use crate::chan::go::{Chan, ChanIter};
use crate::time::Instant;

/// The node of the sending side.
struct SendNode<T>(Arc<Core<T>>);

/// The node of the receiving side.
struct RecvNode<T>(Arc<Core<T>>);

/// A view of a [`Chan`] that sends and closes.
pub struct Sends<T> {
    /// None for the never-channel.
    node: Option<Arc<SendNode<T>>>,
}

/// A view of a [`Chan`] that receives.
pub struct Recvs<T> {
    /// None for the never-channel.
    node: Option<Arc<RecvNode<T>>>,
}

macro_rules! view {
    ($view:ident, $node:ident) => {
        impl<T> $view<T> {
            pub(super) fn of(chan: &Chan<T>) -> $view<T> {
                $view { node: chan.shared().map(|core| Arc::new($node(core))) }
            }

            #[inline]
            pub(crate) fn core(&self) -> Option<&Core<T>> {
                self.node.as_ref().map(|node| &*node.0)
            }

            #[inline]
            fn face(&self) -> Face<'_, T> {
                Face(self.core())
            }
        }

        impl<T> Clone for $view<T> {
            fn clone(&self) -> Self {
                $view { node: self.node.clone() }
            }
        }

        impl<T> fmt::Debug for $view<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.face().fmt(stringify!($view), f)
            }
        }
    };
}

view!(Sends, SendNode);
view!(Recvs, RecvNode);

impl<T> Sends<T> {
    /// As [`Chan::send`].
    ///
    /// # Panics
    /// As [`Chan::send`].
    #[track_caller]
    pub fn send(&self, value: T) {
        self.face().send(value);
    }

    /// As [`Chan::try_send`].
    ///
    /// # Errors
    /// As [`Chan::try_send`].
    #[track_caller]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.face().try_send(value)
    }

    /// As [`Chan::send_timeout`].
    ///
    /// # Errors
    /// As [`Chan::send_timeout`].
    #[track_caller]
    pub fn send_timeout(&self, value: T, limit: Duration) -> Result<(), SendTimeoutError<T>> {
        self.face().send_timeout(value, limit)
    }

    /// As [`Chan::send_deadline`].
    ///
    /// # Errors
    /// As [`Chan::send_deadline`].
    #[track_caller]
    pub fn send_deadline(&self, value: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.face().send_deadline(value, deadline)
    }

    /// As [`Chan::close`].
    ///
    /// # Panics
    /// As [`Chan::close`].
    #[track_caller]
    pub fn close(&self) {
        self.face().close();
    }
}

impl<T> Recvs<T> {
    /// As [`Chan::recv`].
    #[track_caller]
    pub fn recv(&self) -> Option<T> {
        self.face().recv()
    }

    /// As [`Chan::try_recv`].
    ///
    /// # Errors
    /// As [`Chan::try_recv`].
    #[track_caller]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.face().try_recv()
    }

    /// As [`Chan::recv_timeout`].
    ///
    /// # Errors
    /// As [`Chan::recv_timeout`].
    #[track_caller]
    pub fn recv_timeout(&self, limit: Duration) -> Result<T, RecvTimeoutError> {
        self.face().recv_timeout(limit)
    }

    /// As [`Chan::recv_deadline`].
    ///
    /// # Errors
    /// As [`Chan::recv_deadline`].
    #[track_caller]
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.face().recv_deadline(deadline)
    }

    /// As [`Chan::iter`].
    pub fn iter(&self) -> ChanIter<'_, T> {
        ChanIter { face: self.face() }
    }
}

impl<'a, T> IntoIterator for &'a Recvs<T> {
    type Item = T;
    type IntoIter = ChanIter<'a, T>;

    fn into_iter(self) -> ChanIter<'a, T> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use crate::chan::Chan;
    use crate::chan::error::TryRecvError;
    use std::sync::Arc;

    #[test]
    fn each_capability_is_a_node_of_its_own_and_only_its_handles_lead_to_it() {
        let chan: Chan<u32> = Chan::new(1);
        let (sends, recvs) = (chan.sends(), chan.recvs());
        let core: *const () = std::ptr::from_ref(recvs.core().unwrap()).cast();
        let both = chan.node.as_ref().unwrap();
        let (send, recv) = (sends.node.as_ref().unwrap(), recvs.node.as_ref().unwrap());
        let nodes: [*const (); 4] =
            [core, Arc::as_ptr(both).cast(), Arc::as_ptr(send).cast(), Arc::as_ptr(recv).cast()];
        for (at, node) in nodes.iter().enumerate() {
            assert!(!nodes[..at].contains(node), "two capabilities, one address");
        }
        // One handle each, and neither the core nor another node names them.
        let counts = |strong, weak| (strong, weak) == (1, 0);
        assert!(counts(Arc::strong_count(both), Arc::weak_count(both)));
        assert!(counts(Arc::strong_count(send), Arc::weak_count(send)));
        assert!(counts(Arc::strong_count(recv), Arc::weak_count(recv)));
    }

    #[test]
    fn a_receiving_view_keeps_nothing_that_sends() {
        let chan = Chan::new(1);
        let (sends, recvs) = (chan.sends(), chan.recvs());
        sends.send(7);
        let both = Arc::downgrade(chan.node.as_ref().unwrap());
        let send = Arc::downgrade(sends.node.as_ref().unwrap());
        drop((chan, sends));
        assert!(both.upgrade().is_none() && send.upgrade().is_none());
        assert_eq!((recvs.try_recv(), recvs.try_recv()), (Ok(7), Err(TryRecvError::Empty)));
    }

    #[test]
    fn a_sending_view_keeps_nothing_that_receives() {
        let chan = Chan::new(1);
        let (sends, recvs) = (chan.sends(), chan.recvs());
        let both = Arc::downgrade(chan.node.as_ref().unwrap());
        let recv = Arc::downgrade(recvs.node.as_ref().unwrap());
        drop((chan, recvs));
        assert!(both.upgrade().is_none() && recv.upgrade().is_none());
        sends.send(7);
        assert!(sends.try_send(8).is_err(), "nobody has taken the first");
    }
}
