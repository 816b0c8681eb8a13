//! Tests under libtest's own harness, as users write them beside plain ones. They are green, unless
//! `LEAVE` names those that are to go wrong: `it` runs them so.

use std::sync::LazyLock;
use std::time::Duration;

use gleak_runtime::report::{self, snapshot::Snapshot};
use gleak_runtime::{Builder, Chan, Mutex, go, spawn, time::sleep};

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

#[gleak_test_harness::test]
fn waits_for_nobody() {
    if is_asked("waits_for_nobody") {
        Chan::<u32>::new(0).recv();
    }
}

#[gleak_test_harness::test(deadline_ms = 3000)]
fn is_late() {
    if is_asked("is_late") {
        sleep(Duration::from_secs(3600));
    }
}

/// A panic that the test knows of. Words for words, each test its own.
fn joins_a_panic(test: &'static str) {
    let task = Builder::new().name(test).spawn(move || panic!("words of {test}"));
    assert!(task.expect("room").join().is_err());
    assert!(!is_asked(test), "{test} is to fail");
}

#[gleak_test_harness::test]
fn joins_one() {
    joins_a_panic("joins_one");
}

#[gleak_test_harness::test]
fn joins_another() {
    joins_a_panic("joins_another");
}

#[gleak_test_harness::test]
fn joins_a_third() {
    joins_a_panic("joins_a_third");
}

static AFTER: LazyLock<Chan<()>> = LazyLock::new(|| Chan::new(0));

#[gleak_test_harness::test]
fn leaves_a_panic() {
    if is_asked("leaves_a_panic") {
        go! {
            AFTER.recv();
            panic!("words after the verdict")
        };
    }
}

/// Beside it: lets its task go on once the verdict is given, and waits for its end.
#[test]
fn comes_after_the_verdict() {
    if !is_asked("leaves_a_panic") {
        return;
    }
    let left = |snapshot: &Snapshot| {
        let region = snapshot.regions.iter().find(|region| region.name == "leaves_a_panic")?;
        let task = snapshot.tasks.iter().find(|task| task.region == Some(region.id))?;
        region.closed.then_some(task.id)
    };
    let task = loop {
        if let Some(task) = left(&report::snapshot()) {
            break task;
        }
        std::thread::yield_now();
    };
    AFTER.send(());
    while report::snapshot().tasks.iter().any(|it| it.id == task) {
        std::thread::yield_now();
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
