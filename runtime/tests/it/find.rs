//! `report::find` and `verify_none`: what is left beside who asks.

use std::path::Path;
use std::process::Command;

use crate::support::program;

fn looks_around() -> Command {
    let mut command = program("looks_around");
    command.env("COLUMNS", "100").env_remove("GLEAK").env_remove("GLEAK_SUPPRESS");
    command
}

#[test]
fn who_asks_is_told_of_the_others() {
    let output = looks_around().output().expect("the example runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = said.lines().collect();
    let wanted = ["asked by a task: Some(0)", "outlived: 1 task", "cut off with main: 1 finding"];
    assert_eq!(lines, wanted, "{output:?}");
}

#[test]
fn verify_none_panics_with_the_report() {
    let output = looks_around().output().expect("the example runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let at = said.find("panicked at runtime/examples/looks_around.rs:").expect("its own place");
    assert!(said[at..].contains("Error: gleak: 1 task is still there (1 group)"), "{said}");
    assert!(said[at..].contains("spawned  runtime/examples/looks_around.rs:17"), "{said}");
    assert_eq!(output.status.code(), Some(101));
}

#[test]
fn suppressed_findings_are_none() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("looks-around-known.txt");
    std::fs::write(&file, "entry=looks_around::main because it is known\n").expect("a file");
    let output = looks_around().env("GLEAK_SUPPRESS", &file).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
}
