//! All tests of a binary: listing, running, and what is said at the end.

use std::panic::Location;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;

use gleak_runtime::Region;
use gleak_runtime::report::detector::render::Test;
use gleak_runtime::report::detector::{Ignore, Question, Report, Scope};
use gleak_runtime::report::snapshot::{RegionId, Snapshot};
use gleak_runtime::report::{self, Detail};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::arguments::Asked;
use crate::case::{Begin, Case, Kind, Settings};
use crate::conclusion::{Ran, conclude};
use crate::exceptions::Exceptions;
use crate::ledger::Ledger;
use crate::options::{OnLeak, Options};
use crate::plain_threads::{KnownThreads, Threads};
use crate::stray::Known;
use crate::wrapped::{Said, Wrapped};
use crate::{exceptions, list, message, outsiders, registry, signals, test_body, trial, verdict};

/// What libtest exits with when a test fails.
pub(crate) const FAILED: u8 = 101;

/// What the hook of the main is called where tests have names.
const CLEAN_UP: &str = "clean-up";

/// What the trials of a run share.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) options: Options,
    pub(crate) exceptions: Exceptions,
    pub(crate) ledger: Ledger,
    /// OS threads that were there before the first test.
    pub(crate) known_threads: KnownThreads,
}

/// Whether `GLEAK` wants what is left counted, and nothing judged.
pub(crate) fn is_survey() -> bool {
    report::asked() == Some(report::Asked::Survey)
}

/// The suite of this process: of its main, or of libtest's. Guards belong to it as well.
static OF_PROCESS: OnceLock<Result<Arc<Suite>, String>> = OnceLock::new();

impl Suite {
    /// As the options and the environment say.
    ///
    /// # Errors
    /// One line on an exception that is not understood.
    pub(crate) fn new(options: Options) -> Result<Suite, String> {
        let exceptions = Exceptions::read(&options)?;
        Ok(Suite { options, exceptions, ledger: Ledger::new(), known_threads: KnownThreads::now() })
    }

    /// The verdict on a region that is over, and what it was given on. Nothing is looked at where nothing
    /// can be found: that is how a test that leaves nothing costs nothing.
    pub(crate) fn judge(&self, region: &Region, question: &Question) -> (Report, Snapshot) {
        if region.live() == 0 && !region.has_events() {
            let nothing = Snapshot::default();
            return (self.exceptions.judge(&nothing, question), nothing);
        }
        let mut taken = outsiders::look_at(RegionId(region.id()));
        exceptions::add_stacks_for(&question.ignore, &mut taken);
        let mut report = self.exceptions.judge(&taken.snapshot, question);
        if !report.findings.is_empty() {
            taken.add(Detail::REPORT);
            report = self.exceptions.judge(&taken.snapshot, question);
        }
        (report, taken.snapshot)
    }

    /// What is asked of a region, with the ignores of all tests first, as
    /// [`Exceptions::split`](crate::exceptions::Exceptions::split) has them.
    pub(crate) fn question<'i>(
        &'i self,
        region: &Region,
        own: impl IntoIterator<Item = &'i Ignore>,
    ) -> Question {
        let ignore = self.exceptions.ignores.iter().chain(own).cloned().collect();
        Question { scope: Scope::Region(RegionId(region.id())), ignore, ..Question::default() }
    }

    /// The verdict on a region of this name goes into the ledger.
    pub(crate) fn charge(&self, name: &str, region: &Region, seen: &Snapshot, report: &Report) {
        self.ledger.charge(name, RegionId(region.id()), seen, &report.findings);
        let (of_all, own) = self.exceptions.split(report);
        self.ledger.note(of_all, Some((name, own)));
    }

    /// What of the message on what a test has left fails it. Where all is only counted, nothing does but what was
    /// done that is never right.
    pub(crate) fn failing(
        &self,
        test: &Test<'_>,
        on_leak: OnLeak,
        report: &Report,
    ) -> Option<String> {
        let leaks = message::leaks(test, report)?;
        if is_survey() {
            self.ledger.count(test.name, report);
        }
        match on_leak {
            _ if !verdict::only_left(report) => Some(leaks),
            OnLeak::Fail | OnLeak::Warn if is_survey() => None,
            OnLeak::Fail => Some(leaks),
            OnLeak::Warn => {
                message::warn(test.name, &leaks);
                None
            }
        }
    }

    /// That of this process, which is made like this if there is none; from then on it listens to signals.
    pub(crate) fn of_process(
        make: impl FnOnce() -> Result<Suite, String>,
    ) -> Result<&'static Arc<Suite>, &'static str> {
        let made = || make().map(Arc::new).inspect(signals::watch);
        OF_PROCESS.get_or_init(made).as_ref().map_err(String::as_str)
    }
}

/// Runs the tests of this binary as its command line says, those under the attribute and those of the
/// list: what [`verify_no_leaks!`] calls.
///
/// The exit status stands in the [crate's documentation](crate).
///
/// [`verify_no_leaks!`]: crate::verify_no_leaks
#[track_caller]
pub fn run_tests<T: Into<list::Trial>>(
    options: Options,
    trials: impl IntoIterator<Item = T>,
) -> ExitCode {
    start(Asked::of_process(), options, trials, Location::caller())
}

