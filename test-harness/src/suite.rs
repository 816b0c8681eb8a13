//! All tests of a binary: listing, running, and what is said at the end.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;

use gleak_runtime::report;
use gleak_runtime::report::detector::findings_file::Source;
use gleak_runtime::report::snapshot::TaskId;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::exceptions::Exceptions;
use crate::ledger::Ledger;
use crate::options::Options;
use crate::registry::{self, Registered, ShouldPanic};
use crate::{evidence, exceptions, message, stray, test_body, trial};

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
}

/// Runs the tests of this binary as its command line says: what [`verify_no_leaks!`] calls.
///
/// The exit status stands in the [crate's documentation](crate).
///
/// [`verify_no_leaks!`]: crate::verify_no_leaks
pub fn run_tests(options: Options) -> ExitCode {
    let arguments = Arguments::from_args();
    let tests = match registry::tests() {
        Ok(tests) => tests,
        Err(text) => {
            message::say(&text);
            return ExitCode::from(FAILED);
        }
    };
    let exceptions = match Exceptions::read(&options) {
        Ok(exceptions) => exceptions,
        Err(_) if arguments.list => Exceptions::default(),
        Err(text) => {
            message::say(&text);
            return ExitCode::from(FAILED);
        }
    };
    let suite = Arc::new(Suite { options, exceptions, ledger: Ledger::new() });
    let trials: Vec<Trial> =
        tests.into_iter().map(|(name, test)| to_trial(name, test, &suite)).collect();
    if arguments.list {
        return libtest_mimic::run(&arguments, trials).exit_code();
    }
    let runs = |trial: &&Trial| !arguments.is_filtered_out(trial) && !arguments.is_ignored(trial);
    // As many threads as libtest-mimic takes.
    let width = arguments.test_threads.or_else(|| Some(available_parallelism().ok()?.get()));
    let planned = trials.iter().filter(runs).count();
    suite.ledger.plan(planned as u64, width.unwrap_or(1) as u64);
    let before = stray::known();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let unclean = suite.options.cleanup.and_then(|hook| clean_up(&suite, hook));
    let ran = conclusion.num_passed + conclusion.num_failed;
    let all_ran = conclusion.num_filtered_out == 0 && conclusion.num_ignored == 0;
    let red = conclude(&suite, &before, unclean, &Ran { tests: ran, all: all_ran });
    report::stand_down();
    if conclusion.has_failed() || red { ExitCode::from(FAILED) } else { ExitCode::SUCCESS }
}

/// How much of a suite ran.
pub(crate) struct Ran {
    pub(crate) tests: u64,
    /// Every test of the binary.
    pub(crate) all: bool,
}

/// After the last test: judges what belongs to none, says what there is to say, and writes the findings.
/// `unclean` is what the clean-up has come to. Whether that makes the run red.
pub(crate) fn conclude(
    suite: &Suite,
    before: &BTreeSet<TaskId>,
    unclean: Option<String>,
    ran: &Ran,
) -> bool {
    let strays = stray::judge(suite, before);
    suite.ledger.note(suite.exceptions.split(&strays).0, None);
    let section = stray::section(&strays);
    let sections = unclean.iter().chain(&section).cloned();
    sections.chain(unused(suite, ran.all)).for_each(|text| message::say(&text));
    let mut findings = suite.ledger.findings();
    findings.extend(strays.findings);
    let lost = write_evidence(ran.tests, findings);
    unclean.is_some() || section.is_some() || lost.is_err()
}

/// The hook of the main, judged as a test is: what it leaves behind is a finding. A section for
/// stderr when it fails.
fn clean_up(suite: &Suite, hook: fn()) -> Option<String> {
    let nothing = Registered {
        module: "",
        name: CLEAN_UP,
        file: "",
        line: 0,
        ignored: false,
        should_panic: ShouldPanic::No,
        workers: None,
        settle_ms: None,
        deadline_ms: None,
        ignore: &[],
        cleanup: Some(hook),
        start: |start| {
            let end = start.end();
            start.spawn(move || test_body::run(end, || ()))
        },
    };
    let failed = trial::run(CLEAN_UP, &nothing, suite).err()?;
    // It has no name by which it could be run again.
    let lines: Vec<&str> = failed.lines().filter(|line| !line.starts_with("  again ")).collect();
    let failed = lines.join("\n");
    Some(format!("gleak: the clean-up fails the run; no test is to blame\n\n{}", failed.trim_end()))
}

/// What is said of exceptions that took nothing. Those for all tests may be for one that did not run.
fn unused(suite: &Suite, all_ran: bool) -> Vec<String> {
    let (of_all, own) = suite.ledger.exceptions();
    let of_all = if all_ran { exceptions::unused("", &of_all) } else { Vec::new() };
    let own = own.iter().flat_map(|(test, own)| exceptions::unused(&format!("{test}: "), own));
    of_all.into_iter().chain(own).collect()
}

fn to_trial(name: String, test: &'static Registered, suite: &Arc<Suite>) -> Trial {
    let (suite, own_name) = (Arc::clone(suite), name.clone());
    let run = move || trial::run(&own_name, test, &suite).map_err(Failed::from);
    Trial::test(name, run).with_ignored_flag(test.ignored)
}

struct Lost;

/// Where `GLEAK_OUT` says. A run whose findings are lost must not look like one without findings.
fn write_evidence(tests: u64, findings: Vec<report::detector::Finding>) -> Result<(), Lost> {
    let Some(folder) = std::env::var_os("GLEAK_OUT").filter(|folder| !folder.is_empty()) else {
        return Ok(());
    };
    let header = report::snapshot().header;
    let source = Source {
        program: header.program,
        pid: header.pid,
        tests,
        spawned: header.counters.spawned,
    };
    evidence::write(&PathBuf::from(folder), source, findings).map_err(|text| {
        message::say(&text);
        Lost
    })
}
