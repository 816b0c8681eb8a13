//! A verdict on a stretch of code: for tests that have no attribute.
//!
//! Invariants:
//! 1. A guard is charged with what is spawned between its opening and its end by who opened it, and by
//!    the tasks of that: by nobody else.
//! 2. Its verdict is given once, by [`Guard::finish`] or when it is dropped.
//! 3. Who panics anyway is told what is left, and nothing is added to the panic. A task that panics keeps
//!    its worker from those that could still finish, so it does not wait for them, and is told of nobody
//!    who might.

use std::error::Error;
use std::fmt;
use std::panic::{Location, resume_unwind};
use std::time::Duration;

use gleak_runtime::report::detector::{Certainty, Ignore, Question, Report, can_go_on, render};
use gleak_runtime::report::snapshot::{RegionId, TaskId};
use gleak_runtime::report::{self, Look};
use gleak_runtime::time::Instant;
use gleak_runtime::{Region, RegionKind, region, sleep, task_id};

use crate::ledger::UnderWay;
use crate::options::OnLeak;
use crate::outsiders::Seen;
use crate::suite::Suite;
use crate::{exceptions, message, of_libtest, outsiders, test_body, verdict};

/// Answers for the tasks that are spawned while it is there. [`guard!`](crate::guard!) opens one.
///
/// ```no_run
/// # use gleak_runtime::spawn;
/// # fn work() {}
/// #[test]
/// fn all_of_it_ends() {
///     let _guard = gleak_test_harness::guard!();
///     spawn(work);
/// } // Fails here if a task is left that does not end within the settle time.
/// ```
///
/// Dropped, it fails the test by a panic with the report; where a panic is under way already, it only
/// prints. [`Guard::finish`] gives the report as a value.
///
/// It is for tests: with the first guard the process listens to the signals that end hanging ones. A
/// program asks [`report::find`](gleak_runtime::report::find) what is left.
///
/// Guards that are open in one task or thread end in reverse order. A body under
/// [`#[gleak_test_harness::test]`](macro@crate::test) needs none. Options of the run are those of the
/// test main; under libtest's own harness, the environment's.
#[derive(Debug)]
#[must_use = "its verdict is given when it goes"]
pub struct Guard {
    /// None once the verdict is given.
    open: Option<Opened>,
    name: String,
    /// The file in which it is opened.
    file: &'static str,
    suite: &'static Suite,
    settle: Option<Duration>,
    ignores: Vec<Ignore>,
}

#[derive(Debug)]
struct Opened {
    // In this order: who has entered leaves first.
    entered: region::Entered,
    region: Region,
    _under_way: UnderWay<'static>,
}

/// What a guard has found.
#[derive(Clone, Debug)]
pub struct Leaks {
    report: Box<Report>,
    message: String,
}

impl Leaks {
    /// None when there is nothing to fail for.
    pub(crate) fn of(suite: &Suite, test: &render::Test<'_>, report: Report) -> Option<Leaks> {
        let message = suite.failing(test, OnLeak::Fail, &report)?;
        Some(Leaks { report: Box::new(report), message })
    }

    /// All that is known of it.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The report in the format of `gleak report --format json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        render::json(&self.report)
    }
}

/// As a test that fails says it.
impl fmt::Display for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Leaks {}

impl Guard {
    /// From now on what the caller spawns is charged to this guard, whose name stands in reports.
    ///
    /// # Panics
    /// When a file of suppressions does not read, or no record is left: 16 million regions are open.
    #[track_caller]
    pub fn open(name: impl Into<String>) -> Guard {
        let suite = of_libtest::suite().unwrap_or_else(|error| panic!("{error}"));
        let name = name.into();
        let region = Region::open(RegionKind::Guard, &name);
        let under_way = suite.ledger.name(&name);
        let opened = Opened { entered: region.enter(), region, _under_way: under_way };
        let file = Location::caller().file();
        Guard { open: Some(opened), name, file, suite, settle: None, ignores: Vec::new() }
    }

    /// As [`Options::settle_ms`](crate::Options::settle_ms).
    pub fn settle_ms(mut self, limit: u64) -> Self {
        self.settle = Some(Duration::from_millis(limit));
        self
    }

