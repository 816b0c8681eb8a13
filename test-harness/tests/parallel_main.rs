//! The suite of `parallel/suite.rs` under a main of ours.

#[path = "parallel/suite.rs"]
mod suite;

gleak_test_harness::verify_no_leaks!();
