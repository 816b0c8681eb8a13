//! A clean-up of the run that leaves a task behind, and no test that does.

use gleak_runtime::{Chan, go};

#[gleak_test_harness::test]
fn innocent() {}

fn leaves() {
    let never = Chan::<u8>::new(0);
    go! { never.recv() };
}

gleak_test_harness::verify_no_leaks!(cleanup = leaves);