    /// As [`Options::ignore`](crate::Options::ignore).
    ///
    /// # Panics
    /// When the text is not understood.
    #[track_caller]
    pub fn ignore(mut self, text: impl AsRef<str>) -> Self {
        let parsed = exceptions::parse(std::iter::once(text.as_ref()));
        self.ignores.extend(parsed.unwrap_or_else(|error| panic!("{error}")));
        self
    }

    /// Gives the verdict: waits for tasks that could still finish, within the settle time.
    ///
    /// # Errors
    /// What is left, or was done that is never right.
    pub fn finish(mut self) -> Result<(), Leaks> {
        self.verdict(true).map_or(Ok(()), Err)
    }

    /// None when nothing is found, or the verdict has been given already.
    fn verdict(&mut self, waits: bool) -> Option<Leaks> {
        let Opened { entered, region, _under_way } = self.open.take()?;
        drop(entered);
        let _thread = self.suite.ledger.wait_here();
        let ended = Instant::now();
        if waits && region.live() > 0 {
            self.settle(&region);
        }
        // Counted before the look: what was done last was done before the end.
        let settled_ns = verdict::ns_since(ended);
        let question = Question { settled_ns, ..self.suite.question(&region, &self.ignores) };
        let (mut report, seen) = self.suite.judge(&region, &question);
        if !waits {
            // A weak finding might be gone in a moment.
            report.findings.retain(|finding| finding.certainty <= Certainty::Strong);
        }
        self.suite.charge(&self.name, &region, &seen, &report);
        region.close();
        let told_of = message::test(&self.name, self.file, render::Charge::Guard);
        Leaks::of(self.suite, &told_of, report)
    }

    /// Waits for those that could finish. A task gives way meanwhile: others of its worker may be
    /// among those.
    fn settle(&self, region: &Region) {
        let own = task_id().map(TaskId);
        let pause = |time| match own {
            Some(_) => sleep(time),
            None => drop(region.wait_empty(time)),
        };
        let limit = self.settle.unwrap_or_else(|| self.suite.options.settle());
        let question = self.suite.question(region, &self.ignores);
        report::settle(limit, pause, || {
            if region.live() == 0 {
                return Look { may_finish: false, due: None, seen: () };
            }
            let mut seen = Seen::by(&self.suite.ledger, own);
            exceptions::add_stacks_for(&question.ignore, &mut seen.taken);
            let snapshot = seen.snapshot();
            let report = verdict::judge(snapshot, &question);
            let asked = verdict::tasks(report.groups.iter());
            let stuck = report.never_again();
            let left = || {
                let tasks = snapshot.tasks.iter();
                tasks.filter(|task| asked.contains(&task.id) && !stuck.contains(&task.id))
            };
            let may_finish = left().any(|task| seen.outsider.is_some() || can_go_on(task))
                || !outsiders::shows_all(snapshot, RegionId(region.id()));
            Look { may_finish, due: report::sleepers_due(snapshot, left()), seen: () }
        });
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let panics = std::thread::panicking();
        let waits = !panics || task_id().is_none();
        let Some(leaks) = self.verdict(waits) else { return };
        if panics {
            message::say(&format!("Besides:\n{leaks}\n"));
        } else {
            // Without the panic hook's words around it. A test's body says it with its end.
            if test_body::of_caller().is_none() {
                message::say(&leaks.message);
            }
            resume_unwind(Box::new(leaks.message));
        }
    }
}

/// The name of the function that this one, its inner one, stands in: as libtest has it.
#[must_use]
pub fn name_of<F>(_: F) -> String {
    let path = std::any::type_name::<F>();
    let path = path.rsplit_once("::").map_or(path, |(outer, _)| outer);
    let parts = path.split("::").skip(1).filter(|part| *part != "{{closure}}" && *part != "_");
    parts.collect::<Vec<_>>().join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_as_libtest_names_it() {
        fn here() {}
        assert_eq!(name_of(here), "guard::tests::a_function_is_named_as_libtest_names_it");
        let in_a_closure = || {
            fn here() {}
            name_of(here)
        };
        assert_eq!(in_a_closure(), name_of(here));
    }
}
