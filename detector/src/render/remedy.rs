//! What to do: where to start, and what to write when a task is meant to stay.
//!
//! Invariant: nothing is proposed that would not help: a start only where others wait behind it, an
//! exception only for tasks that are left over.

use gleak_snapshot::WaiterKind;

use super::crowd::Crowd;
use super::page::{Page, Style, clean, columns};
use super::{Charge, Test};
use crate::{Finding, Group, Report, Rule};

/// Columns up to what is proposed.
const LABEL: usize = 14;

/// Who reads, and so what can be proposed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reader<'t> {
    /// Of a test's message: exceptions stand at the test.
    Test(&'t Test<'t>),
    /// Of a verdict at the exit: exceptions stand in a file.
    Exit,
    /// Of what belongs to no test of a run: likewise.
    Run,
    /// Of a report on a process, which has ended nothing: being alive is no fault there.
    Process,
}

pub(super) fn remedies(page: &mut Page, report: &Report, reader: Reader<'_>) {
    let found = [
        ("start with", start(&report.findings)),
        ("intended?", intended(report, reader)),
        ("again", again(reader)),
    ];
    if found.iter().all(|(_, found)| found.is_none()) {
        return;
    }
    page.blank();
    for (label, found) in found {
        let Some(Remedy { text, glue, copied }) = found else { continue };
        let whole = format!("{text} {copied}");
        if copied.is_empty() || LABEL + columns(&whole) <= page.width {
            page.labelled(2, LABEL - 2, label, &whole);
        } else {
            page.labelled(2, LABEL - 2, label, &format!("{text}{glue}"));
            page.line(&[(Style::Plain, &format!("{}{copied}", " ".repeat(LABEL)))]);
        }
    }
}

/// What is said, and behind it what is copied: on a line of its own where both together do not fit.
struct Remedy {
    text: String,
    /// What ends the first of two lines.
    glue: &'static str,
    copied: String,
}

/// The finding to start with, when there are several and somebody waits behind one.
fn start(findings: &[Finding]) -> Option<Remedy> {
    let most = findings.iter().map(Finding::behind).max().filter(|most| *most > 0)?;
    let first = findings.iter().position(|it| it.behind() == most)?;
    let verb = if most == 1 { "waits" } else { "wait" };
    let behind = Crowd::of(&findings[first].dependents);
    let text = format!("[{}]: {behind} {verb} behind it", first + 1);
    (findings.len() > 1).then(|| Remedy { text, glue: "", copied: String::new() })
}

/// As [`start`], in words alone.
pub(super) fn start_words(findings: &[Finding]) -> Option<String> {
    start(findings).map(|start| start.text)
}

/// How to say that a task may stay, by the first one that is left over.
fn intended(report: &Report, reader: Reader<'_>) -> Option<Remedy> {
    let (place, lead, end) = match reader {
        Reader::Process => return None,
        Reader::Test(Test { charge: Charge::Body, .. }) => ("at the test:", "ignore = \"", "\""),
        Reader::Test(Test { charge: Charge::Guard, .. }) => ("on the guard:", ".ignore(\"", "\")"),
        Reader::Test(Test { charge: Charge::Run, .. }) | Reader::Run | Reader::Exit => {
            ("in a file that GLEAK_SUPPRESS names:", "", "")
        }
    };
    let findings = || report.findings.iter();
    // The test that cannot end is not meant to stay.
    if let Reader::Test(test) = reader
        && findings().any(|finding| is_about(finding, test.name))
    {
        return None;
    }
    let left_over = findings().filter(|finding| is_left_over(finding.key.rule));
    let group = left_over.flat_map(|it| &it.groups).find(|group| group.spawn.is_some())?;
    // Others than our runtime know no daemons.
    let has_daemons = report.completeness.coverage.is_none();
    let by = match (group.kind, reader) {
        (WaiterKind::Thread, _) => "thread::Builder::background()",
        (WaiterKind::Task, Reader::Run) if has_daemons => "spawn_daemon(..)",
        (WaiterKind::Task, Reader::Run | Reader::Test(_) | Reader::Exit | Reader::Process) => {
            "spawn_background(..)"
        }
    };
    let mut text = by.to_owned();
    let copied = matcher(group).map_or(String::new(), |it| format!("{lead}{it} because ..{end}"));
    if !copied.is_empty() {
        text.push_str(&format!(", or {place}"));
    }
    Some(Remedy { text, glue: "", copied })
}

/// Whether a finding is on the body of the test, which is named as the test is.
fn is_about(finding: &Finding, test: &str) -> bool {
    let mut members = finding.groups.iter().flat_map(|group| &group.members);
    members.any(|member| member.name.as_deref() == Some(test))
}

fn again(reader: Reader<'_>) -> Option<Remedy> {
    let Reader::Test(Test { name, binary, charge: Charge::Body | Charge::Guard }) = reader else {
        return None;
    };
    let gap = if binary.is_empty() { "" } else { " " };
    let text = format!("cargo test{gap}{}", clean(binary));
    // A shell reads both lines as one command.
    Some(Remedy { text, glue: " \\", copied: format!("-- --exact {}", clean(name)) })
}

/// What an exception matches the group's tasks by, and as few others as can be; none when it cannot be
/// written within a string without escapes.
fn matcher(group: &Group) -> Option<String> {
    let named = group.members.first().and_then(|member| member.name.as_deref());
    let same = |name: &&str| group.members.iter().all(|it| it.name.as_deref() == Some(*name));
    let by_name = named.filter(same).map(|name| ("name", name));
    let by_place = group.spawn.as_ref().map(|site| ("spawn", site.file.as_str()));
    let choices = [by_name, Some(("entry", group.entry.as_str())), by_place];
    let plain = |value: &str| {
        let odd = |letter: char| letter.is_whitespace() || "\"\\*".contains(letter);
        !value.is_empty() && !value.contains(odd) && clean(value) == value
    };
    choices
        .into_iter()
        .flatten()
        .find(|(_, value)| plain(value))
        .map(|(key, value)| format!("{key}={value}"))
}

fn is_left_over(rule: Rule) -> bool {
    match rule {
        Rule::AsleepInRegion
        | Rule::Spinner
        | Rule::CancelIgnored
        | Rule::SilentPeer
        | Rule::LostWakeUp
        | Rule::HeldOverBlock
        | Rule::Outlived => true,
        Rule::Cycle
        | Rule::Structural
        | Rule::Asleep
        | Rule::Panicked
        | Rule::Misuse
        | Rule::UnseenError
        | Rule::AbandonedLock
        | Rule::WaitingLong
        | Rule::Growing
        | Rule::LockOrder => false,
    }
}
