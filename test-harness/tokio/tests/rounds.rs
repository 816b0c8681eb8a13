//! The suites of this package as processes, again and again: of sixty-four tests on eight threads exactly the
//! five that leak fail, and where nothing is wrong nothing is ever found. `PARALLEL` says how many rounds.

mod support;

use std::path::Path;
use std::process::Command;

use support::{Said, built, run};

const LEAKING: [&str; 5] = [
    "tests::leaves_a_grandchild",
    "tests::leaves_a_panic",
    "tests::leaves_a_receiver",
    "tests::leaves_what_nobody_wrapped",
    "tests::locks_in_opposite_order",
];

fn rounds() -> u32 {
    std::env::var("PARALLEL").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Names of the tests that failed, sorted.
fn failed(said: &Said) -> Vec<String> {
    let tests = said.text.lines().filter_map(|line| line.strip_prefix("test ")?.split_once("..."));
    let red = tests.filter(|(_, verdict)| verdict.trim() == "FAILED");
    let mut names: Vec<String> = red.map(|(name, _)| name.trim().to_owned()).collect();
    names.sort();
    names
}

#[track_caller]
fn exactly_those_that_leak_fail(target: &str) {
    let suite = built(target);
    for round in 1..=rounds() {
        let said = run(Command::new(&suite).args(["--test-threads", "8"]).env("LEAVE", "leaks"));
        assert_eq!(failed(&said), LEAKING, "round {round}: {}", said.text);
        assert!(said.text.contains("59 passed; 5 failed"), "round {round}: {}", said.text);
    }
}

#[test]
fn exactly_those_that_leak_fail_under_libtest() {
    exactly_those_that_leak_fail("suite");
}

#[test]
fn exactly_those_that_leak_fail_under_a_main_of_ours() {
    exactly_those_that_leak_fail("suite_main");
}

#[test]
fn what_is_healthy_is_green_in_every_round() {
    for suite in ["suite", "suite_main", "healthy"].map(built) {
        for round in 1..=rounds() {
            let said = run(Command::new(&suite).args(["--test-threads", "8"]));
            assert!(said.code == Some(0), "round {round}: {}", said.text);
        }
    }
}

/// The example of `docs/from-tokio.md`.
#[test]
fn of_two_services_the_one_that_leaks_fails() {
    let here = std::env::current_exe().expect("this test");
    let profile = here.parent().and_then(Path::parent).expect("target/profile");
    let said = run(&mut Command::new(profile.join("examples/tokio_service")));
    assert_eq!(failed(&said), ["leaking::answers"], "{}", said.text);
    let text = message(&said, "leaking::answers");
    assert!(text.contains("1 task waiting to send on channel"), "{text}");
    assert!(text.contains("1 task known by a wrapped spawn"), "{text}");
}

/// What the message of a test says.
#[track_caller]
fn message(said: &Said, test: &str) -> String {
    let head = format!("---- {test} ----\n");
    let (_, rest) = said.text.split_once(&head).unwrap_or_else(|| panic!("no {test}: {said:#?}"));
    rest.split("\n---- ").next().unwrap_or(rest).to_owned()
}

#[test]
fn a_failure_names_the_task_its_place_and_its_wait() {
    let suite = built("suite_main");
    let said = run(Command::new(suite).env("LEAVE", "leaks"));
    let has = |test: &str, words: &[&str]| {
        let text = message(&said, test);
        words.iter().for_each(|words| assert!(text.contains(words), "{words:?} in {text}"));
    };
    has(
        "tests::locks_in_opposite_order",
        &["Error: gleak: deadlock, the test can never end", "[1] cycle of 2 tasks", "certain"],
    );
    has(
        "tests::leaves_a_receiver",
        &["1 task waiting to receive on channel", "tests/suite/tests.rs", "receives_until"],
    );
    has("tests::leaves_a_grandchild", &["1 task waiting to receive on channel", "parents"]);
    has(
        "tests::leaves_what_nobody_wrapped",
        &["1 task that the runtime counts; nothing else is known", "(counted, no site)", "weak"],
    );
    has("tests::leaves_a_panic", &["panicked: nobody hears it"]);
}

#[test]
fn findings_go_where_the_gate_reads_them() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tokio-findings");
    // What is there is of an earlier run.
    let _ = std::fs::remove_dir_all(&folder);
    let suite = built("suite_main");
    run(Command::new(suite).env("LEAVE", "leaks").env("GLEAK_OUT", &folder));
    let files =
        std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("one").path());
    let texts: Vec<String> =
        files.map(|path| std::fs::read_to_string(path).expect("text")).collect();
    let [text] = &texts[..] else { panic!("{texts:?}") };
    assert!(text.contains("\"tests\":64"), "{text}");
    for rule in ["cycle", "asleep-in-region", "outlived", "panicked"] {
        assert!(text.contains(&format!("\"{rule}\"")), "{rule} in {text}");
    }
}
