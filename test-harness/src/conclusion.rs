//! The end of a run: what belongs to no test, what was cut off, what was counted, and the file of findings.
//!
//! Invariant: where `GLEAK` wants a survey, what is left makes nothing red.

use gleak_runtime::report::detector::survey::Survey;
use gleak_runtime::report::detector::{Report, render};
use gleak_runtime::report::{self, Asked, CutOff, layout};

use crate::plain_threads::{self, Left, Threads};
use crate::stray::{Known, Strays};
use crate::suite::{Suite, is_survey};
use crate::{exceptions, message, stray};

/// How much of a suite ran.
pub(crate) struct Ran {
    pub(crate) tests: u64,
    /// Every test of the binary.
    pub(crate) all: bool,
}

/// After the last test: judges what belongs to none, says what there is to say, and writes the findings.
/// `before` is what was there before the first test; none where nobody asks for what belongs to none.
/// `unclean` is what the clean-up has come to. Whether that makes the run red.
pub(crate) fn conclude(
    suite: &Suite,
    before: Option<&Known>,
    threads: Threads,
    unclean: Option<String>,
    ran: &Ran,
) -> bool {
    let strays = before.map(|before| stray::judge(suite, before));
    if let Some(strays) = &strays {
        suite.ledger.note(suite.exceptions.split(&strays.report).0, None);
    }
    let threads = plain_threads::left(suite, threads);
    if let Some(threads) = &threads {
        suite.ledger.note(threads.exceptions.clone(), None);
    }
    let of_threads = threads.as_ref().and_then(Left::section);
    let cut_off = report::asked().map(|_| report::cut_off());
    let counted = is_survey().then(|| counted(suite, strays.as_ref(), cut_off.as_ref()));
    let section = strays.as_ref().filter(|_| counted.is_none());
    let section = section.and_then(|strays| stray::section(&strays.report));
    let left = cut_off.as_ref().filter(|_| counted.is_none()).and_then(|it| told(&it.report));
    let table = counted.as_ref().map(|it| report::surveyed(it, &suite.ledger.exceptions().0));
    let sections =
        unclean.iter().chain(&section).chain(&left).chain(&of_threads).chain(&table).cloned();
    sections.chain(unused(suite, ran.all)).for_each(|text| message::say(&text));
    let checks = matches!(report::asked(), Some(Asked::Check(_)));
    let mut findings = suite.ledger.findings();
    findings.extend(strays.into_iter().flat_map(|strays| strays.report.findings));
    findings.extend(cut_off.into_iter().flat_map(|cut_off| cut_off.report.findings));
    let lost = report::write_evidence(ran.tests, findings, &counted.unwrap_or_default());
    let lost = lost.map_err(|text| message::say(&text));
    let threads_fail = threads.as_ref().is_some_and(Left::fails);
    unclean.is_some()
        || threads_fail
        || section.is_some()
        || left.is_some() && checks
        || lost.is_err()
}

/// All that was left, by whatever.
fn counted(suite: &Suite, strays: Option<&Strays>, cut_off: Option<&CutOff>) -> Survey {
    let mut survey = suite.ledger.survey();
    let others = strays.map(|it| &it.survey).into_iter().chain(cut_off.map(|it| &it.survey));
    others.for_each(|other| survey.join(other));
    survey
}

/// What is told of what was cut off; none when that is nothing.
fn told(report: &Report) -> Option<String> {
    let text = || render::left(report, &layout(report)).trim_end().to_owned();
    (!report.findings.is_empty()).then(text)
}

/// What is said of exceptions that took nothing. Those for all tests may be for one that did not run.
fn unused(suite: &Suite, all_ran: bool) -> Vec<String> {
    let (of_all, own) = suite.ledger.exceptions();
    let of_all = if all_ran { exceptions::unused("", &of_all) } else { Vec::new() };
    let own = own.iter().flat_map(|(test, own)| exceptions::unused(&format!("{test}: "), own));
    of_all.into_iter().chain(own).collect()
}
