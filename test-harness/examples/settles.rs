//! A test that leaves a task behind which ends a moment later.

use std::time::Duration;

use gleak_runtime::{sleep, spawn};

#[gleak_test_harness::test]
fn leaves_one_that_ends() {
    drop(spawn(|| sleep(Duration::from_secs(1))));
}

gleak_test_harness::verify_no_leaks!();
