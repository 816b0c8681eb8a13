//! The example of `docs/exceptions.md`.

use std::sync::OnceLock;
use std::time::Duration;

use gleak_runtime::{Builder, Chan, go, sleep, spawn};

/// Jobs for the one worker of this process.
static JOBS: OnceLock<Chan<u64>> = OnceLock::new();

fn start_worker() {
    let jobs = JOBS.get_or_init(|| Chan::new(0)).clone();
    go! { while jobs.recv().is_some() {} };
}

fn stop_worker() {
    JOBS.get().into_iter().for_each(Chan::close);
}

#[gleak_test_harness::test(cleanup = stop_worker)]
fn jobs_are_taken() {
    start_worker();
    JOBS.get().into_iter().for_each(|jobs| jobs.send(7));
}

#[gleak_test_harness::test(ignore = "name=heartbeat because it ends with the process")]
fn the_heart_beats() -> Result<(), gleak_runtime::SpawnError> {
    let beat = || loop {
        sleep(Duration::from_secs(1));
    };
    Builder::new().name("heartbeat").spawn(beat)?;
    Ok(())
}

#[gleak_test_harness::test]
fn what_is_there_may_stay() {
    let never = Chan::<u64>::new(0);
    spawn(move || never.recv());
    gleak_test_harness::ignore_current("the test sets it up, and it has no stop");
    assert_eq!(spawn(|| 7).join().ok(), Some(7));
}

gleak_test_harness::verify_no_leaks!();
