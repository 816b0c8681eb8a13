//! libtest's flags, and what a listing does not do.

use crate::support::{Said, example, run};

#[track_caller]
fn listed(arguments: &[&str]) -> String {
    let said = run(example("own_main").args(["--list", "--format", "terse"]).args(arguments));
    assert_eq!(said.code, Some(0), "{said:#?}");
    assert_eq!(said.stderr, "threads: 1\n", "a listing starts no runtime");
    said.stdout
}

fn ran(arguments: &[&str]) -> Said {
    run(example("own_main").args(arguments))
}

#[test]
fn a_list_holds_the_names_and_starts_nothing() {
    assert_eq!(listed(&[]), "first: test\ninner::second: test\ninner::third: test\n");
    assert_eq!(listed(&["--ignored"]), "inner::third: test\n");
    assert_eq!(listed(&["first", "--exact"]), "first: test\n");
    assert_eq!(listed(&["nothing of the kind"]), "");
}

#[test]
fn a_run_has_threads_of_its_own() {
    let said = ran(&["first", "--exact", "--test-threads=1"]);
    // Main, the monitor, three workers, and who waits for signals.
    assert_eq!(said.stderr, "threads: 6\n");
}

#[test]
fn tests_are_chosen_as_libtest_does() {
    assert_eq!(ran(&[]).tests("ok"), ["first", "inner::second"]);
    assert_eq!(ran(&[]).tests("ignored"), ["inner::third"]);
    assert_eq!(ran(&["inner"]).tests("ok"), ["inner::second"]);
    assert_eq!(ran(&["second"]).tests("ok"), ["inner::second"]);
    assert_eq!(ran(&["second", "--exact"]).tests("ok"), [""; 0]);
    assert_eq!(ran(&["inner::second", "--exact", "--nocapture"]).tests("ok"), ["inner::second"]);
    assert_eq!(ran(&["second", "fir"]).tests("ok"), ["first", "inner::second"]);
    assert!(ran(&["second", "no such"]).stdout.contains("2 filtered out"));
    assert_eq!(ran(&["--skip", "second"]).tests("ok"), ["first"]);
    assert_eq!(ran(&["--ignored"]).tests("ok"), ["inner::third"]);
    let all = ran(&["--include-ignored"]);
    assert_eq!(all.tests("ok"), ["first", "inner::second", "inner::third"]);
    assert_eq!(all.code, Some(0));
}

#[test]
fn two_tests_of_one_name_are_an_error() {
    for arguments in [&[][..], &["--list"]] {
        let said = run(example("same_name").args(arguments));
        assert_eq!(said.code, Some(101));
        assert_eq!(said.stdout, "");
        assert_eq!(
            said.stderr,
            "gleak: two tests are named twin: test-harness/examples/same_name.rs:12 and \
             test-harness/examples/same_name.rs:13\n"
        );
    }
}
