//! A task of no test that goes on and is ignored, and an hour to settle.

use std::time::Duration;

use gleak_runtime::{Builder, SpawnError, sleep};

fn beat() {
    loop {
        sleep(Duration::from_millis(1));
    }
}

#[gleak_test_harness::test]
fn starts_it() -> Result<(), SpawnError> {
    let started = std::thread::spawn(|| Builder::new().name("pulse").spawn(beat)).join();
    started.expect("no panic").map(drop)
}

gleak_test_harness::verify_no_leaks!(
    settle_ms = 3_600_000,
    ignore = "frame=pulse::beat because it ends with the process",
);
