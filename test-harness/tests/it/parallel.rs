//! Sixty-four tests on eight threads, of which five leave something behind: exactly those fail, in every
//! round and however they are run. `PARALLEL` says how many rounds; `make parallel` runs a hundred.

use std::process::Command;

use crate::support::{Said, cargo, example, has_nextest, run};

const LEAKING: [&str; 5] = [
    "suite::leaves_a_grandchild",
    "suite::leaves_a_panic",
    "suite::leaves_a_receiver",
    "suite::leaves_two_senders",
    "suite::locks_itself_out",
];

fn rounds() -> u32 {
    std::env::var("PARALLEL").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Runs it again and again; `failed` finds in what it says who failed, and how many passed.
#[expect(clippy::print_stderr, reason = "what `make parallel` prints")]
#[track_caller]
fn every_round(
    how: &str,
    passed: u64,
    command: impl Fn() -> Command,
    failed: fn(&Said) -> (Vec<String>, u64),
) {
    let rounds = rounds();
    for round in 1..=rounds {
        let said = run(command().env("LEAVE", "leaks"));
        let (mut names, green) = failed(&said);
        names.sort();
        names.dedup();
        let so = (names.iter().map(String::as_str).collect::<Vec<_>>(), green);
        assert_eq!(so, (LEAKING.to_vec(), passed), "{how}, round {round}: {said:#?}");
    }
    eprintln!("{how}: exactly 5 of 64 failed in {rounds} rounds of {rounds}");
}

/// Names under the last `failures:`, and the count before ` passed`.
fn of_libtest(said: &Said) -> (Vec<String>, u64) {
    let list = said.stdout.rsplit_once("failures:\n").map_or("", |(_, list)| list);
    let names = list.lines().map(str::trim).take_while(|line| !line.is_empty());
    let passed = said.stdout.rsplit_once(" passed;").and_then(|(head, _)| head.rsplit(' ').next());
    (names.map(str::to_owned).collect(), passed.and_then(|count| count.parse().ok()).unwrap_or(0))
}

fn cargo_test(target: &str) -> Command {
    let mut cargo = cargo(&["test", "-q"], &[target]);
    cargo.args(["--", "--test-threads", "8"]);
    cargo
}

#[test]
fn exactly_those_that_leak_fail_under_libtest() {
    every_round("libtest and the attribute", 59, || cargo_test("parallel"), of_libtest);
}

#[test]
fn exactly_those_that_leak_fail_under_a_main_of_ours() {
    every_round("a main of ours, by cargo test", 59, || cargo_test("parallel_main"), of_libtest);
    let alone = || {
        let mut program = example("parallel");
        program.args(["--test-threads", "8"]);
        program
    };
    every_round("a main of ours, alone", 59, alone, of_libtest);
}

#[test]
fn exactly_those_that_leak_fail_under_nextest() {
    if !has_nextest("exactly_those_that_leak_fail_under_nextest") {
        return;
    }
    let nextest = || {
        let mut cargo = cargo(&["nextest", "run"], &["parallel", "parallel_main"]);
        cargo.args(["--no-fail-fast", "--test-threads", "8", "--color", "never"]);
        cargo.args(["--status-level", "fail", "--final-status-level", "none"]);
        cargo
    };
    // Five in each of two suites, of which those that pass are counted together.
    let failed = |said: &Said| {
        let failed = said.stderr.lines().map(str::trim).filter(|line| line.starts_with("FAIL ["));
        let names: Vec<String> =
            failed.filter_map(|line| Some(line.rsplit_once(' ')?.1.to_owned())).collect();
        let count = if names.len() == 10 { passed_by_nextest(said) } else { 0 };
        (names, count)
    };
    every_round("nextest", 118, nextest, failed);
}

fn passed_by_nextest(said: &Said) -> u64 {
    let head = said.stderr.rsplit_once(" passed").and_then(|(head, _)| head.rsplit(' ').next());
    head.and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// The fingerprint in the text after `start`.
#[track_caller]
fn fingerprint<'t>(text: &'t str, start: &str) -> &'t str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start:?} in {text}"));
    let (_, rest) = rest.split_once("  gk1:").unwrap_or_else(|| panic!("none in {rest}"));
    &rest[..16]
}

#[test]
fn the_same_leak_has_the_same_fingerprint_whoever_finds_it() {
    let test = "suite::leaves_a_receiver";
    let mut cargo = cargo(&["test", "-q"], &["parallel"]);
    let attribute = run(cargo.args(["--", test, "--exact"]).env("LEAVE", "leaks"));
    let attribute = fingerprint(&attribute.stdout, "leaves_a_receiver stdout ----");
    let main = run(example("parallel").args([test, "--exact"]).env("LEAVE", "leaks"));
    let main = fingerprint(main.message(test), "Error: gleak: ");
    let exit = run(example("parallel").arg("plain").env("GLEAK", "check"));
    let exit = fingerprint(&exit.stderr, "left when the process ended");
    let guard = run(example("parallel").arg("guard"));
    let guard = fingerprint(&guard.stderr, "Error: gleak: ");
    assert_eq!([main, exit, guard], [attribute; 3]);
}
