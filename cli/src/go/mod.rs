//! Go's own goroutine dumps, read into snapshots: what a panic or SIGQUIT prints, profiles with
//! `debug=1` and `debug=2`, goleak's lists, and `go test -json` around any of them.
//!
//! Text in, snapshots out, and a count of what was not understood. A Go dump has no objects, owners or
//! arms, so next to nothing in it is certain; what is, is Go's own word (`state.rs`, `dump.rs`).
//!
//! Invariants:
//! 1. No input makes it panic, and no more is kept of it than what differs.
//! 2. What is inside a goroutine and is not understood is counted.
//! 3. Goroutines of different dumps are never judged together.

mod asides;
mod build;
mod dump;
mod header;
mod line;
mod pprof;
mod prefix;
mod profile;
mod read;
#[cfg(test)]
mod round_trip;
mod stack;
mod state;
mod stream;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use dump::GoDump;
pub(crate) use pprof::{ProfileFault, begins as begins_profile, read as read_profile};
pub(crate) use read::read;
