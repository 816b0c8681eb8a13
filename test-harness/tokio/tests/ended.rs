//! What a main of ours says of tokio's tasks that no test answers for, and of all of them when a signal or a
//! deadline ends a test.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use support::{Said, built, run};

fn outside(leave: &str) -> Said {
    run(Command::new(built("outside")).env("LEAVE", leave))
}

#[test]
fn a_task_of_no_test_fails_the_run_and_blames_none() {
    for (leave, name) in [("a_thread", "outside::listens"), ("later", "\"later\"")] {
        let said = outside(leave);
        assert_eq!(said.code, Some(101), "{}", said.text);
        for part in [
            "4 passed; 0 failed; 1 ignored",
            "gleak: 1 task belongs to no test; the run fails, and no test is to blame",
            "waiting to receive on channel",
            name,
            "spawn_background(..)",
        ] {
            assert!(said.text.contains(part), "{part:?} in {}", said.text);
        }
    }
}

#[test]
fn who_ends_or_is_meant_to_stay_is_no_stray() {
    let said = outside("");
    assert_eq!(said.code, Some(0), "{}", said.text);
    assert!(!said.text.contains("gleak:"), "{}", said.text);
}

#[test]
fn a_run_that_is_ended_says_what_tokios_tasks_do_and_dumps_them() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tokio-ended");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    // Killed when it hangs although it was told to end.
    let mut hangs = Command::new("timeout");
    hangs.args(["-s", "KILL", "100"]).arg(built("outside")).args(["--ignored", "hangs"]);
    hangs.env("GLEAK_DUMP_DIR", &folder).env("COLUMNS", "100").env_remove("GLEAK");
    let piped = hangs.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("timeout");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let pid = loop {
        let mut line = String::new();
        assert!(stdout.read_line(&mut line).expect("text") > 0, "it never hangs");
        if let Some((_, rest)) = line.split_once("it hangs in ") {
            break rest.trim().trim_end_matches('.').to_owned();
        }
    };
    let kill = format!("kill -TERM {pid}");
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    child.wait().expect("a child");
    let first = said.lines().next();
    assert_eq!(first, Some("Error: gleak: ended by SIGTERM while 1 test ran: hangs"), "{said}");
    for part in [
        "lock #",
        "outside::hangs",
        "or on more that was not recorded",
        "tests/outside.rs",
        "gleak: dump written to ",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    let dumps: Vec<_> = fs::read_dir(&folder).expect("a folder").flatten().collect();
    let texts = dumps.iter().map(|it| fs::read_to_string(it.path()).expect("text"));
    let with_them: Vec<String> = texts.filter(|it| it.contains("outside::_::hangs")).collect();
    assert_eq!(with_them.len(), 1, "{dumps:?}");
    assert!(with_them[0].contains("\"reason\":\"signal\""), "{}", with_them[0]);
}

#[test]
fn a_late_test_says_where_its_dump_is() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tokio-late");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    let mut late = Command::new(built("suite_main"));
    late.args(["--ignored", "is_late"]).env("GLEAK_DUMP_DIR", &folder);
    let said = run(&mut late);
    assert_eq!(said.code, Some(101), "{}", said.text);
    for part in ["Error: gleak: the test has not ended within 300 ms", "gleak: dump written to "] {
        assert!(said.text.contains(part), "{part:?} in {}", said.text);
    }
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1);
}
