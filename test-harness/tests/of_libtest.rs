//! Tests under libtest's own harness, as users write them beside plain ones. They are green, unless
//! `LEAVE` names those that are to go wrong: `it` runs them so.

use std::time::Duration;

use gleak_runtime::{Chan, Mutex, go, spawn, time::sleep};

/// Whether this test is to go wrong.
fn is_asked(test: &str) -> bool {
    std::env::var("LEAVE").is_ok_and(|names| names.split(',').any(|name| name == test))
}

#[gleak_test_harness::test]
fn adds_up() {
    assert_eq!(spawn(|| 3 + 4).join().ok(), Some(7));
}

#[gleak_test_harness::test]
fn leaves_a_task() {
    let jobs = Chan::<u32>::new(0);
    let taken = jobs.clone();
    let worker = go! { taken.recv() };
    if !is_asked("leaves_a_task") {
        jobs.close();
        assert_eq!(worker.join().ok(), Some(None));
    }
}

#[gleak_test_harness::test]
fn returns_an_error() -> Result<(), String> {
    if is_asked("returns_an_error") { Err("no host".to_owned()) } else { Ok(()) }
}

#[gleak_test_harness::test]
#[should_panic(expected = "out of ideas")]
fn panics() {
    assert!(is_asked("panics"), "out of ideas");
}

#[gleak_test_harness::test]
#[ignore = "never to be run"]
fn is_ignored() {
    unreachable!("it is ignored");
}

#[gleak_test_harness::test]
fn locks_itself_out() {
    let lock = Mutex::new(1);
    let first = lock.lock().expect("nobody panics");
    if is_asked("locks_itself_out") {
        assert_eq!(*lock.lock().expect("nobody panics"), 1);
    }
    assert_eq!(*first, 1);
}

#[gleak_test_harness::test(deadline_ms = 3000)]
fn is_late() {
    if is_asked("is_late") {
        sleep(Duration::from_secs(3600));
    }
}

mod pool {
    #[gleak_test_harness::test(workers = 1, settle_ms = 5000)]
    fn ends_a_moment_later() {
        drop(super::go! { super::sleep(super::Duration::from_millis(5)) });
    }
}

/// What it spawns belongs to no test.
#[test]
fn a_plain_test() {
    let jobs = Chan::<u32>::new(0);
    if is_asked("a_plain_test") {
        let gone = std::thread::spawn(move || drop(go! { jobs.recv() }));
        gone.join().expect("no panic");
    }
}
