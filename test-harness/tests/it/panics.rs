//! How panics are told where nothing captures what tests print.

use crate::support::{Said, example, run};

/// Runs this test alone: what stands on stderr.
#[track_caller]
fn alone(test: &str, code: i32) -> Said {
    let said = run(example("panics").args([test, "--exact"]));
    assert_eq!(said.code, Some(code), "{said:#?}");
    said
}

const NOTE: &str =
    "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";

/// Stderr of a test that says nothing besides this.
#[track_caller]
fn says(said: &Said, who: &str, place: &str, words: &str) {
    let head = format!(" {who} panicked at test-harness/examples/panics.rs:{place}");
    let (task, rest) = said.stderr.split_once(&head).unwrap_or_else(|| panic!("{said:#?}"));
    let column = rest.strip_suffix(&format!(":\n{words}\n{NOTE}"));
    assert!(task.starts_with("task t") && task.lines().count() == 1, "{said:#?}");
    assert!(column.is_some_and(|column| column.parse::<u32>().is_ok()), "{said:#?}");
}

#[test]
fn what_the_message_tells_or_nobody_needs_is_not_told_besides() {
    assert_eq!(alone("as_it_should", 0).stderr, "");
    let told = alone("told_by_the_message", 101);
    assert_eq!(told.stderr, "");
    assert!(told.message("told_by_the_message").starts_with("panicked: words of the message"));
}

#[test]
fn what_the_message_does_not_tell_is_told_in_lines_of_its_own() {
    let check = |test: &str, code: i32, who: &str, place: &str, words: &str| {
        says(&alone(test, code), who, place, words);
    };
    check("caught_by_the_body", 0, "\"caught_by_the_body\"", "15:", "words of the caught one");
    check("of_a_task", 0, "\"worker\"", "20:", "words of a task");
    check("of_a_helper", 0, "\"lends\"", "26:", "words of a helper");
    check("with_other_words", 101, "\"with_other_words\"", "38:", "other words");
    let test = "unwinds_into_a_deadlock";
    check(test, 101, &format!("\"{test}\""), "53:", "words before the end");
}

#[test]
fn a_stack_is_told_on_request() {
    let mut command = example("panics");
    let said = run(command.args(["of_a_task", "--exact"]).env("RUST_BACKTRACE", "1"));
    let stack = said.stderr.split_once(":\nwords of a task\nstack backtrace:\n   0: ");
    let (_, stack) = stack.unwrap_or_else(|| panic!("{said:#?}"));
    assert!(stack.contains("of_a_task::{{closure}}\n             at "), "{stack}");
    assert!(stack.ends_with("test-harness/examples/panics.rs:20\n"), "{stack}");
}

#[test]
fn what_is_kept_is_told_before_the_process_is_aborted() {
    let said = run(example("panics").args(["ends_the_process", "--exact", "--ignored"]));
    assert_eq!(said.code, None, "by a signal: {said:#?}");
    let places = ["words before the fatal ones", "words on the way out", "panic in a destructor"]
        .map(|words| said.stderr.find(words).unwrap_or_else(|| panic!("{words}: {said:#?}")));
    assert!(places.is_sorted(), "{said:#?}");
}
