//! Tasks that belong to no test: a plain thread made them.

#![expect(clippy::unwrap_used, reason = "test code")]

use gleak_runtime::{Chan, ErrGroup, spawn};

#[gleak_test_harness::test]
fn asks_a_thread() {
    std::thread::spawn(|| {
        let never = Chan::<u8>::new(0);
        spawn(move || never.recv());
    })
    .join()
    .unwrap();
}

#[gleak_test_harness::test]
fn a_threads_task_panics() {
    std::thread::spawn(|| {
        let told = Chan::<u8>::new(0);
        let task = told.clone();
        spawn(move || {
            task.close();
            panic!("nobody knows of me");
        });
        told.recv();
    })
    .join()
    .unwrap();
}

#[gleak_test_harness::test]
fn a_threads_group_fails() {
    std::thread::spawn(|| ErrGroup::new().go(|| Err("nobody asks"))).join().unwrap();
}

#[gleak_test_harness::test]
fn innocent() {
    spawn(|| ()).join().unwrap();
}

gleak_test_harness::verify_no_leaks!();
