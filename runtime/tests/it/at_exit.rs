//! `GLEAK`: the verdict at the exit of programs that nobody has changed.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gleak_runtime::report::detector::Rule;
use gleak_runtime::report::detector::findings_file::{self, FindingsFile};

use crate::programs::{example, folder, stderr};
use crate::support::program;

/// The example with this `GLEAK`, and the tests that it runs.
fn left_behind(mode: &str, tests: &[&str]) -> Output {
    command(mode, tests).output().expect("the example was built")
}

fn command(mode: &str, tests: &[&str]) -> Command {
    let mut program = program("left_behind");
    program.args(tests).env("GLEAK", mode).env("GLEAK_SETTLE_MS", "5000").env("COLUMNS", "100");
    for name in ["GLEAK_OUT", "GLEAK_SUPPRESS"] {
        program.env_remove(name);
    }
    program
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

/// Who failed has ended: it was not left.
#[test]
fn an_error_that_nobody_waited_for_is_found() {
    let text = check(&left_behind("check", &["pool::fails_unseen"]), 101);
    assert!(text.starts_with("Error: gleak: 1 task failed and nobody waited"), "{text}");
    assert!(text.contains("in pool::fails_unseen"), "{text}");
}

#[test]
fn who_ends_in_time_or_is_meant_to_stay_is_no_finding() {
    let healthy = ["pool::ends_late", "pool::stays"];
    assert_eq!(check(&left_behind("check", &healthy), 0), "");
    assert_eq!(check(&left_behind("check", &[]), 0), "", "no task at all");
}

#[test]
fn who_is_told_to_end_is_given_until_its_timer() {
    let mut program = command("check", &["pool::polls"]);
    let output = program.env("GLEAK_SETTLE_MS", "100").output().expect("it was built");
    assert_eq!(check(&output, 0), "");
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
         tasks  test\n       \
         1  pool::closes\n            spawned  runtime/examples/left_behind.rs:14  left_behind::leaks\n            \
         waits    receive at runtime/examples/left_behind.rs:14\n       \
         1  pool::drains\n            spawned  runtime/examples/left_behind.rs:14  left_behind::leaks\n            \
         waits    receive at runtime/examples/left_behind.rs:14\n";
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

/// A file of suppressions of this test's own.
fn suppressions(test: &str, lines: &str) -> PathBuf {
    let file = folder(test).join("suppress.txt");
    fs::write(&file, lines).expect("a file under target");
    file
}

const KNOWN: &str = "entry=left_behind::leaks because issue 41\n";

#[test]
fn what_a_file_excepts_makes_no_exit_red_and_is_told() {
    let file = suppressions("at-exit-known", KNOWN);
    let run = |mode, tests: &[&str]| {
        command(mode, tests).env("GLEAK_SUPPRESS", &file).output().expect("it was built")
    };
    assert_eq!(check(&run("check", &["pool::drains", "pool::closes"]), 0), "");
    let used = "1 finding of 1 task suppressed by entry=left_behind::leaks because issue 41";
    let text = check(&run("report", &["pool::drains"]), 0);
    let head = "gleak: nothing was left when the process ended but what is suppressed";
    assert_eq!(text, format!("{head} (1 task was spawned)\n  {used}\n"));
    assert_eq!(check(&run("survey", &["pool::drains"]), 0), text);
    // Another finding is told all the same, with what the file took.
    let text = check(&run("check", &["pool::drains", "pool::is_cut_off"]), 101);
    assert!(text.contains("in pool::is_cut_off") && !text.contains("pool::drains"), "{text}");
    assert!(text.contains(used), "{text}");
}

/// With arguments a line may be for a test that did not run.
#[test]
fn what_took_nothing_is_told_when_all_ran() {
    let file = suppressions("at-exit-unused", "crate=hyper because it stays\n");
    let mut all = program("fan_out");
    let output = all.env("GLEAK", "check").env("GLEAK_SUPPRESS", &file).output().unwrap();
    let line = "gleak: unused suppression: crate=hyper because it stays\n";
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), line));
    let some = command("check", &["pool::ends_late"]).env("GLEAK_SUPPRESS", &file).output();
    assert_eq!(check(&some.unwrap(), 0), "");
}

#[test]
fn a_file_that_is_not_understood_never_looks_like_one_that_took_nothing() {
    let file = suppressions("at-exit-faulty", "\nentri=a because b\n");
    let told = "suppress.txt: line 2, column 1: `entri` is not known; is `entry` meant?\n";
    let red = "gleak: so the exit status is 101, whatever the tests said: GLEAK=check\n";
    let run = |mode, test, file: &Path| {
        command(mode, &[test]).env("GLEAK_SUPPRESS", file).output().expect("it was built")
    };
    let text = check(&run("check", "pool::ends_late", &file), 101);
    assert!(text.contains(told) && text.ends_with(red), "{text}");
    let text = check(&run("check", "pool::drains", &file), 101);
    assert!(text.contains(told) && text.contains("in pool::drains"), "still judged: {text}");
    for mode in ["report", "survey"] {
        assert!(check(&run(mode, "pool::ends_late", &file), 0).contains(told), "{mode}");
    }
    let absent = file.with_file_name("absent.txt");
    let text = check(&run("check", "pool::ends_late", &absent), 101);
    assert!(text.contains("absent.txt: No such file") && text.ends_with(red), "{text}");
}

