//! Healthy tests whose answer comes from another runtime, by tasks each of which makes the next and ends: who
//! looks is always late for the one that it has just seen.

use std::hint::black_box;

use gleak_runtime::{Builder, Chan, Runtime, go, report, spawn_daemon, task_id, yield_now};

/// Long enough to be looked at many times.
const RUNNERS: u32 = 200_000;

#[gleak_test_harness::test(workers = 1, settle_ms = 60_000)]
fn by_tasks_of_the_test() {
    let elsewhere = Runtime::builder().workers(1).start().expect("workers");
    let answer = Chan::new(0);
    let last = answer.clone();
    let first = move || hand_on(RUNNERS, last);
    drop(Builder::new().spawn_in(&elsewhere, first).expect("room"));
    assert_eq!(answer.recv(), Some(0));
}

#[gleak_test_harness::test(workers = 1)]
fn by_tasks_of_no_test() {
    let answer = Chan::new(0);
    let last = answer.clone();
    drop(spawn_daemon(move || hand_on(RUNNERS, last)));
    assert_eq!(answer.recv(), Some(0));
}

/// The task is at work long after the body has ended, and well before the time to settle is over.
#[gleak_test_harness::test(workers = 1, settle_ms = 60_000)]
fn ends_after_the_body() {
    let elsewhere = Runtime::builder().workers(1).start().expect("workers");
    let body = task_id().expect("a body is a task");
    let is_there = move || report::snapshot().tasks.iter().any(|task| task.id.0 == body);
    let work = move || {
        while is_there() {
            yield_now();
        }
        // To be looked at.
        (0..RUNNERS).for_each(|_| yield_now());
    };
    drop(Builder::new().spawn_in(&elsewhere, work).expect("room"));
    // Else the body would wait for its end.
    std::mem::forget(elsewhere);
}

fn hand_on(left: u32, answer: Chan<u32>) {
    match black_box(left) {
        0 => answer.send(left),
        left => drop(go! { hand_on(left - 1, answer) }),
    }
}

gleak_test_harness::verify_no_leaks!();
