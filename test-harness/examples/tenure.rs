//! Tasks that may outlive their test: none of these tests fails, nor does the run.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::sync::Mutex;
use std::time::Duration;

use gleak_runtime::{Chan, select, sleep, spawn, spawn_background, spawn_daemon};

static CACHE: Mutex<Option<Chan<u32>>> = Mutex::new(None);

/// A channel that a daemon serves, made by the first who wants it.
fn cache() -> Chan<u32> {
    let mut cache = CACHE.lock().unwrap();
    let made = || {
        let work = Chan::new(1);
        let served = work.clone();
        drop(spawn_daemon(move || {
            while let Some(number) = served.recv() {
                // Its children are nobody's as well.
                drop(spawn(move || Chan::<u32>::never().send(number)));
            }
        }));
        work
    };
    cache.get_or_insert_with(made).clone()
}

#[gleak_test_harness::test]
fn fills_the_cache() {
    cache().send(1);
}

#[gleak_test_harness::test]
fn asks_the_cache() {
    cache().send(2);
}

#[gleak_test_harness::test]
fn leaves_a_background_task() {
    let never = Chan::<u32>::new(0);
    drop(spawn_background(move || never.recv()));
}

#[gleak_test_harness::test]
fn leaves_a_busy_background_task_and_a_daemon_with_a_timer() {
    drop(spawn_background(|| {
        loop {
            sleep(Duration::from_millis(1));
        }
    }));
    drop(spawn_daemon(|| {
        loop {
            sleep(Duration::from_millis(1));
        }
    }));
    drop(spawn_daemon(|| select! {}));
}

gleak_test_harness::verify_no_leaks!();
