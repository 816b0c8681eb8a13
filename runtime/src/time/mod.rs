//! Time: one clock, instants of our own, sleeping.

pub(crate) mod clock;
mod instant;
mod sleep;

pub use instant::Instant;
pub use sleep::{sleep, sleep_until};
pub use std::time::Duration;
