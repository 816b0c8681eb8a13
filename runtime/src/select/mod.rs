//! Select: wait for several operations, do exactly one.
//!
//! First every arm is tried, in random order; the first that is ready fires. Otherwise one
//! wait is published that names all arms, each arm queues its node, and the waiter parks. Exactly
//! one counterpart can claim a wait, so exactly one arm fires. An arm that turns out ready while
//! the others are being queued makes the waiter take its wait back and try again.
//!
//! The builder is the whole of it; [`select!`](crate::select!) is a thin spelling.

mod arm;
mod chan_arm;
mod engine;
mod macros;

pub(crate) use arm::Ops;
pub use arm::{Arm, Handle, JoinArm, RecvOperand, SendOperand, join, recv, send};
pub use chan_arm::{ChanRecv, HalfRecv, SendArm};
pub use engine::{Fired, Select};
