//! The suite under a main of ours.

#[path = "suite/tests.rs"]
mod tests;

gleak_test_harness::verify_no_leaks!();
