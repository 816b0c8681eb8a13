//! All tests of a binary: listing, running, and what is said at the end.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;

use gleak_runtime::report;
use gleak_runtime::report::detector::findings_file::Source;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::ledger::Ledger;
use crate::options::Options;
use crate::registry::{self, Registered};
use crate::{evidence, message, stray, trial};

/// What libtest exits with when a test fails.
const FAILED: u8 = 101;

/// What the trials of a run share.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) options: Options,
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
    let suite = Arc::new(Suite { options, ledger: Ledger::new() });
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
    let strays = stray::judge(&suite, &before);
    let section = stray::section(&strays);
    if let Some(text) = &section {
        message::say(text);
    }
    let mut findings = suite.ledger.findings();
    findings.extend(strays.findings);
    let ran = conclusion.num_passed + conclusion.num_failed;
    let lost = write_evidence(ran, findings);
    report::stand_down();
    if conclusion.has_failed() || section.is_some() || lost.is_err() {
        return ExitCode::from(FAILED);
    }
    ExitCode::SUCCESS
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
