//! Source lines and width of what a process says of itself.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, UNIX_EPOCH};

use crate::programs::{folder, stderr};
use crate::support::program;

const LINE: &str = " | let mut to = to.lock().expect(\"no task panics here\");";

fn check(program: &mut Command) -> Output {
    program.env("GLEAK", "check").env("GLEAK_SETTLE_MS", "5000").env_remove("CARGO_MANIFEST_DIR");
    program.output().expect("the example was built")
}

/// At the exit, in these columns.
fn left(columns: &str) -> String {
    let mut program = program("left_behind");
    stderr(&check(program.args(["pool::drains"]).env("COLUMNS", columns)))
}

#[test]
fn the_hook_of_the_exit_is_as_wide_as_the_terminal() {
    for (columns, most) in [("60", 60), ("120", 120), ("wide", 100), ("7", 100)] {
        let text = left(columns);
        let lines = text.lines().skip(2).filter(|line| !line.contains(".rs:"));
        let longest = lines.map(|line| line.chars().count()).max().expect("findings");
        assert!(longest <= most && longest > most * 3 / 5, "{columns}: {longest}\n{text}");
    }
}

#[test]
fn a_deadlock_and_the_hook_of_the_exit_show_the_source() {
    let text = left("100");
    assert!(text.contains(" | drop(go! { jobs.recv() });\n") && text.contains("^^^^\n"), "{text}");
    assert!(text.contains("\n  intended?   spawn_background(..), or in a file"), "{text}");
    let text = stderr(&check(program("deadlock").env("GLEAK_DUMP_DIR", folder("shows-source"))));
    assert!(text.contains(LINE), "{text}");
}

#[test]
fn a_source_that_is_newer_than_the_program_is_not_shown() {
    let folder = folder("older-than-its-source");
    let old = folder.join("deadlock");
    fs::copy(program("deadlock").get_program(), &old).expect("a copy");
    let said = |written: Duration| {
        let file = File::options().append(true).open(&old).expect("the copy");
        file.set_modified(UNIX_EPOCH + written).expect("its time");
        drop(file);
        stderr(&check(Command::new(&old).env("GLEAK_DUMP_DIR", &folder)))
    };
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/deadlock.rs");
    let changed = fs::metadata(source).and_then(|file| file.modified()).expect("the source");
    let changed = changed.duration_since(UNIX_EPOCH).expect("a time");
    assert!(said(changed).contains(LINE));
    let text = said(changed - Duration::from_secs(1));
    assert!(text.contains("runtime/examples/deadlock.rs:16") && !text.contains(" | "), "{text}");
}
