//! A suite under `#[tokio::test]` in which nothing has changed but its spawns, as processes with `GLEAK`.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use support::{Said, built, run};

static PLAIN: LazyLock<PathBuf> = LazyLock::new(|| built("plain"));

/// The command line tool.
static GLEAK: LazyLock<PathBuf> = LazyLock::new(|| {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "-q", "-p", "gleak-cli"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let said = run(&mut cargo);
    assert_eq!(said.code, Some(0), "{}", said.text);
    let here = std::env::current_exe().expect("this test");
    here.parent().and_then(Path::parent).expect("target/profile").join("gleak")
});

/// What the suite can leave.
const ALL: &str = "workers,locks";

/// The suite with these tests going wrong, none if empty.
fn plain(gleak: &str, leave: &str) -> Command {
    let mut command = Command::new(&*PLAIN);
    command.env("GLEAK", gleak).env("LEAVE", leave);
    command
}

/// What the process said of what was left, when libtest was done.
fn told(said: &Said) -> &str {
    let end = said.text.find("; finished in ").expect("the result of the tests");
    said.text[end..].split_once('\n').map_or("", |(_, rest)| rest.trim_start())
}

#[test]
fn a_healthy_suite_is_green_and_nothing_is_said() {
    for round in 0..5 {
        let said = run(&mut plain("check", ""));
        assert_eq!((said.code, told(&said)), (Some(0), ""), "round {round}");
        let said = run(&mut plain("", ALL));
        assert_eq!((said.code, told(&said)), (Some(0), ""), "nobody asks");
    }
}

#[test]
fn of_a_healthy_suite_a_survey_has_only_what_was_about_to_end() {
    let said = run(&mut plain("survey", ""));
    let text = told(&said);
    assert_eq!(said.code, Some(0), "{text}");
    assert!(text.starts_with("gleak: nothing was left when the process ended (22 tasks"), "{text}");
    let said = run(&mut plain("report", ""));
    let text = told(&said);
    assert!(text.starts_with("gleak: nothing was left when the process ended (22 tasks"), "{text}");
    assert!(
        text.contains("could still have ended when the runtime of the test was shut"),
        "{text}"
    );
}

#[test]
fn a_survey_is_one_table_by_test_task_and_wait() {
    let names = ["pool", "inherits", "locks_in"];
    for width in [80, 120] {
        let mut suite = plain("survey", ALL);
        let said = run(suite.args(names).env("COLUMNS", width.to_string()));
        assert_eq!(said.code, Some(0), "{}", said.text);
        let golden = format!("{}/tests/golden/survey-{width}.txt", env!("CARGO_MANIFEST_DIR"));
        let text = told(&said).to_owned();
        if std::env::var_os("BLESS").is_some() {
            fs::write(&golden, &text).expect("a golden file");
        }
        assert_eq!(fs::read_to_string(&golden).unwrap_or_default(), text, "BLESS=1");
        assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
    }
}

#[test]
fn a_check_is_red_and_its_first_line_says_why() {
    for _ in 0..3 {
        let said = run(&mut plain("check", ALL));
        let text = told(&said);
        assert_eq!(said.code, Some(101), "{text}");
        let head =
            "Error: gleak: 6 tasks were left when the process ended (5 groups), 2 can never go on";
        assert!(text.starts_with(head), "{text}");
        for part in [
            "so the exit status is 101, whatever the tests said: GLEAK=check",
            "[1] cycle of 2 tasks",
            "    in locks_in_opposite_order\n",
            "[2] task leak: 4 tasks asleep",
            "    in inherits_from_whoever_spawned, pool::drains, pool::drains_on_two\n",
            " tasks known by a wrapped spawn",
        ] {
            assert!(text.contains(part), "{part:?} in {text}");
        }
    }
    let said = run(&mut plain("check:7", ALL));
    assert_eq!(said.code, Some(7), "{}", said.text);
}

/// A folder of this test's own, which is not there yet.
fn no_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tokio-survey").join(name);
    let _ = fs::remove_dir_all(&folder);
    folder
}

#[test]
fn evidence_has_the_rows_and_the_findings() {
    let folder = no_folder("evidence");
    run(plain("survey", ALL).env("GLEAK_OUT", &folder));
    let files = fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("one").path());
    let texts: Vec<String> = files.map(|path| fs::read_to_string(path).expect("text")).collect();
    let [text] = &texts[..] else { panic!("{texts:?}") };
    let of = |test: &str| text.contains(&format!("\"k\":\"row\",\"test\":\"{test}\""));
    assert!(of("pool::drains") && of("locks_in_opposite_order"), "{text}");
    assert!(text.contains("\"cycle\"") && text.contains("\"asleep-in-region\""), "{text}");
    assert!(text.contains("\"spawned\":22"), "{text}");
}

#[test]
fn under_the_attribute_a_survey_fails_nothing_and_counts_all() {
    let suite = built("suite_main");
    let said = run(Command::new(suite).env("LEAVE", "leaks").env("GLEAK", "survey"));
    let text = told(&said);
    // What can never end, and what has happened, cannot be let pass.
    assert!(said.text.contains("62 passed; 2 failed"), "{}", said.text);
    for part in ["gleak: 3 of", "tests::leaves_a_receiver", "tests::leaves_a_grandchild"] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    assert!(text.contains("(counted, no site)"), "{text}");
}

/// A real `cargo test` of two targets, whose findings go into this folder.
fn cargo_test(gleak: &str, leave: &str, folder: &Path) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "-q", "-p", "gleak-tokio", "--test", "plain", "--test", "outside"]);
    cargo.env("GLEAK", gleak).env("LEAVE", leave).env("GLEAK_OUT", folder);
    let said = run(cargo.current_dir(env!("CARGO_MANIFEST_DIR")));
    assert_eq!(said.code, Some(0), "{}", said.text);
    assert_eq!(fs::read_dir(folder).expect("a folder").count(), 2, "a file a process");
}

/// What `docs/from-tokio.md` tells people to do: a survey, a baseline, and the gate from then on.
#[test]
fn from_a_survey_to_a_gate_that_is_red_for_a_new_leak_only() {
    let [survey, same, more] = ["surveyed", "same", "more"].map(no_folder);
    let asks = |what: &[&str], folder: &Path| run(Command::new(&*GLEAK).args(what).arg(folder));
    cargo_test("survey", "workers", &survey);
    let said = asks(&["survey", "--width", "100"], &survey);
    let head = "4 of 31 tasks were left, in 2 processes with ";
    assert!(said.code == Some(0) && said.text.starts_with(head), "{}", said.text);
    assert!(said.text.contains("       2  pool::drains\n"), "{}", said.text);

    let baseline = survey.join("baseline.json");
    let baseline = baseline.to_str().expect("a text");
    let said = asks(&["baseline", "write", "--reason", "as we found it", baseline], &survey);
    assert!(said.code == Some(0) && said.text.contains("1 entry"), "{}", said.text);
    let gate = |folder: &Path| asks(&["gate", "--baseline", baseline], folder);
    cargo_test("report", "workers", &same);
    let said = gate(&same);
    assert_eq!(said.code, Some(0), "{}", said.text);

    cargo_test("report", "workers,locks", &more);
    let said = gate(&more);
    assert_eq!(said.code, Some(1), "{}", said.text);
    assert!(
        said.text.contains("cycle") && said.text.contains("locks_in_opposite_order"),
        "{}",
        said.text
    );
    assert!(!said.text.contains("plain::worker"), "what is known is not told again: {}", said.text);
}
