//! What the adapter of another runtime needs of the harness: the settings of a test or guard, and the
//! judgement, the message and the evidence that a test of ours gets as well.
//!
//! An adapter brings snapshots; it neither judges nor prints. No promise is made of this to others.
//!
//! Invariant: tasks of other runtimes have numbers of their own, so that none of them is ever looked up
//! among ours.

use std::time::Duration;

use gleak_runtime::report::detector::render::{Charge, Test};
use gleak_runtime::report::detector::{Ignore, Question, Report, Scope};
use gleak_runtime::report::dumped;
use gleak_runtime::report::snapshot::{RegionId, Snapshot};

pub use gleak_runtime::report::{Other, also, is_asked};

pub use crate::message::Body;
pub use crate::test_body::Outcome;

use crate::case::Settings;
use crate::guard::Leaks;
use crate::message::{self, say};
use crate::suite::Suite;
use crate::verdict::{self, Others};
use crate::{exceptions, of_libtest};

/// Judges one test or guard.
#[derive(Debug)]
pub struct Judge<'s> {
    pub(crate) suite: &'s Suite,
    pub(crate) name: String,
    /// Where it is written down.
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) settings: Settings,
    /// The test's own.
    pub(crate) ignores: Vec<Ignore>,
    pub(crate) charge: Charge,
}

impl Judge<'static> {
    /// For a guard of this name, in this file.
    ///
    /// # Errors
    /// A file of suppressions, or an ignore, that is not understood.
    pub fn guard(
        name: &str,
        file: &'static str,
        settle: Option<Duration>,
        ignores: &[String],
    ) -> Result<Self, String> {
        let suite = of_libtest::suite()?;
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let settings = Settings { settle_ms: settle.map(millis), ..Settings::default() };
        Ok(Judge {
            suite,
            name: name.to_owned(),
            file,
            line: 0,
            settings,
            ignores: exceptions::parse(ignores.iter().map(String::as_str))?,
            charge: Charge::Guard,
        })
    }
}

impl Judge<'_> {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For how long tasks that could still finish are waited for.
    #[must_use]
    pub fn settle(&self) -> Duration {
        let own = self.settings.settle_ms.map(Duration::from_millis);
        own.unwrap_or_else(|| self.suite.options.settle())
    }

    /// Within what time its body must have ended.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.settings.deadline_ms.map(Duration::from_millis).or(self.suite.options.deadline)
    }

    /// What is called when the body has ended.
    #[must_use]
    pub fn cleanup(&self) -> Option<fn()> {
        self.settings.cleanup
    }

    /// The report on what its region has left, less what is excepted.
    #[must_use]
    pub fn judge(&self, snapshot: &Snapshot, region: RegionId, settled: Duration) -> Report {
        let ignore = self.suite.exceptions.ignores.iter().chain(&self.ignores).cloned().collect();
        let settled_ns = u64::try_from(settled.as_nanos()).unwrap_or(u64::MAX);
        let scope = Scope::Region(region);
        let question = Question { scope, ignore, settled_ns, ..Question::default() };
        self.suite.exceptions.judge(snapshot, &question)
    }

    /// Whether a task of the region, which is over, could still finish: one that is not ignored, and that
    /// no certain finding holds up.
    #[must_use]
    pub fn may_finish(&self, snapshot: &Snapshot, region: RegionId) -> bool {
        let asked = verdict::tasks(self.judge(snapshot, region, Duration::ZERO).groups.iter());
        let plain = Question { scope: Scope::Region(region), ..Question::default() };
        let stuck = verdict::judge(snapshot, &plain).never_again();
        snapshot.tasks.iter().any(|task| asked.contains(&task.id) && !stuck.contains(&task.id))
    }

    /// The report on a body that has not ended, if it is certain that it cannot.
    #[must_use]
    pub fn judge_unended(&self, snapshot: &Snapshot, region: RegionId) -> Option<Report> {
        verdict::of_unended(self.judge(snapshot, region, Duration::ZERO), Others::Act)
    }

    /// Takes down what was found.
    pub fn charge(&self, report: &Report) {
        self.suite.ledger.found(&self.name, &report.findings);
        let (of_all, own) = self.suite.exceptions.split(report);
        self.suite.ledger.note(of_all, Some((&self.name, own)));
    }

    /// The message of a test that cannot end.
    #[must_use]
    pub fn stuck(&self, report: &Report) -> String {
        message::stuck(&self.told_of(), "the test", report)
    }

    /// The message of a test that has not ended in time, and a dump of what everybody does.
    #[must_use]
    pub fn late(&self, limit: Duration, report: &Report, snapshot: &Snapshot) -> String {
        message::late("the test", limit, report, dumped(snapshot).as_deref())
    }

    /// The message of a test that has ended; none when it passes.
    #[must_use]
    pub fn verdict(&self, body: Body, unclean: Option<String>, report: &Report) -> Option<String> {
        let place = format!("{}:{}", self.file, self.line);
        let own = message::own(&self.settings, &place, body, None);
        let unclean = unclean.map(|said| format!("The clean-up panicked: {said}"));
        let own = message::besides(own, unclean);
        let on_leak = self.settings.on_leak.unwrap_or(self.suite.options.on_leak);
        message::besides(own, self.suite.failing(&self.told_of(), on_leak, report))
    }

    /// The message of a guard; none when it has nothing to fail for.
    #[must_use]
    pub fn leaks(&self, report: Report) -> Option<Leaks> {
        Leaks::of(self.suite, &self.told_of(), report)
    }

    /// Says something to people.
    pub fn say(&self, text: &str) {
        say(&format!("gleak: {}: {text}", self.name));
    }

    /// Counts among the tests of the run: for guards.
    pub fn count(&self) {
        drop(self.suite.ledger.wait_here());
    }

    fn told_of(&self) -> Test<'_> {
        message::test(&self.name, self.file, self.charge)
    }
}
