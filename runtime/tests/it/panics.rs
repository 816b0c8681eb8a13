//! Panics in whole programs: whose they were, and who else is told.

use std::os::unix::process::ExitStatusExt;
use std::process::Output;

use crate::programs::{example, folder, stderr};

/// As every Linux numbers it.
const SIGABRT: i32 = 6;

fn panics(how: &str) -> (Output, String) {
    let mut program = example("panicking_tasks", &folder(&format!("panics-{how}")));
    let output = program.arg(how).output().expect("it runs");
    let text = stderr(&output);
    (output, text)
}

/// In the note below a panic of the example's task.
const WHOSE: &str = " \"worker\", spawned at runtime/examples/panicking_tasks.rs:";
const OF_A_TASK: &str = "note: that was task t";

#[test]
fn one_that_nobody_observes_is_named_all_the_same() {
    let (output, text) = panics("detached");
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("seen by nobody"), "{text}");
    let (_, whose) = text.split_once(OF_A_TASK).expect("a note");
    let (id, rest) = whose.split_once(", ").expect("its place");
    assert!(id.parse::<u64>().is_ok(), "{text}");
    assert!(rest.starts_with("spawned at runtime/examples/panicking_tasks.rs:"), "{text}");
}

#[test]
fn one_with_a_payload_that_is_no_text_is_named() {
    let (output, text) = panics("payload");
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(text.matches(WHOSE).count(), 1, "{text}");
}

#[test]
fn one_in_a_drop_while_another_unwinds_is_named_before_the_process_aborts() {
    let (output, text) = panics("nested");
    assert_eq!(output.status.signal(), Some(SIGABRT), "{text}");
    let [once, again] = ["\nonce\n", "\nagain\n"].map(|said| text.find(said).expect(said));
    assert!(once < again, "{text}");
    assert!(text.matches(WHOSE).count() >= 2, "{text}");
}

#[test]
fn one_of_a_thread_is_none_of_a_task() {
    let (output, text) = panics("thread");
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("of no task") && !text.contains(OF_A_TASK), "{text}");
}

#[test]
fn hooks_of_the_program_are_called_before_and_after() {
    let (output, text) = panics("hooks");
    assert_eq!(output.status.code(), Some(0), "{text}");
    let told = ["the hook after", "the hook before", "seen by all", WHOSE];
    let places = told.map(|it| text.find(it).unwrap_or_else(|| panic!("no {it:?} in {text}")));
    assert!(places.is_sorted(), "{text}");
    assert!(told.iter().all(|it| text.matches(it).count() == 1), "{text}");
}
