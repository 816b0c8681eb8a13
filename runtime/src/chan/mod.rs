//! Channels: one core, two faces.
//!
//! [`Chan`] is Go's: any handle sends, receives and closes, and dropping handles closes nothing.
//! [`Sender`] and [`Receiver`] are halves that disconnect when the last one of a side goes, as Rust
//! users expect. There is no way from one face to the other.

mod core;
mod error;
mod face;
mod go;
mod half;
pub(crate) mod op;
mod view;

pub(crate) use core::{NotReceived, NotSent};
pub use error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
pub use go::{Chan, ChanIter};
pub use half::{Receiver, ReceiverIter, Sender, bounded, rendezvous, unbounded};
pub use view::{Recvs, Sends};
