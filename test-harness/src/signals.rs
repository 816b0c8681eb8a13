//! What a test run that hangs says before a signal ends it: which tests are under way, and what is certain of
//! all tasks. The runtime listens and tells (`docs/decisions/0011`).

use std::sync::Arc;

use gleak_runtime::report;
use gleak_runtime::report::detector::{Certainty, Question, Report};
use gleak_runtime::report::snapshot::Snapshot;

use crate::message;
use crate::suite::Suite;

/// Watches for signals from now on. Where that cannot be it is said, and tests run all the same.
pub(crate) fn watch(suite: &Arc<Suite>) {
    let judging = Arc::clone(suite);
    let watched = report::on_signals(move |came, snapshot| {
        let under_way = judging.ledger.under_way();
        (message::signalled(came, &under_way), judged(&judging, snapshot))
    });
    if let Err(error) = watched {
        message::say(&format!("gleak: a signal will end this run without a word: {error}"));
    }
}

/// What of the whole process is certain.
fn judged(suite: &Suite, snapshot: &Snapshot) -> Report {
    let mut report = suite.exceptions.judge(snapshot, &Question::default());
    // That tasks are alive is no finding: their tests have not ended.
    report.findings.retain(|finding| finding.certainty == Certainty::Certain);
    report
}
