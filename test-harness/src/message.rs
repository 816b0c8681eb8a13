//! What people read: the message of a failing test, and lines on stderr.
//!
//! Invariant: the first line of a message says what is the matter; tools show no more than that.

use std::io::Write;
use std::time::Duration;

use gleak_runtime::JoinError;
use gleak_runtime::report::detector::render::{self, Charge, Test, TextOptions};
use gleak_runtime::report::detector::{Report, shorten};
use gleak_runtime::report::{Came, in_full, layout, without_verdict};

use crate::binary;
use crate::case::{Settings, ShouldPanic};

/// What came of a body.
pub(crate) type Outcome = Result<Result<(), String>, JoinError>;

/// How a body has ended, whoever ran it.
#[derive(Debug)]
pub enum Body {
    /// It has returned.
    Returned(Result<(), String>),
    /// It has panicked: with these words, and what is told of that.
    Panicked {
        /// The words.
        said: String,
        /// Those, and where.
        told: String,
    },
    /// It has not begun.
    NotStarted(String),
}

impl From<Outcome> for Body {
    fn from(outcome: Outcome) -> Body {
        match outcome {
            Ok(returned) => Body::Returned(returned),
            Err(error) => Body::of(error),
        }
    }
}

impl Body {
    fn of(error: JoinError) -> Body {
        if !error.is_panic() {
            return Body::NotStarted(format!("gleak: cannot start: {error}"));
        }
        let stack = stack(&error);
        let said = said(error);
        Body::Panicked { told: told(&said, stack), said }
    }

    /// Of one that failed.
    fn failed(self) -> String {
        match self {
            Body::Returned(returned) => returned.err().unwrap_or_default(),
            Body::Panicked { told, .. } => told,
            Body::NotStarted(told) => told,
        }
    }
}

/// Beyond these the reader runs the test alone.
const FRAMES: usize = 16;

/// More tests than these are counted, not named.
const NAMES: usize = 16;

/// Writes for people. A closed stderr is no reason to fail.
#[expect(clippy::print_stderr, reason = "the one place where the harness talks to people itself")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// As [`say`], past libtest's capture, which threads inherit from the test that made them.
pub(crate) fn say_uncaptured(text: &str) {
    // A closed stderr is no reason to fail.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// What a message says of the test that it is about, which is written down in this file.
pub(crate) fn test<'t>(name: &'t str, file: &str, charge: Charge) -> Test<'t> {
    Test { name, binary: binary::arguments(file), charge }
}

/// A test that cannot end; `what` of it.
pub(crate) fn stuck(test: &Test<'_>, what: &str, report: &Report) -> String {
    let text = render::failure(report, test, &layout(report));
    format!("Error: gleak: deadlock, {what} can never end\n\n{}", without_verdict(&text))
}

/// A test that has not ended in time; `what` of it. All that its tasks do, and where the dump is.
pub(crate) fn late(what: &str, limit: Duration, report: &Report, dump: Option<&str>) -> String {
    late_with(what, limit, report, layout(report), dump)
}

fn late_with(
    what: &str,
    limit: Duration,
    report: &Report,
    layout: TextOptions,
    dump: Option<&str>,
) -> String {
    let head = format!("Error: gleak: {what} has not ended within {} ms", limit.as_millis());
    in_full(&head, report, layout, dump)
}

/// A signal came while these tests ran.
pub(crate) fn signalled(Came { signal, ends }: Came, under_way: &[String]) -> String {
    let head = match ends {
        true => format!("Error: gleak: ended by {signal}"),
        false => format!("gleak: {signal} came"),
    };
    let mut names: Vec<&str> = under_way.iter().map(String::as_str).take(NAMES).collect();
    let more = format!("{} more", under_way.len().saturating_sub(NAMES));
    names.extend((under_way.len() > NAMES).then_some(&*more));
    let ran = match under_way.len() {
        0 => "no test of gleak's ran".to_owned(),
        1 => format!("1 test ran: {}", names.join(", ")),
        count => format!("{count} tests ran: {}", names.join(", ")),
    };
    format!("{head} while {ran}")
}

/// How a test at this place has ended itself; none when it passes.
pub(crate) fn own(
    settings: &Settings,
    place: &str,
    body: Body,
    unclean: Option<JoinError>,
) -> Option<String> {
    let cleaned = unclean.map(|error| format!("The clean-up {}", Body::of(error).failed()));
    besides(of_body(settings, place, body), cleaned)
}

/// What a test has left; none when that is nothing.
pub(crate) fn leaks(test: &Test<'_>, report: &Report) -> Option<String> {
    if report.findings.is_empty() {
        return None;
    }
    Some(render::failure(report, test, &layout(report)).trim_end().to_owned())
}

/// Tells of leaks that fail nothing. Past the capture of libtest, which shows nothing of a test that
/// passes.
pub(crate) fn warn(name: &str, leaks: &str) {
    let leaks = leaks.strip_prefix("Error: gleak: ").unwrap_or(leaks);
    say_uncaptured(&format!("Warning: gleak: {name}: {leaks}\n"));
}

