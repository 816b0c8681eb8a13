//! The suite of `parallel/suite.rs` under libtest's own harness.

#[path = "parallel/suite.rs"]
mod suite;
