//! A test to run: what it is called, what it asks for, and how its body starts.
//!
//! There is one kind of it, wherever the test comes from: the attribute, a list, or libtest-mimic.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::adapter::Judge;
use crate::options::OnLeak;
use crate::test_body::{Start, Started};
use crate::wrapped::Wrapped;

/// What may be said for one test alone.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `#[ignore]`.
    pub ignored: bool,
    /// `#[should_panic]`.
    pub should_panic: ShouldPanic,
    /// Threads of its runtime.
    pub workers: Option<usize>,
    /// Its tasks run in an order that follows from this.
    pub seed: Option<u64>,
    /// Its own settle time.
    pub settle_ms: Option<u64>,
    /// When it must have ended.
    pub deadline_ms: Option<u64>,
    /// What a task that is left behind comes to.
    pub on_leak: Option<OnLeak>,
    /// Tasks that no finding is made on, as [`Options::ignore`](crate::Options::ignore) has them.
    pub ignore: Vec<String>,
    /// Called when the body has ended.
    pub cleanup: Option<fn()>,
}

/// What `#[should_panic]` says.
#[derive(Clone, Debug, Default)]
pub enum ShouldPanic {
    /// Nothing: a panic fails the test.
    #[default]
    No,
    /// The test must panic.
    Yes,
    /// The test must panic with a message that contains this.
    With(String),
}

/// Spawns a body.
pub(crate) type StartBody = Box<dyn FnOnce(Start<'_>) -> Started + Send>;

/// Runs a test on a runtime of others; the message of its failure.
pub(crate) type RunElsewhere = fn(&Judge<'_>) -> Result<(), String>;

/// How a test begins.
pub(crate) enum Begin {
    /// Its body is a task of ours.
    Here(StartBody),
    /// An adapter runs it.
    Elsewhere(RunElsewhere),
}

/// A test to run.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Where it is written down.
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) settings: Settings,
    pub(crate) begin: Begin,
}

/// Whose trial it is to libtest-mimic.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// One of ours.
    Own,
    /// None: it is the hook of the run, judged as a test is, and cannot be run again by itself.
    CleanUp,
    /// One that was made for it.
    Wrapped(Arc<Wrapped>),
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { name, kind, file, line, settings, begin: _ } = self;
        let mut it = f.debug_struct("Case");
        it.field("name", name).field("kind", kind).field("file", file).field("line", line);
        it.field("settings", settings).finish_non_exhaustive()
    }
}

impl Case {
    /// For one that knows no place of its own.
    pub(crate) fn placed(mut self, place: &'static Location<'static>) -> Case {
        if let Kind::Wrapped(wrapped) = &self.kind {
            (self.file, self.line) = (place.file(), place.line());
            let _ = wrapped.place.set(place);
        }
        self
    }

    /// A message about cases of one name: a filter must choose one test.
    ///
    /// # Errors
    /// With that message.
    pub(crate) fn sorted(mut cases: Vec<Case>) -> Result<Vec<Case>, String> {
        cases.sort_by(|a, b| (&a.name, a.file, a.line).cmp(&(&b.name, b.file, b.line)));
        let twice = cases.windows(2).filter(|pair| pair[0].name == pair[1].name).map(|pair| {
            let place = |case: &Case| format!("{}:{}", case.file, case.line);
            let (first, second) = (place(&pair[0]), place(&pair[1]));
            format!("gleak: two tests are named {}: {first} and {second}", pair[0].name)
        });
        let twice: Vec<String> = twice.collect();
        if twice.is_empty() { Ok(cases) } else { Err(twice.join("\n")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, line: u32) -> Case {
        Case {
            name: name.to_owned(),
            kind: Kind::Own,
            file: "tests/t.rs",
            line,
            settings: Settings::default(),
            begin: Begin::Here(Box::new(|_| panic!("never started"))),
        }
    }

    #[test]
    fn they_are_sorted_by_name() {
        let cases = Case::sorted(vec![case("b", 1), case("m::n::a", 2), case("a", 3)]).unwrap();
        let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "m::n::a"]);
    }

    #[test]
    fn a_name_used_twice_is_told_with_both_places() {
        assert_eq!(
            Case::sorted(vec![case("a", 9), case("b", 5), case("a", 3)]).unwrap_err(),
            "gleak: two tests are named a: tests/t.rs:3 and tests/t.rs:9"
        );
    }
}
