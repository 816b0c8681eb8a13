//! A test main without task leaks, as part of `cargo test`.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "test code")]

use gleak_runtime::{Chan, Mutex, WaitGroup, block_on, blocking, go, sleep, spawn};
use std::sync::Arc;
use std::time::Duration;

#[gleak_test_harness::test]
fn pipeline() {
    let (numbers, squares) = (Chan::new(0), Chan::new(0));
    let (source, sink) = (numbers.clone(), squares.clone());
    let feeder = go! {
        for number in 1..=10_u64 { source.send(number); }
        source.close();
    };
    let squarer = go! {
        while let Some(number) = numbers.recv() { sink.send(number * number); }
        sink.close();
    };
    let sum: u64 = std::iter::from_fn(|| squares.recv()).sum();
    assert_eq!(sum, 385);
    feeder.join().unwrap();
    squarer.join().unwrap();
}

/// Nothing of the test can run for a while, and a thread of the runtime's own is what goes on.
#[gleak_test_harness::test]
fn closures_that_block_and_futures_are_no_deadlock() {
    let (tell, told) = std::sync::mpsc::channel();
    let waits = go! { blocking(move || told.recv()).unwrap() };
    let numbers = blocking(|| (0..2_000_000_u64).map(std::hint::black_box).sum::<u64>());
    tell.send(numbers).unwrap();
    assert_eq!(waits.join().unwrap(), block_on(async move { numbers }));
}

#[gleak_test_harness::test(workers = 4)]
fn counting_under_a_lock() -> Result<(), gleak_runtime::JoinError> {
    let total = Arc::new(Mutex::new(0));
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let total = total.clone();
            spawn(move || *total.lock().unwrap() += 1)
        })
        .collect();
    for task in tasks {
        task.join()?;
    }
    assert_eq!(*total.lock().unwrap(), 100);
    Ok(())
}

/// Its context is over when the body is.
#[gleak_test_harness::test]
fn what_the_context_of_the_test_ends_is_no_leak() {
    let context = gleak_test_harness::context();
    let (ready, is_ready) = (Chan::new(0), context.clone());
    let told = ready.clone();
    go! {
        told.send(());
        is_ready.done().wait();
    };
    ready.recv();
    assert!(!context.is_done());
}

/// It is told to end, and will see that when it wakes, which is after the settle time.
#[gleak_test_harness::test(settle_ms = 100)]
fn who_polls_its_context_is_given_until_its_timer() {
    let context = gleak_test_harness::context();
    let ready = Chan::new(0);
    let told = ready.clone();
    go! {
        while !context.is_done() {
            told.send(());
            sleep(Duration::from_millis(300));
        }
    };
    ready.recv();
}

#[gleak_test_harness::test]
#[should_panic(expected = "not today")]
fn panics() {
    panic!("certainly not today");
}

#[gleak_test_harness::test]
#[ignore = "to see that it is"]
fn ignored() {
    panic!("it was not ignored");
}

mod groups {
    use super::*;

    #[gleak_test_harness::test]
    fn wait_for_all() {
        let group = Arc::new(WaitGroup::new());
        for _ in 0..8 {
            group.add(1);
            let group = group.clone();
            go! { group.done(); };
        }
        group.wait();
    }
}

gleak_test_harness::verify_no_leaks!();
