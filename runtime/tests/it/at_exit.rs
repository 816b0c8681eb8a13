//! `GLEAK`: the verdict at the exit of programs that nobody has changed.

use std::process::Output;

use crate::programs::{example, folder, stderr};
use crate::support::program;

/// The example with this `GLEAK`, and the tests that it runs.
fn left_behind(mode: &str, tests: &[&str]) -> Output {
    let mut program = program("left_behind");
    program.args(tests).env("GLEAK", mode).env("GLEAK_SETTLE_MS", "5000").env("COLUMNS", "100");
    program.output().expect("the example was built")
}

#[track_caller]
fn check(output: &Output, status: i32) -> String {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(status), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "test result: ok\n", "{text}");
    text
}

#[test]
fn a_check_makes_a_green_run_red_and_says_why() {
    let text = check(&left_behind("check", &["pool::drains", "pool::closes"]), 101);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "Error: gleak: 2 tasks were left when the process ended (1 group)");
    assert!(lines[1].contains("the exit status is 101, whatever the tests said"), "{text}");
    assert!(text.contains("in pool::closes, pool::drains"), "each by its test:\n{text}");
    assert!(text.contains("task leak: 2 tasks asleep") && text.contains("strong"), "{text}");
    check(&left_behind("check:7", &["pool::drains"]), 7);
}

#[test]
fn what_is_left_by_run_in_a_test_is_charged_to_the_test() {
    let text = check(&left_behind("check", &["pool::is_cut_off"]), 101);
    assert!(text.contains("in pool::is_cut_off"), "{text}");
}

#[test]
fn a_task_that_panicked_and_was_not_joined_is_found() {
    let text = check(&left_behind("check", &["pool::panics"]), 101);
    assert!(text.contains("Error: gleak: 1 task panicked and nobody joined"), "{text}");
    assert!(text.contains("in pool::panics"), "{text}");
}

#[test]
fn who_ends_in_time_or_is_meant_to_stay_is_no_finding() {
    let healthy = ["pool::ends_late", "pool::stays"];
    assert_eq!(check(&left_behind("check", &healthy), 0), "");
    assert_eq!(check(&left_behind("check", &[]), 0), "", "no task at all");
}

#[test]
fn a_report_tells_and_leaves_the_status() {
    let text = check(&left_behind("report", &["pool::drains"]), 0);
    assert!(text.starts_with("Error: gleak: 1 task was left when the process ended"), "{text}");
    assert!(text.contains("in pool::drains"), "{text}");
    let text = check(&left_behind("report", &["pool::ends_late"]), 0);
    assert_eq!(text, "gleak: nothing was left when the process ended (1 task was spawned)\n");
}

#[test]
fn a_survey_counts_by_test_site_and_wait() {
    let text = check(&left_behind("survey", &["pool::drains", "pool::closes", "pool::stays"]), 0);
    let expected = "gleak: 2 of 3 tasks were left when the process ended\n\n   \
         tasks  test\n       1  pool::closes\n       1  pool::drains\n\n   \
         tasks  spawned at\n       2  runtime/examples/left_behind.rs:14  left_behind::leaks\n\n   \
         tasks  wait\n       2  receive  at runtime/examples/left_behind.rs:14\n";
    assert_eq!(text, expected);
}

#[test]
fn without_gleak_nothing_is_said_and_an_unknown_word_is() {
    for mode in ["", "off"] {
        assert_eq!(check(&left_behind(mode, &["pool::drains"]), 0), "", "{mode}");
    }
    let text = check(&left_behind("chek", &["pool::drains"]), 0);
    assert!(text.starts_with("gleak: GLEAK=\"chek\" is none of off, report, check,"), "{text}");
}

#[test]
fn a_verdict_that_was_given_is_not_given_again() {
    let folder = folder("at-exit-asleep");
    let output = example("deadlock", &folder).env("GLEAK", "check").output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(!text.contains("when the process ended"), "{text}");
}
