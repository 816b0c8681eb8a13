//! A task that outlives its test makes another one: the first is the test's, the second nobody's.

use std::sync::OnceLock;

use gleak_runtime::{Chan, spawn};

static GATE: OnceLock<Chan<()>> = OnceLock::new();
static MADE: OnceLock<Chan<()>> = OnceLock::new();

fn gate() -> &'static Chan<()> {
    GATE.get_or_init(|| Chan::new(0))
}

fn made() -> &'static Chan<()> {
    MADE.get_or_init(|| Chan::new(0))
}

#[gleak_test_harness::test]
fn a_leaks() {
    spawn(|| {
        gate().recv();
        let never = Chan::<u8>::new(0);
        spawn(move || never.recv());
        made().send(());
        panic!("after the verdict");
    });
}

/// With one test at a time it runs after `a_leaks` has its verdict.
#[gleak_test_harness::test(settle_ms = 20_000)]
fn b_is_innocent() {
    gate().send(());
    made().recv();
}

gleak_test_harness::verify_no_leaks!();
