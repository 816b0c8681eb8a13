//! The attribute under libtest's own harness: a real `cargo test` of `tests/of_libtest.rs`.

use crate::support::{Said, cargo, run};

/// Runs it with these tests going wrong.
fn cargo_test(leave: &str, filter: &[&str]) -> Said {
    let mut cargo = cargo(&["test", "-q"], &["of_libtest"]);
    run(cargo.arg("--").args(filter).env("LEAVE", leave))
}

/// The names under `failures:` at the end.
fn failed(said: &Said) -> Vec<&str> {
    let list = said.stdout.rsplit_once("failures:\n").map_or("", |(_, list)| list);
    list.lines().map(str::trim).take_while(|line| !line.is_empty()).collect()
}

#[test]
fn healthy_tests_are_green() {
    let said = cargo_test("", &[]);
    assert_eq!(said.code, Some(0), "{said:#?}");
    assert!(said.stdout.contains("14 passed; 0 failed; 1 ignored"), "{said:#?}");
    assert!(!said.stderr.contains("gleak:"), "{said:#?}");
    let quiet = [&said.stdout, &said.stderr].iter().all(|text| !text.contains("panicked"));
    assert!(quiet, "panics of tests that pass: {said:#?}");
}

#[test]
fn each_fails_by_its_name_and_the_others_pass() {
    let leave = "leaves_a_task,returns_an_error,panics,locks_itself_out,is_late,waits_for_nobody";
    let said = cargo_test(leave, &[]);
    assert_eq!(said.code, Some(101), "{said:#?}");
    let mut names: Vec<&str> = leave.split(',').collect();
    names.sort_unstable();
    assert_eq!(failed(&said), names, "{said:#?}");
    for part in [
        "---- leaves_a_task stdout ----\nError: gleak: 1 task outlived this test (1 group)",
        "---- locks_itself_out stdout ----\nError: gleak: deadlock, the test can never end",
        // Strong only: the thread that waits for signals is known to wake nobody.
        "---- waits_for_nobody stdout ----\nError: gleak: deadlock, the test can never end",
        "---- is_late stdout ----\nError: gleak: the test has not ended within 3000 ms",
        "---- returns_an_error stdout ----\nError: \"no host\"",
        "---- panics stdout ----\nError: test did not panic as expected",
        "dump written to ",
    ] {
        assert!(said.stdout.contains(part), "{part:?} in {said:#?}");
    }
}

#[test]
fn what_belongs_to_no_test_makes_the_run_red_and_blames_none() {
    let said = cargo_test("a_plain_test", &[]);
    assert_eq!(said.code, Some(101), "{said:#?}");
    assert_eq!(failed(&said), [""; 0], "{said:#?}");
    assert!(said.stdout.contains("14 passed; 0 failed"), "{said:#?}");
    assert!(said.stderr.contains("gleak: 1 task belongs to no test"), "{said:#?}");
    assert!(said.stderr.contains("so the run fails, whatever the tests said"), "{said:#?}");
}

#[test]
fn names_and_filters_are_libtests_own() {
    let said = cargo_test("", &["--list", "--format", "terse"]);
    let names: Vec<&str> = said.stdout.lines().collect();
    assert!(names.contains(&"pool::ends_a_moment_later: test"), "{said:#?}");
    assert!(names.contains(&"leaves_a_task: test") && names.len() == 15, "{said:#?}");
    let said = cargo_test("leaves_a_task", &["--exact", "adds_up"]);
    assert!(said.code == Some(0) && said.stdout.contains("1 passed"), "{said:#?}");
}

/// What libtest shows of a test that failed.
#[track_caller]
fn section<'s>(said: &'s Said, test: &str) -> &'s str {
    let head = format!("---- {test} stdout ----\n");
    let (_, rest) = said.stdout.split_once(&head).unwrap_or_else(|| panic!("no {test}: {said:#?}"));
    rest.find("\n---- ").or(rest.find("\nfailures:\n")).map_or(rest, |end| &rest[..end])
}

#[test]
fn panics_of_tasks_stand_with_their_test_and_nowhere_else() {
    let said = cargo_test("joins_one,joins_another", &["--test-threads", "4"]);
    assert_eq!(failed(&said), ["joins_another", "joins_one"], "{said:#?}");
    for test in ["joins_one", "joins_another"] {
        let own = section(&said, test);
        let head = format!(" \"{test}\" panicked at test-harness/tests/of_libtest.rs:");
        let words = format!(":\nwords of {test}\n");
        assert!(own.contains(&head) && own.contains(&words), "{own}");
        let all = format!("{}{}", said.stdout, said.stderr);
        assert_eq!(all.matches(&words).count(), 1, "{said:#?}");
        assert!(own.contains(&format!("Error: panicked: {test} is to fail")), "{own}");
        assert_eq!(all.matches(&format!("{test} is to fail")).count(), 1, "told twice: {said:#?}");
    }
    let quiet = !said.stdout.contains("joins_a_third") && !said.stderr.contains("panicked");
    assert!(quiet, "{said:#?}");
}

#[test]
fn a_panic_after_the_verdict_is_printed_as_ever() {
    let said = cargo_test("leaves_a_panic", &["--test-threads", "4"]);
    assert_eq!(failed(&said), ["leaves_a_panic"], "{said:#?}");
    assert!(!said.stdout.contains("words after the verdict"), "{said:#?}");
    assert!(said.stderr.contains(":\nwords after the verdict\n"), "{said:#?}");
}