/// As [`run_tests`], with arguments from somewhere else. The options are those of the first run of a
/// process.
#[track_caller]
pub fn run_tests_as<T: Into<list::Trial>>(
    arguments: &Arguments,
    options: Options,
    trials: impl IntoIterator<Item = T>,
) -> ExitCode {
    start(Asked::from(arguments.clone()), options, trials, Location::caller())
}

fn start<T: Into<list::Trial>>(
    asked: Asked,
    options: Options,
    trials: impl IntoIterator<Item = T>,
    here: &'static Location<'static>,
) -> ExitCode {
    let listed = trials.into_iter().map(|trial| trial.into().0.placed(here));
    let cases = match Case::sorted(registry::tests().chain(listed).collect()) {
        Ok(cases) => cases,
        Err(text) => return refuse(&text),
    };
    if asked.lists() {
        // It is not run, so it does not matter what it stands in.
        let (exceptions, ledger) = (Exceptions::default(), Ledger::new());
        let known_threads = KnownThreads::default();
        let suite = Arc::new(Suite { options, exceptions, ledger, known_threads });
        let trials: Vec<Trial> = cases.into_iter().map(|case| to_trial(case, &suite)).collect();
        return libtest_mimic::run(&asked.arguments(&trials), trials).exit_code();
    }
    match Suite::of_process(|| Suite::new(options)) {
        Ok(suite) => run(&asked, cases, suite),
        Err(text) => refuse(text),
    }
}

/// Nothing is run.
fn refuse(text: &str) -> ExitCode {
    message::say(text);
    ExitCode::from(FAILED)
}

fn run(asked: &Asked, cases: Vec<Case>, suite: &Arc<Suite>) -> ExitCode {
    let trials: Vec<Trial> = cases.into_iter().map(|case| to_trial(case, suite)).collect();
    let arguments = asked.arguments(&trials);
    let runs = |trial: &&Trial| !arguments.is_filtered_out(trial) && !arguments.is_ignored(trial);
    // As many threads as libtest-mimic takes.
    let width = arguments.test_threads.or_else(|| Some(available_parallelism().ok()?.get()));
    let planned = trials.iter().filter(runs).count();
    suite.ledger.plan(planned as u64, width.unwrap_or(1) as u64);
    let before = Known::now();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let unclean = suite.options.cleanup.and_then(|hook| clean_up(suite, hook));
    let ran = conclusion.num_passed + conclusion.num_failed;
    let all_ran = conclusion.num_filtered_out == 0 && conclusion.num_ignored == 0;
    let ran = Ran { tests: ran, all: all_ran };
    let red = conclude(suite, Some(&before), Threads::Judged, unclean, &ran);
    report::stand_down();
    if conclusion.has_failed() || red { ExitCode::from(FAILED) } else { ExitCode::SUCCESS }
}

/// The hook of the main, judged as a test is: what it leaves behind is a finding. A section for
/// stderr when it fails.
fn clean_up(suite: &Suite, hook: fn()) -> Option<String> {
    let nothing = Case {
        name: CLEAN_UP.to_owned(),
        kind: Kind::CleanUp,
        file: "",
        line: 0,
        settings: Settings { cleanup: Some(hook), ..Settings::default() },
        begin: Begin::Here(Box::new(|start| {
            let end = start.end();
            start.spawn(move || test_body::run(end, || ()))
        })),
    };
    let failed = trial::run(nothing, suite).err()?;
    Some(format!("gleak: the clean-up fails the run; no test is to blame\n\n{}", failed.trim_end()))
}

fn to_trial(case: Case, suite: &Arc<Suite>) -> Trial {
    let suite = Arc::clone(suite);
    let (name, ignored) = (case.name.clone(), case.settings.ignored);
    let trial = match &case.kind {
        Kind::Own | Kind::CleanUp => {
            Trial::test(name, move || trial::run(case, &suite).map_err(Failed::from))
        }
        Kind::Wrapped(wrapped) => wrapped_trial(name, Arc::clone(wrapped), case, suite),
    };
    trial.with_ignored_flag(ignored)
}

/// Looks to libtest-mimic like the one that is wrapped in it.
fn wrapped_trial(name: String, wrapped: Arc<Wrapped>, case: Case, suite: Arc<Suite>) -> Trial {
    let label = wrapped.label.clone();
    let is_bench = wrapped.is_bench;
    let run = move |measures: bool| -> Result<Said, Failed> {
        wrapped.measures.store(measures, Ordering::Relaxed);
        trial::run(case, &suite).map_err(Failed::from)?;
        Ok(wrapped.said())
    };
    let trial = if is_bench {
        Trial::bench(name, move |test_mode| match run(!test_mode)? {
            Said::Measured(measured) => Ok(Some(measured)),
            Said::Passed | Said::Ignored => Ok(None),
        })
    } else {
        Trial::ignorable_test(name, move || match run(false)? {
            Said::Ignored => Ok(Completion::ignored()),
            Said::Passed | Said::Measured(_) => Ok(Completion::Completed),
        })
    };
    trial.with_kind(label)
}