/// The one file in a folder.
#[track_caller]
fn evidence(folder: &Path) -> FindingsFile {
    let files: Vec<_> = fs::read_dir(folder).expect("the folder").flatten().collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let name = files[0].file_name().into_string().expect("a text");
    let opened = File::open(files[0].path()).expect("the file");
    let file = findings_file::read(&mut BufReader::new(opened)).expect("findings");
    assert_eq!(name, format!("findings-{}-{}.ndjson", file.source.program, file.source.pid));
    assert!(file.complete);
    file
}

#[test]
fn evidence_for_the_gate_is_written_in_every_mode() {
    for (mode, status) in [("check", 101), ("report", 0), ("survey", 0)] {
        let folder = folder(&format!("at-exit-out-{mode}")).join("made by the run");
        let tests = ["pool::drains", "pool::ends_late", "pool::panics"];
        let text =
            check(&command(mode, &tests).env("GLEAK_OUT", &folder).output().unwrap(), status);
        let FindingsFile { source, findings, .. } = evidence(&folder);
        assert_eq!((source.program.as_str(), source.tests, source.spawned), ("left_behind", 3, 3));
        let found: Vec<_> = findings.iter().map(|it| (it.key.rule, it.regions.join(","))).collect();
        let strong = (Rule::AsleepInRegion, "pool::drains".to_owned());
        assert_eq!(found, [(Rule::Panicked, "pool::panics".to_owned()), strong], "{text}");
        let same = findings.iter().all(|it| text.contains(&it.fingerprint.0));
        assert!(same || mode == "survey", "live and in the file:\n{text}");
    }
}

#[test]
fn a_healthy_process_writes_what_it_has_looked_at() {
    let folder = folder("at-exit-out-healthy");
    let green = command("check", &["pool::ends_late"]).env("GLEAK_OUT", &folder).output();
    assert_eq!(check(&green.unwrap(), 0), "");
    let FindingsFile { source, findings, .. } = evidence(&folder);
    assert_eq!((source.tests, source.spawned, findings.len()), (1, 1, 0));
}

#[test]
fn a_process_without_a_task_says_that_nothing_was_checked() {
    for mode in ["check", "report", "survey"] {
        let folder = folder(&format!("at-exit-nothing-{mode}"));
        let nothing = command(mode, &["pool::spawns_nothing"]).env("GLEAK_OUT", &folder).output();
        let text = check(&nothing.unwrap(), 0);
        assert_eq!(text, "gleak: nothing was checked: no task was spawned in this process\n");
        assert_eq!((evidence(&folder).source.spawned, evidence(&folder).findings.len()), (0, 0));
    }
}

#[test]
fn findings_that_cannot_be_written_make_a_check_red() {
    let file = folder("at-exit-lost").join("a file");
    fs::write(&file, "where the folder should be").unwrap();
    for (mode, status) in [("check", 101), ("check:9", 9), ("report", 0), ("survey", 0)] {
        let mut command = command(mode, &["pool::ends_late"]);
        let text = check(&command.env("GLEAK_OUT", &file).output().unwrap(), status);
        assert!(text.contains("gleak: the findings are lost: "), "{text}");
        assert_eq!(text.contains(&format!("the exit status is {status}")), status != 0, "{text}");
    }
}

#[test]
fn a_settle_time_that_is_not_understood_is_told_once() {
    let mut command = command("check", &["pool::drains"]);
    let text = check(&command.env("GLEAK_SETTLE_MS", "1s").output().unwrap(), 101);
    let line = "gleak: GLEAK_SETTLE_MS=\"1s\" is no number of milliseconds up to 86400000: ignored";
    assert_eq!(text.matches("GLEAK_SETTLE_MS").count(), 1, "{text}");
    assert!(text.contains(line), "{text}");
}

#[test]
fn a_deadlock_that_ends_the_process_is_evidence_too() {
    let (dumps, out) = (folder("at-exit-cycle"), folder("at-exit-cycle-out"));
    let mut deadlock = example("deadlock", &dumps);
    let output = deadlock.env("GLEAK", "check").env("GLEAK_OUT", &out).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let found = evidence(&out).findings;
    assert!(found.iter().any(|it| it.key.rule == Rule::Cycle), "{found:?}");
}
