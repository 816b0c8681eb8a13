//! Time: one clock, instants of our own, sleeping, timers.

mod after_func;
pub(crate) mod clock;
mod instant;
mod sleep;
mod ticks;
mod timer;

pub use after_func::{AfterFunc, after_func};
pub use instant::Instant;
pub use sleep::{sleep, sleep_until};
pub use std::time::Duration;
pub use ticks::{Ticks, TicksArm};
pub use timer::{Ticker, Timer, after, tick};
