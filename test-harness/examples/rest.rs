//! A test that rests on what is not its own alone: judged when nobody in the process is left.

#![expect(clippy::unwrap_used, reason = "test code")]

use gleak_runtime::Chan;

#[gleak_test_harness::test]
fn waits_on_a_shared_channel() {
    wait();
}

fn wait() {
    let shared = Chan::new(1);
    let sender = shared.clone();
    std::thread::spawn(move || sender.send(1)).join().unwrap();
    shared.recv();
    shared.recv();
}

#[gleak_test_harness::test]
fn waits_likewise() {
    wait();
}

#[gleak_test_harness::test]
fn innocent() {
    gleak_runtime::spawn(|| ()).join().unwrap();
}

gleak_test_harness::verify_no_leaks!();
