//! Tests under libtest's own harness: each is judged when it ends, and what belongs to none of them
//! when the process exits.
//!
//! Libtest runs each test on a thread of its own and tells nobody how many there are, nor when it is
//! done. So the suite is made by the first test, counts on others that have not started, and is
//! concluded by the hook of the exit.
//!
//! Invariant: an error here fails the test that met it, by libtest's own way: what a test prints is
//! printed by its own thread, so that libtest shows it with the test.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::OnceLock;

use gleak_runtime::report;
use gleak_runtime::report::snapshot::TaskId;

use crate::exceptions::Exceptions;
use crate::ledger::Ledger;
use crate::options::Options;
use crate::suite::{FAILED, Ran, Suite, conclude};
use crate::{message, registry, stray, trial};

/// What a test of libtest's returns.
pub type OfLibtest = Result<(), Failure>;

/// Why a test failed. Libtest prints `Error: ` and this.
pub struct Failure(String);

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.strip_prefix("Error: ").unwrap_or(&self.0))
    }
}

/// The suite of a process, and the tasks that were there before it.
struct Process {
    suite: Suite,
    before: BTreeSet<TaskId>,
}

static PROCESS: OnceLock<Result<Process, String>> = OnceLock::new();

/// Runs the registered test of this name.
///
/// # Errors
/// When it fails.
pub fn of_libtest(module: &str, name: &str) -> OfLibtest {
    let process = process().map_err(|text| Failure(text.to_owned()))?;
    let test = registry::find(module, name);
    let test = test.ok_or_else(|| Failure(format!("gleak: {module}::{name} is not registered")))?;
    trial::run(&test.path(), test, &process.suite).map_err(Failure)
}

fn process() -> Result<&'static Process, &'static str> {
    let made = PROCESS.get_or_init(|| {
        let options = Options::default();
        let exceptions = Exceptions::read(&options)?;
        let suite = Suite { options, exceptions, ledger: Ledger::new() };
        suite.ledger.note_main_thread();
        // Whatever has started, another one may start.
        suite.ledger.plan(u64::MAX, u64::MAX);
        let before = stray::known();
        report::on_exit(at_exit);
        Ok(Process { suite, before })
    });
    made.as_ref().map_err(String::as_str)
}

/// The process exits. The status that it must have, if that is another one.
fn at_exit() -> Option<u8> {
    let Some(Ok(Process { suite, before })) = PROCESS.get() else { return None };
    suite.ledger.note_thread();
    let ran = Ran { tests: suite.ledger.started(), all: false };
    let red = conclude(suite, before, None, &ran);
    if red {
        message::say("gleak: so the run fails, whatever the tests said");
    }
    red.then_some(FAILED)
}
