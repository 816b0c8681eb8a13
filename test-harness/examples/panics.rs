//! How panics are told: by the test's message where that has them, else in lines of their own.

use std::panic::catch_unwind;

use gleak_runtime::{Builder, Chan, blocking};

#[gleak_test_harness::test]
#[should_panic]
fn as_it_should() {
    panic!("words that nobody needs");
}

#[gleak_test_harness::test]
fn caught_by_the_body() {
    assert!(catch_unwind(|| panic!("words of the caught one")).is_err());
}

#[gleak_test_harness::test]
fn of_a_task() {
    let task = Builder::new().name("worker").spawn(|| panic!("words of a task")).expect("room");
    assert!(task.join().is_err());
}

#[gleak_test_harness::test]
fn of_a_helper() {
    let lends = Builder::new().name("lends").spawn(|| blocking(|| panic!("words of a helper")));
    assert!(lends.expect("room").join().is_err());
}

#[gleak_test_harness::test]
fn told_by_the_message() {
    panic!("words of the message");
}

#[gleak_test_harness::test]
#[should_panic(expected = "these words")]
fn with_other_words() {
    panic!("other words");
}

/// Waits for what nobody sends when it is dropped.
struct Hangs(Chan<()>);

impl Drop for Hangs {
    fn drop(&mut self) {
        self.0.recv();
    }
}

#[gleak_test_harness::test]
fn unwinds_into_a_deadlock() {
    let _hangs = Hangs(Chan::new(0));
    panic!("words before the end");
}

/// Panics when it is dropped.
struct Fatal;

impl Drop for Fatal {
    fn drop(&mut self) {
        panic!("words on the way out");
    }
}

#[gleak_test_harness::test]
#[ignore = "it ends the process"]
fn ends_the_process() {
    let _fatal = Fatal;
    panic!("words before the fatal ones");
}

gleak_test_harness::verify_no_leaks!();