/// The first is what matters.
pub(crate) fn besides(first: Option<String>, second: Option<String>) -> Option<String> {
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("{first}\n\nBesides:\n{second}")),
        (first, second) => first.or(second),
    }
}

/// Whether the message tells of the panic that this has come to, or it is what the test is for.
pub(crate) fn tells(test: &Settings, outcome: &Outcome) -> bool {
    let said = outcome.as_ref().err().and_then(JoinError::message);
    match &test.should_panic {
        ShouldPanic::No | ShouldPanic::Yes => true,
        // Of another one it tells the words, and not the place.
        ShouldPanic::With(expected) => said.is_none_or(|said| said.contains(expected.as_str())),
    }
}

fn of_body(test: &Settings, place: &str, body: Body) -> Option<String> {
    match (&test.should_panic, body) {
        (ShouldPanic::No, Body::Returned(Ok(()))) => None,
        (_, Body::Returned(Err(error))) => Some(format!("Error: {error}")),
        (ShouldPanic::Yes | ShouldPanic::With(_), Body::Returned(Ok(()))) => {
            Some(format!("test did not panic as expected, at {place}"))
        }
        (ShouldPanic::Yes, Body::Panicked { .. }) => None,
        (ShouldPanic::With(expected), Body::Panicked { said, .. }) => {
            (!said.contains(expected.as_str())).then(|| {
                format!(
                    "panic did not contain expected string\n      panic message: {said:?}\n \
                     expected substring: {expected:?}"
                )
            })
        }
        (ShouldPanic::No, body @ Body::Panicked { .. }) | (_, body @ Body::NotStarted(_)) => {
            Some(body.failed())
        }
    }
}

/// Where a panic was, as far as that is the test's.
fn stack(error: &JoinError) -> Vec<String> {
    let mut stack = error.stack();
    // From there on it is the harness that called the test.
    if let Some(own) = stack.iter().position(|it| it.starts_with("gleak_test_harness::")) {
        stack.truncate(own);
    }
    while stack.last().is_some_and(|it| it.contains("ops::function::FnOnce")) {
        stack.pop();
    }
    stack
}

fn told(said: &str, mut stack: Vec<String>) -> String {
    let more = stack.len().saturating_sub(FRAMES);
    stack.truncate(FRAMES);
    let mut lines = vec![format!("panicked: {said}")];
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

#[cfg(test)]
mod tests {
    use gleak_runtime::report::detector::{Question, Scope, SourceLines, analyze};
    use gleak_runtime::report::snapshot::SnapshotBuilder;

    use super::*;

    const TEXT: &str = "\
        fn feed(jobs: &Chan<Job>, source: &Source) {\n    \
            while let Some(job) = source.next() {\n        \
                jobs.send(job);\n    \
            }\n\
        }\n";

    /// A feeder that waits for a queue, and one that still reads.
    fn ingest() -> Report {
        let mut b = SnapshotBuilder::new();
        b.taken_at(50_000_000);
        b.header_mut().program = "ingest".to_owned();
        let own = b.region("feeds_all");
        let jobs = b.channel("src/feed.rs:9:16", Some(2));
        b.object_mut(jobs).name = Some("jobs".to_owned());
        let feeder = b.task("src/feed.rs:12:9", "ingest::start::{{closure}}").region(own);
        let feeder = feeder.name("feeder").sends(jobs, "src/feed.rs:3:14").since(2_000_000);
        let stack =
            [("ingest::feed", "/ws/src/feed.rs:3"), ("ingest::start", "/ws/src/feed.rs:12")];
        let id = feeder.id();
        let stack = b.stack(&stack);
        let _ = b.task_mut(id).backtrace(stack);
        let _ = b.task("src/feed.rs:16:9", "ingest::read").region(own).running().id();
        let question = Question { scope: Scope::Region(own), ..Question::default() };
        // That they are alive is no finding: the test has not ended.
        Report { findings: Vec::new(), ..analyze(&b.build(), &question) }
    }

    #[test]
    fn a_late_test_says_what_all_its_tasks_do() {
        let report = ingest();
        let read = |path: &str| (path == "/ws/src/feed.rs").then(|| TEXT.into());
        let sources = SourceLines::of(&report, &[], read);
        let dump =
            "gleak: dump written to gleak-7-1.ndjson; read it with: gleak report gleak-7-1.ndjson";
        for width in [80, 120] {
            let layout = TextOptions { width, sources: sources.clone(), ..TextOptions::default() };
            let limit = Duration::from_millis(50);
            let message = late_with("the test", limit, &report, layout, Some(dump)) + "\n";
            let path = format!("{}/tests/golden/late-{width}.txt", env!("CARGO_MANIFEST_DIR"));
            if std::env::var_os("BLESS").is_some() {
                std::fs::write(&path, &message).unwrap();
            }
            assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), message, "BLESS=1");
        }
    }
}
