//! Guards in plain tests of libtest's, also in tasks. Tests that go wrong on purpose are ignored, and run
//! as processes of their own.

use std::panic::catch_unwind;
use std::process::{Command, Output};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use gleak_runtime::report::detector::{Certainty, Rule};
use gleak_runtime::{Chan, Mutex, RwLock, go, sleep, spawn, yield_now};
use gleak_test_harness::{Guard, guard};

/// Leaves a task that waits for ever.
fn leave_one() {
    let jobs = Chan::<u32>::new(0);
    go! { jobs.recv() };
}

#[test]
fn what_ends_is_no_finding() {
    let guard = guard!();
    let answer = spawn(|| 3 + 4);
    go! { sleep(Duration::from_millis(50)) };
    assert_eq!(answer.join().ok(), Some(7));
    guard.finish().expect("all of it ends");
}

#[test]
fn a_clean_drop_is_silent() {
    let _guard = guard!();
    assert_eq!(spawn(|| 5).join().ok(), Some(5));
}

#[test]
fn what_is_left_is_told_as_a_value() {
    let before = guard!();
    drop(go! { yield_now() });
    let guard = guard!();
    leave_one();
    let leaks = guard.finish().expect_err("one is left");
    let [finding] = &leaks.report().findings[..] else { panic!("one finding: {leaks}") };
    assert_eq!(finding.key.rule, Rule::AsleepInRegion);
    assert_eq!(finding.certainty, Certainty::Strong);
    assert_eq!(finding.regions, ["what_is_left_is_told_as_a_value"]);
    let text = leaks.to_string();
    assert!(text.starts_with("Error: gleak: 1 task outlived this test (1 group)\n"), "{text}");
    assert!(text.contains("test-harness/tests/guard.rs:"), "{text}");
    assert!(leaks.to_json().contains("\"asleep-in-region\""), "{}", leaks.to_json());
    before.finish().expect("that one was answered for");
}

#[test]
fn side_by_side_each_has_its_own() {
    let together = Barrier::new(2);
    thread::scope(|scope| {
        let leaky = scope.spawn(|| {
            let guard = Guard::open("leaky");
            together.wait();
            leave_one();
            together.wait();
            guard.finish()
        });
        let clean = scope.spawn(|| {
            let guard = Guard::open("clean");
            together.wait();
            assert!(spawn(|| ()).join().is_ok());
            together.wait();
            guard.finish()
        });
        assert!(clean.join().expect("no panic").is_ok());
        let leaks = leaky.join().expect("no panic").expect_err("one is left");
        assert_eq!(leaks.report().findings[0].regions, ["leaky"]);
    });
}

#[test]
fn an_ignored_task_may_stay() {
    let guard = guard!(settle_ms = 0, ignore = "entry=guard::leave_one because it is on purpose");
    leave_one();
    guard.finish().expect("it is ignored");
}

#[test]
#[should_panic(expected = "`nmae` is not known")]
fn an_ignore_that_does_not_read_panics() {
    let _guard = guard!(ignore = "nmae=a because b");
}

#[test]
fn a_drop_in_a_panic_does_not_add_to_it() {
    let panicked = catch_unwind(|| {
        let _guard = guard!();
        leave_one();
        panic!("its own");
    });
    let payload = panicked.expect_err("it panics");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"its own"));
}

#[test]
fn a_panic_that_nobody_has_seen_is_told() {
    let guard = guard!();
    drop(go! { panic!("unseen") });
    let leaks = guard.finish().expect_err("it has panicked");
    assert_eq!(leaks.report().findings[0].key.rule, Rule::Panicked);
}

#[test]
fn a_certain_leak_is_told_although_others_run() {
    let guard = guard!(settle_ms = 3_600_000);
    drop(go! { lock_itself_out() });
    let leaks = guard.finish().expect_err("it is stuck");
    assert_eq!(leaks.report().findings[0].certainty, Certainty::Certain);
}

fn lock_itself_out() {
    let lock = Mutex::new(1);
    let first = lock.lock().expect("not poisoned");
    let second = lock.lock().expect("not poisoned");
    assert_eq!(*first, *second);
}

/// A task that gives the verdict lets those run meanwhile that share its worker.
#[gleak_test_harness::test(workers = 1)]
fn in_a_task_others_of_its_worker_go_on() {
    let guard = guard!(settle_ms = 10_000);
    let shared = std::sync::Arc::new(RwLock::new(0));
    for _ in 0..8 {
        let shared = shared.clone();
        go! {
            for _ in 0..10 {
                *shared.write().expect("not poisoned") += 1;
                yield_now();
            }
        };
    }
    guard.finish().expect("all of them end");
    assert_eq!(*shared.read().expect("not poisoned"), 80);
}

/// The test itself is not charged with what its guard has answered for.
#[gleak_test_harness::test]
fn in_a_test_a_guard_answers_first() {
    let guard = guard!();
    leave_one();
    guard.finish().expect_err("one is left");
}

#[test]
#[ignore = "fails on purpose"]
fn leaks_by_drop() {
    let _guard = guard!();
    leave_one();
}

#[test]
#[ignore = "fails on purpose"]
fn panics_and_leaks() {
    let _guard = guard!();
    leave_one();
    panic!("its own");
}

#[gleak_test_harness::test]
#[ignore = "fails on purpose"]
fn leaks_in_a_body() {
    let _guard = guard!();
    leave_one();
}

#[test]
fn a_drop_fails_the_test_and_says_why_once() {
    for test in ["leaks_by_drop", "leaks_in_a_body"] {
        let said = alone(test);
        let text = String::from_utf8_lossy(&said.stdout);
        assert_eq!(said.status.code(), Some(101), "{said:?}");
        assert!(text.contains(&format!("---- {test} stdout ----\n")), "{text}");
        assert_eq!(text.matches("gleak: 1 task outlived this test").count(), 1, "{text}");
        assert!(!String::from_utf8_lossy(&said.stderr).contains("outlived"), "{said:?}");
    }
}

#[test]
fn a_test_that_panics_anyway_prints_what_it_leaves() {
    let said = alone("panics_and_leaks");
    let text = String::from_utf8_lossy(&said.stdout);
    let (own, besides) = text.split_once("Besides:\n").expect("two parts");
    assert!(own.contains("its own") && besides.starts_with("Error: gleak: 1 task"), "{text}");
}

/// Runs one of the ignored tests.
fn alone(test: &str) -> Output {
    let this = std::env::current_exe().expect("this test");
    let mut command = Command::new(this);
    command.args([test, "--exact", "--ignored"]).env("RUST_BACKTRACE", "0");
    for name in ["GLEAK", "GLEAK_OUT", "GLEAK_SUPPRESS"] {
        command.env_remove(name);
    }
    command.output().expect("this test runs")
}
