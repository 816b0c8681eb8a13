//! Tests that a main makes itself, one by one: from files, from a table.

use std::fmt;
use std::panic::Location;

use crate::case::{Begin, Case, Kind, Settings, ShouldPanic};
use crate::options::OnLeak;
use crate::test_body::{self, Outcome};
use crate::wrapped;

/// A test of a list; [`trial`] makes one. A [`libtest_mimic::Trial`] becomes one by `into()`.
#[must_use]
pub struct Trial(pub(crate) Case);

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trial").field(&self.0).finish()
    }
}

/// A test of this name with this body, for [`verify_no_leaks!`](crate::verify_no_leaks).
///
/// ```no_run
/// use gleak_test_harness::{Trial, trial};
///
/// fn parses(_file: &str) {}
///
/// fn of_files() -> Vec<Trial> {
///     let of_file = |file: &'static str| trial(format!("parses::{file}"), move || parses(file));
///     ["a.json", "b.json"].map(of_file).into()
/// }
///
/// gleak_test_harness::verify_no_leaks!(of_files(), settle_ms = 100);
/// ```
#[track_caller]
pub fn trial<F, R>(name: impl Into<String>, body: F) -> Trial
where
    F: FnOnce() -> R + Send + 'static,
    R: Outcome + 'static,
{
    let place = Location::caller();
    Trial(Case {
        name: name.into(),
        kind: Kind::Own,
        file: place.file(),
        line: place.line(),
        settings: Settings::default(),
        begin: Begin::Here(Box::new(move |start| {
            let end = start.end();
            start.spawn_for::<F>(place, move || test_body::run(end, body))
        })),
    })
}

impl From<libtest_mimic::Trial> for Trial {
    fn from(trial: libtest_mimic::Trial) -> Self {
        Trial(wrapped::case(trial))
    }
}

impl Trial {
    /// Runs only when asked for, as under `#[ignore]`.
    pub fn ignored(self, ignored: bool) -> Self {
        self.with(|it| it.ignored = ignored)
    }

    /// Fails unless the body panics, with a message that contains this.
    pub fn should_panic(self, expected: impl Into<String>) -> Self {
        let expected = expected.into();
        self.with(|it| it.should_panic = ShouldPanic::With(expected))
    }

    /// Threads of its runtime, 1 to 1024; with another number it fails.
    pub fn workers(self, count: usize) -> Self {
        self.with(|it| it.workers = Some(count))
    }

    /// Its tasks run on one thread, in an order that follows from this number.
    pub fn seed(self, seed: u64) -> Self {
        self.with(|it| it.seed = Some(seed))
    }

    /// As [`Options::settle_ms`](crate::Options::settle_ms).
    pub fn settle_ms(self, limit: u64) -> Self {
        self.with(|it| it.settle_ms = Some(limit))
    }

    /// As [`Options::deadline_ms`](crate::Options::deadline_ms).
    pub fn deadline_ms(self, limit: u64) -> Self {
        self.with(|it| it.deadline_ms = Some(limit))
    }

    /// As [`Options::on_leak`](crate::Options::on_leak).
    pub fn on_leak(self, what: OnLeak) -> Self {
        self.with(|it| it.on_leak = Some(what))
    }

    /// As [`Options::ignore`](crate::Options::ignore).
    pub fn ignore(self, text: impl Into<String>) -> Self {
        let text = text.into();
        self.with(|it| it.ignore.push(text))
    }

    /// Calls a function when the body has ended, also by a panic, before it is judged what is left.
    pub fn cleanup(self, hook: fn()) -> Self {
        self.with(|it| it.cleanup = Some(hook))
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.0.settings);
        self
    }
}
