//! The suite under libtest's own harness.

#[path = "suite/tests.rs"]
mod tests;
