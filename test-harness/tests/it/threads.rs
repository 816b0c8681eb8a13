//! Threads that outlive their test are named with their site, and no other test is blamed; those that nobody
//! spawned here are told at the end.

use crate::support::{Said, example, run};

const LEAKING: [&str; 5] =
    ["is_asleep", "locks_itself_out", "outlives", "panics_unheard", "waits_for_nobody"];

fn leaking(tests: &[&str]) -> Said {
    run(example("threads").args(tests).env("LEAVE", "leaks"))
}

/// The line of the example that this text stands in, once.
fn line_of(text: &str) -> usize {
    let source = include_str!("../../examples/threads.rs");
    source.lines().position(|line| line.contains(text)).expect("it stands there") + 1
}

#[test]
fn healthy_tests_with_threads_are_green_and_silent() {
    let said = run(&mut example("threads"));
    assert_eq!((said.code, said.tests("ok").len()), (Some(0), 22), "{said:#?}");
    assert_eq!(said.stderr, "");
}

#[test]
fn exactly_those_fail_whose_threads_are_left_in_every_round() {
    for _ in 0..5 {
        let said = leaking(&["--test-threads", "8"]);
        assert_eq!((said.tests("FAILED"), said.code), (LEAKING.to_vec(), Some(101)), "{said:#?}");
        assert_eq!(said.tests("ok").len(), 17, "{said:#?}");
        assert!(!said.stderr.contains("no test"), "{said:#?}");
    }
}

#[test]
fn a_thread_that_outlives_its_test_is_named_with_its_site() {
    let said = leaking(&[]);
    let site = line_of("feeder.spawn");
    for part in [
        "Error: gleak: 1 thread outlived this test (1 group)",
        "[1] thread leak: 1 thread left over ",
        "  weak  gk1:",
        "    1 thread running\n",
        &format!("      spawned  test-harness/examples/threads.rs:{site}  threads::runs_until  t"),
        "intended?   thread::Builder::background(), or at the test: ignore = \"name=feeder because ..\"",
    ] {
        assert!(said.message("outlives").contains(part), "{part}: {}", said.message("outlives"));
    }
    let asleep = said.message("is_asleep");
    assert!(asleep.contains("thread leak: 1 thread asleep") && asleep.contains("  strong  gk1:"));
    let panicked = said.message("panics_unheard");
    assert!(panicked.contains("1 thread panicked and nobody joined"), "{panicked}");
    let stuck = said.message("locks_itself_out");
    for part in ["deadlock, the test can never end", "cycle of 2 threads", "1 task waits behind"] {
        assert!(stuck.contains(part), "{part}: {stuck}");
    }
}

#[test]
fn a_thread_that_a_test_has_left_holds_up_no_verdict_on_another() {
    let said = leaking(&["outlives", "waits_for_nobody", "--test-threads", "1"]);
    let stuck = said.message("waits_for_nobody");
    assert!(stuck.starts_with("Error: gleak: deadlock, the test can never end"), "{stuck}");
    assert!(stuck.contains("  strong  gk1:"), "{stuck}");
}

/// The fingerprint in the text after `start`.
#[track_caller]
fn fingerprint<'t>(text: &'t str, start: &str) -> &'t str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start:?} in {text}"));
    let (_, rest) = rest.split_once("  gk1:").unwrap_or_else(|| panic!("none in {rest}"));
    &rest[..16]
}

#[test]
fn the_same_thread_has_the_same_fingerprint_whoever_finds_it() {
    let attribute = leaking(&["outlives"]);
    let attribute = fingerprint(attribute.message("outlives"), "Error: gleak: ");
    let guard = run(example("threads").arg("guard"));
    let guard = fingerprint(&guard.stderr, "Error: gleak: ");
    let told = run(example("threads").arg("plain").env("GLEAK", "report"));
    assert_eq!(told.code, Some(0), "{told:#?}");
    let exit = run(example("threads").arg("plain").env("GLEAK", "check"));
    assert_eq!(exit.code, Some(101), "{exit:#?}");
    let stray = run(example("threads").args(["stray", "--exact", "--ignored"]));
    let [told, exit] = [&told, &exit].map(|it| fingerprint(&it.stderr, "1 thread was left when"));
    let stray = fingerprint(&stray.stderr, "gleak: 1 thread belongs to no test; the run fails");
    assert_eq!([guard, told, exit, stray], [attribute; 4]);
    let survey = run(example("threads").arg("plain").env("GLEAK", "survey"));
    assert!(survey.stderr.contains("threads::runs_until"), "{survey:#?}");
}

#[test]
fn a_deadlock_of_threads_ends_a_program_as_one_of_tasks_does() {
    let said = run(example("threads").arg("deadlock").env("GLEAK_DUMP", "asked"));
    assert_eq!(said.code, Some(2), "{said:#?}");
    assert!(said.stderr.contains("cycle of 2 threads"), "{said:#?}");
}

#[test]
fn threads_that_nobody_spawned_here_are_told_and_fail_nothing() {
    let said = run(example("threads").args(["pool", "--exact", "--ignored"]));
    assert_eq!((said.tests("ok"), said.code), (vec!["pool"], Some(0)), "{said:#?}");
    let lines: Vec<&str> = said.stderr.lines().map(str::trim).collect();
    assert_eq!(
        lines[0],
        "gleak: 3 threads are left that nobody spawned through gleak_runtime::thread"
    );
    assert!(lines[1].starts_with("2 \"pool-*\": 2 sleeping; the first started "), "{said:#?}");
    assert!(lines[2].starts_with("1 \"logger\": sleeping; started "), "{said:#?}");
    assert_eq!(lines[3], "intended?   at the main: ignore = \"name=pool-* because ..\"");
    let red = run(example("threads").args(["pool", "--exact", "--ignored"]).env("RED", "1"));
    assert_eq!((red.tests("ok"), red.code), (vec!["pool"], Some(101)), "{red:#?}");
    assert!(red.stderr.contains("; the run fails, and no test is to blame\n"), "{red:#?}");
}

#[test]
fn pools_that_are_declared_are_not_told() {
    for red in [false, true] {
        let mut command = example("threads");
        command.args(["declared", "--exact", "--ignored"]);
        if red {
            command.env("RED", "1");
        }
        let said = run(&mut command);
        assert_eq!((said.tests("ok"), said.code), (vec!["declared"], Some(0)), "{said:#?}");
        assert_eq!(said.stderr, "");
    }
}
