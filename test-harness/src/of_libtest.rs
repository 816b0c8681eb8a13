//! Tests under libtest's own harness: each is judged when it ends, and what belongs to none of them
//! when the process exits.
//!
//! Libtest runs each test on a thread of its own and tells nobody how many there are, nor when it is
//! done. So the suite is made by the first test, counts on others that have not started, and is
//! concluded by the hook of the exit.
//!
//! Invariant: an error here fails the test that met it, by libtest's own way: what a test prints is
//! printed by its own thread, so that libtest shows it with the test.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use gleak_runtime::report;

use crate::conclusion::{Ran, conclude};
use crate::options::Options;
use crate::plain_threads::Threads;
use crate::stray::Known;
use crate::suite::{FAILED, Suite};
use crate::{message, registry, trial};

/// What a test of libtest's returns.
pub type OfLibtest = Result<(), Failure>;

/// Why a test failed. Libtest prints `Error: ` and this.
pub struct Failure(String);

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.strip_prefix("Error: ").unwrap_or(&self.0))
    }
}

/// Whether a test under the attribute has run: then what belongs to none is judged as well.
static HAS_TESTS: AtomicBool = AtomicBool::new(false);

/// Runs the registered test of this name.
///
/// # Errors
/// When it fails.
pub fn of_libtest(module: &str, name: &str) -> OfLibtest {
    let suite = suite().map_err(|text| Failure(text.to_owned()))?;
    HAS_TESTS.store(true, Ordering::Relaxed);
    let case = registry::find(module, name);
    let case = case.ok_or_else(|| Failure(format!("gleak: {module}::{name} is not registered")))?;
    trial::run(case, suite).map_err(Failure)
}

/// The suite of a process whose main is not ours.
pub(crate) fn suite() -> Result<&'static Suite, &'static str> {
    let made = Suite::of_process(|| {
        let suite = Suite::new(Options::default())?;
        suite.ledger.note_main_thread();
        // Whatever has started, another one may start.
        suite.ledger.plan(u64::MAX, u64::MAX);
        report::on_exit(at_exit);
        Ok(suite)
    });
    made.map(|suite| &**suite)
}

/// The process exits. The status that it must have, if that is another one.
fn at_exit() -> Option<u8> {
    let Ok(suite) = suite() else { return None };
    suite.ledger.note_thread();
    let ran = Ran { tests: suite.ledger.started(), all: false };
    // Guards alone answer for themselves, unless somebody asks for the whole process. Nobody spawns
    // before libtest does.
    let nobody = Known::default();
    let before = (HAS_TESTS.load(Ordering::Relaxed) || report::is_asked()).then_some(&nobody);
    // Nobody could say there which are meant to stay, so they are only told to who asks.
    let threads = if report::is_asked() { Threads::Told } else { Threads::Left };
    let red = conclude(suite, before, threads, None, &ran);
    if red {
        message::say("gleak: so the run fails, whatever the tests said");
    }
    red.then_some(FAILED)
}
