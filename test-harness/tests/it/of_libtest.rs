//! The attribute under libtest's own harness: a real `cargo test` of `tests/of_libtest.rs`.

use std::process::Command;

use crate::support::{Said, run};

/// Runs it with these tests going wrong.
fn cargo_test(leave: &str, filter: &[&str]) -> Said {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "-q", "-p", "gleak-test-harness", "--test", "of_libtest", "--"]);
    cargo.args(filter).current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.env("LEAVE", leave).env("RUST_BACKTRACE", "0").env("COLUMNS", "100");
    cargo.env("GLEAK_DUMP_DIR", env!("CARGO_TARGET_TMPDIR"));
    for name in ["GLEAK", "GLEAK_OUT", "GLEAK_SUPPRESS", "GLEAK_WORKERS"] {
        cargo.env_remove(name);
    }
    run(&mut cargo)
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
    assert!(said.stdout.contains("8 passed; 0 failed; 1 ignored"), "{said:#?}");
    assert!(!said.stderr.contains("gleak:"), "{said:#?}");
}

#[test]
fn each_fails_by_its_name_and_the_others_pass() {
    let leave = "leaves_a_task,returns_an_error,panics,locks_itself_out,is_late";
    let said = cargo_test(leave, &[]);
    assert_eq!(said.code, Some(101), "{said:#?}");
    let names = ["is_late", "leaves_a_task", "locks_itself_out", "panics", "returns_an_error"];
    assert_eq!(failed(&said), names, "{said:#?}");
    for part in [
        "---- leaves_a_task stdout ----\nError: gleak: 1 task outlived this test (1 group)",
        "---- locks_itself_out stdout ----\nError: gleak: deadlock, the test can never end",
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
    assert!(said.stdout.contains("8 passed; 0 failed"), "{said:#?}");
    assert!(said.stderr.contains("gleak: 1 task belongs to no test"), "{said:#?}");
    assert!(said.stderr.contains("so the run fails, whatever the tests said"), "{said:#?}");
}

#[test]
fn names_and_filters_are_libtests_own() {
    let said = cargo_test("", &["--list", "--format", "terse"]);
    let names: Vec<&str> = said.stdout.lines().collect();
    assert!(names.contains(&"pool::ends_a_moment_later: test"), "{said:#?}");
    assert!(names.contains(&"leaves_a_task: test") && names.len() == 9, "{said:#?}");
    let said = cargo_test("leaves_a_task", &["--exact", "adds_up"]);
    assert!(said.code == Some(0) && said.stdout.contains("1 passed"), "{said:#?}");
}
