//! Lists of tests, of ours and of libtest-mimic's, beside those under the attribute.

use crate::support::{Said, example, run};

fn listed(arguments: &[&str]) -> Said {
    let mut command = example("listed");
    command.args(arguments).env("GLEAK_DUMP_DIR", env!("CARGO_TARGET_TMPDIR"));
    run(&mut command)
}

#[test]
fn each_has_its_own_verdict() {
    let said = listed(&[]);
    let passed = [
        "has_time",
        "is_warned",
        "may_leave_it",
        "mimic::measures",
        "mimic::passes",
        "panics",
        "parses::a.json",
        "under_the_attribute",
    ];
    assert_eq!(said.tests("ok"), passed, "{said:#?}");
    let failed = [
        "[net] mimic::leaks",
        "cleans_up",
        "is_late",
        "is_seeded",
        "leaks",
        "mimic::fails",
        "mimic::panics",
        "panics_unseen",
        "parses::b.bad",
        "spins_for_ever",
    ];
    assert_eq!(said.tests("FAILED"), failed, "{said:#?}");
    assert_eq!(said.tests("ignored"), ["is_ignored", "mimic::ignores_itself", "mimic::is_ignored"]);
    assert_eq!(said.code, Some(101));
}

#[test]
fn messages_are_those_of_the_tests() {
    let said = listed(&[]);
    assert_eq!(said.message("parses::b.bad"), "Error: \"b.bad: line 3\"");
    assert_eq!(said.message("mimic::fails"), "Error: \"quoted\"\nsecond line");
    assert!(said.message("mimic::panics").contains("in a trial"), "{said:#?}");
    for leaky in ["leaks", "mimic::leaks"] {
        let message = said.message(leaky);
        assert!(message.starts_with("Error: gleak: 1 task outlived this test"), "{message}");
        assert!(message.contains("listed.rs:11  listed::leave_one  t"), "{message}");
    }
    let message = said.message("cleans_up");
    assert!(message.starts_with("The clean-up panicked: of the hook"), "{message}");
    assert!(message.contains("Besides:\nError: gleak: 1 task outlived"), "{message}");
}

/// It keeps a thread for itself for good; the others have theirs, and the process ends.
#[test]
fn a_test_that_spins_for_ever_fails_by_name() {
    let said = listed(&["spins_for_ever"]);
    let message = said.message("spins_for_ever");
    assert!(message.starts_with("Error: gleak: the test has not ended within 50 ms"), "{message}");
    assert!(message.contains("listed::spin"), "{message}");
    let said = listed(&["--test-threads", "1"]);
    assert_eq!((said.tests("ok").len(), said.code), (8, Some(101)), "{said:#?}");
}

#[test]
fn a_warning_is_told_and_fails_nothing() {
    let said = listed(&["is_warned", "--exact"]);
    assert_eq!((said.tests("ok"), said.code), (vec!["is_warned"], Some(0)), "{said:#?}");
    assert!(
        said.stderr.starts_with("Warning: gleak: is_warned: 1 task outlived this test"),
        "{said:#?}"
    );
}

#[test]
fn the_list_is_libtests() {
    let said = listed(&["--list", "--format", "terse"]);
    let names: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(names.len(), 21, "{said:#?}");
    assert!(names.contains(&"mimic::measures: bench"), "{said:#?}");
    assert!(names.contains(&"parses::a.json: test"), "{said:#?}");
    assert_eq!(said.stderr, "");
}

#[test]
fn a_bench_is_measured_where_that_is_asked_for() {
    let said = listed(&["--bench", "mimic::measures"]);
    assert!(said.stdout.contains("bench:       1,200 ns/iter (+/- 7)"), "{said:#?}");
}

#[test]
fn a_seed_decides_on_the_order() {
    let order = || listed(&["is_seeded"]).message("is_seeded").to_owned();
    assert_eq!(order(), order());
}
