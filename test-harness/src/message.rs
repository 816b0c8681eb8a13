//! What people read: the message of a failing test, and lines on stderr.
//!
//! Invariant: the first line of a message says what is the matter; tools show no more than that.

use std::time::Duration;

use gleak_runtime::JoinError;
use gleak_runtime::report::detector::render::{self, TextOptions};
use gleak_runtime::report::detector::{Report, shorten};

use crate::registry::{Registered, ShouldPanic};

/// What came of a body.
pub(crate) type Outcome = Result<Result<(), String>, JoinError>;

/// Beyond these the reader runs the test alone.
const FRAMES: usize = 16;

/// Writes for people. A closed stderr is no reason to fail.
#[expect(clippy::print_stderr, reason = "the one place where the harness talks to people itself")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// How reports are laid out: as wide as `COLUMNS` says, if it does.
pub(crate) fn layout() -> TextOptions {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let fits = columns.filter(|columns| (40..=400).contains(columns));
    let defaults = TextOptions::default();
    TextOptions { width: fits.unwrap_or(defaults.width), ..defaults }
}

/// A test that cannot end; `what` of it.
pub(crate) fn stuck(name: &str, what: &str, report: &Report) -> String {
    let text = render::failure(report, name, &layout());
    format!("Error: gleak: deadlock, {what} can never end\n\n{}", without_verdict(&text))
}

/// A test that has not ended in time; `what` of it. All that its tasks do, and a dump of the process.
pub(crate) fn late(what: &str, limit: Duration, report: &Report) -> String {
    let shown = TextOptions { group_stacks: true, ..layout() };
    let text = render::text(report, &shown);
    let dump = match gleak_runtime::dump() {
        Ok(path) => format!("dump written to {0}; read it with: gleak report {0}", path.display()),
        Err(error) => format!("no dump written: {error}"),
    };
    format!(
        "Error: gleak: {what} has not ended within {} ms\n\n{}\n\n{dump}",
        limit.as_millis(),
        without_verdict(&text)
    )
}

/// A report after its verdict, in place of which the caller has another. A blank line ends it: in a
/// narrow layout it takes two lines.
pub(crate) fn without_verdict(text: &str) -> &str {
    text.split_once("\n\n").map_or("", |(_, rest)| rest).trim_end()
}

/// A test that has ended; none when it passes.
pub(crate) fn ended(
    name: &str,
    test: &Registered,
    outcome: Outcome,
    cleaned: Result<(), JoinError>,
    report: &Report,
) -> Option<String> {
    let cleaned = cleaned.err().map(|error| format!("The clean-up {}", failed(error)));
    let own = match (of_body(test, outcome), cleaned) {
        (Some(own), Some(cleaned)) => Some(format!("{own}\n\nBesides:\n{cleaned}")),
        (own, cleaned) => own.or(cleaned),
    };
    if report.findings.is_empty() {
        return own;
    }
    let leaks = render::failure(report, name, &layout()).trim_end().to_owned();
    Some(match own {
        None => leaks,
        Some(own) => format!("{own}\n\nBesides:\n{leaks}"),
    })
}

fn of_body(test: &Registered, outcome: Outcome) -> Option<String> {
    match (test.should_panic, outcome) {
        (ShouldPanic::No, Ok(Ok(()))) => None,
        (_, Ok(Err(error))) => Some(format!("Error: {error}")),
        (ShouldPanic::Yes | ShouldPanic::With(_), Ok(Ok(()))) => {
            Some(format!("test did not panic as expected, at {}:{}", test.file, test.line))
        }
        (ShouldPanic::Yes, Err(error)) if error.is_panic() => None,
        (ShouldPanic::With(expected), Err(error)) if error.is_panic() => {
            let said = said(error);
            (!said.contains(expected)).then(|| {
                format!(
                    "panic did not contain expected string\n      panic message: {said:?}\n \
                     expected substring: {expected:?}"
                )
            })
        }
        (_, Err(error)) => Some(failed(error)),
    }
}

fn failed(error: JoinError) -> String {
    if !error.is_panic() {
        return format!("gleak: cannot start: {error}");
    }
    let mut stack = error.stack();
    // From there on it is the harness that called the test.
    if let Some(own) = stack.iter().position(|it| it.contains("gleak_test_harness::test_body::run"))
    {
        stack.truncate(own);
    }
    while stack.last().is_some_and(|it| it.contains("ops::function::FnOnce")) {
        stack.pop();
    }
    let more = stack.len().saturating_sub(FRAMES);
    stack.truncate(FRAMES);
    let mut lines = vec![format!("panicked: {}", said(error))];
    lines.extend(stack.iter().map(|frame| match frame.split_once(" at ") {
        Some((function, place)) => format!("  in {} at {place}", shorten(function)),
        None => format!("  in {}", shorten(frame)),
    }));
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines.join("\n")
}

/// The message of a panic.
fn said(error: JoinError) -> String {
    match error.into_panic() {
        Ok(payload) => match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
            (Some(text), _) => (*text).to_owned(),
            (None, Some(text)) => text.clone(),
            (None, None) => "(a payload that is not text)".to_owned(),
        },
        Err(error) => error.to_string(),
    }
}
