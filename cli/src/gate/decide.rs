//! The decision: findings, a baseline and a day in, a verdict out.
//!
//! Invariants:
//! 1. Pure: the same arguments give the same verdict.
//! 2. Each finding is in exactly one place: new, moved, grown, known, or too weak to count.
//! 3. Each baseline entry is in exactly one place: seen, moved from, or stale.
//! 4. Nothing checked never passes unless the policy says so.

use std::collections::BTreeSet;

use gleak_detector::{Certainty, Date, Exception, Finding, Fingerprint, Rule};
use serde::Serialize;

use super::{Coverage, Evidence, LeftOut, Unreadable};
use crate::baseline::{Baseline, Entry, Key};
use crate::exit_code;

/// What fails.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// New findings that are let through.
    pub(crate) max_new: usize,
    /// Whether those that have moved are let through, up to the ceiling of their old entry.
    pub(crate) accept_moved: bool,
    /// The lowest certainty that fails.
    pub(crate) fail_on: Certainty,
    /// Whether stale entries and missing reasons fail.
    pub(crate) strict: bool,
    /// Fewer processes than this are nothing checked.
    pub(crate) require_run: u64,
    /// The day of the run.
    pub(crate) today: Date,
}

/// What the gate says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Verdict {
    /// Version of this form.
    pub(crate) schema: u32,
    /// The end of it.
    pub(crate) outcome: Outcome,
    /// How much was looked at.
    pub(crate) coverage: Coverage,
    /// How much had to be looked at.
    pub(crate) required: u64,
    /// Findings that the baseline does not allow: new, then moved, then grown.
    pub(crate) changes: Vec<Change>,
    /// More of them, which a filter leaves out of what is shown.
    #[serde(skip)]
    pub(crate) unshown: Vec<Change>,
    /// That filter, and how many they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) left_out: Option<LeftOut>,
    /// How many of them fail the gate.
    pub(crate) over: usize,
    /// Entries that were not seen.
    pub(crate) stale: Vec<Accepted>,
    /// Entries without a reason. Only looked for under the strict policy.
    pub(crate) without_reason: Vec<Accepted>,
    /// Findings that the baseline allows.
    pub(crate) known: usize,
    /// Them, for lists.
    #[serde(skip)]
    pub(crate) allowed: Vec<Allowed>,
    /// Findings less certain than those that fail.
    pub(crate) weaker: usize,
    /// Them, for lists.
    #[serde(skip)]
    pub(crate) weak: Vec<Finding>,
    /// Findings that a file of suppressions excepts, in one process at least.
    pub(crate) suppressed: usize,
    /// What became of each suppression.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) exceptions: Vec<Exception>,
    /// Inputs that could not be read, or not in full.
    pub(crate) unreadable: Vec<Unreadable>,
    /// Whether stale entries and missing reasons fail.
    pub(crate) strict: bool,
}

/// How a run ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// Nothing is wrong that was not known.
    Passed,
    /// Something is.
    Failed,
    /// Not all that was to be read could be.
    Unreadable,
    /// Nobody reported, or too few, or nobody had a task.
    NothingChecked,
}

impl Outcome {
    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Outcome::Passed => exit_code::PASS,
            Outcome::Failed => exit_code::FOUND,
            Outcome::Unreadable => exit_code::UNREADABLE,
            Outcome::NothingChecked => exit_code::NOTHING_CHECKED,
        }
    }
}

/// How a finding differs from the baseline.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    /// Its fingerprint is not known.
    New,
    /// Its entry counted up to this day.
    Expired(String),
    /// Not known, but the entry of this fingerprint has vanished and is much like it.
    Moved(Fingerprint),
    /// Known with so many tasks at most.
    Grown(u64),
}

/// A finding that the baseline does not allow.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Change {
    /// How it differs.
    pub(crate) status: Status,
    /// Whether it fails the gate.
    pub(crate) fails: bool,
    /// Its identity.
    pub(crate) fingerprint: Fingerprint,
    /// How much it is worth.
    pub(crate) certainty: Certainty,
    /// Tasks in all processes.
    pub(crate) tasks: u64,
    /// What it is.
    pub(crate) key: Key,
    /// What it was, when it has moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) was: Option<Key>,
    /// Why it is known.
    pub(crate) because: String,
    /// Tests that it was seen in.
    pub(crate) tests: Vec<String>,
    /// All of it, for lists.
    #[serde(skip)]
    pub(crate) finding: Finding,
}

/// A finding that the baseline allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Allowed {
    /// What was found.
    pub(crate) finding: Finding,
    /// Why it is accepted.
    pub(crate) reason: String,
}

/// A baseline entry to be named.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Accepted {
    /// Its identity.
    pub(crate) fingerprint: Fingerprint,
    /// The rule.
    pub(crate) rule: Rule,
    /// What the task runs.
    pub(crate) entry: String,
    /// Where it was spawned.
    pub(crate) spawn: String,
}

/// Judges what was reported.
pub(crate) fn decide(evidence: &Evidence, baseline: &Baseline, policy: &Policy) -> Verdict {
    let findings = evidence.findings();
    let seen: BTreeSet<&Fingerprint> = findings.iter().map(|f| &f.fingerprint).collect();
    let mut vanished: Vec<&Entry> =
        baseline.entries.iter().filter(|entry| !seen.contains(&entry.fingerprint)).collect();

    let (mut changes, mut allowed, mut weak) = (Vec::new(), Vec::new(), Vec::new());
    for finding in &findings {
        match compare(finding, baseline, policy.today) {
            None => allowed.push(self::allowed(finding, baseline)),
            Some(_) if finding.certainty > policy.fail_on => weak.push(finding.clone()),
            Some(status) => changes.push(change(finding, status)),
        }
    }
    // Who runs the same function comes first, so that nobody else takes its entry.
    for alike in [same_function, same_place] {
        say_moved(&mut changes, &mut vanished, alike, policy);
    }
    say_failing(&mut changes, policy);
    // Stable: within a status the order of the report stays.
    changes.sort_by_key(|change| change.status.rank());

    let without_reason = baseline.entries.iter().filter(|entry| !entry.has_reason());
    let mut verdict = Verdict {
        schema: 1,
        outcome: Outcome::Passed,
        coverage: evidence.coverage(),
        required: policy.require_run,
        over: changes.iter().filter(|change| change.fails).count(),
        changes,
        unshown: Vec::new(),
        left_out: None,
        stale: vanished.into_iter().map(accepted).collect(),
        without_reason: without_reason.filter(|_| policy.strict).map(accepted).collect(),
        known: allowed.len(),
        allowed,
        weaker: weak.len(),
        weak,
        suppressed: evidence.suppressed.len(),
        exceptions: evidence.exceptions.clone(),
        unreadable: evidence.unreadable.clone(),
        strict: policy.strict,
    };
    verdict.outcome = verdict.end();
    verdict
}

impl Verdict {
    /// What could not be read outweighs what was found, and that outweighs how little was checked.
    fn end(&self) -> Outcome {
        let strict = self.strict && !self.stale.is_empty();
        if !self.unreadable.is_empty() {
            Outcome::Unreadable
        } else if self.over > 0 || strict || !self.without_reason.is_empty() {
            Outcome::Failed
        } else if self.coverage.processes < self.required || self.saw_nothing() {
            Outcome::NothingChecked
        } else {
            Outcome::Passed
        }
    }
}

impl Verdict {
    /// Whether something had to be looked at, and there was no task that could have leaked.
    pub(crate) fn saw_nothing(&self) -> bool {
        self.required > 0 && self.coverage.is_nothing()
    }
}

impl Status {
    /// The place among the changes.
    fn rank(&self) -> u8 {
        match self {
            Status::New | Status::Expired(_) => 0,
            Status::Moved(_) => 1,
            Status::Grown(_) => 2,
        }
    }
}

/// How a finding differs from the baseline; none when it is allowed.
fn compare(finding: &Finding, baseline: &Baseline, today: Date) -> Option<Status> {
    let Some(entry) = baseline.find(&finding.fingerprint) else { return Some(Status::New) };
    if entry.has_expired(today) {
        return Some(Status::Expired(entry.expires.clone().unwrap_or_default()));
    }
    (finding.tasks() as u64 > entry.max).then_some(Status::Grown(entry.max))
}

/// What is new and much like an entry that has vanished has moved. Each entry is taken once.
fn say_moved(
    changes: &mut [Change],
    vanished: &mut Vec<&Entry>,
    alike: fn(&Key, &Key) -> bool,
    policy: &Policy,
) {
    for change in changes.iter_mut().filter(|change| change.status == Status::New) {
        if let Some(at) = vanished.iter().position(|entry| alike(&entry.key, &change.key)) {
            let entry = vanished.remove(at);
            change.status = Status::Moved(entry.fingerprint.clone());
            change.was = Some(entry.key.clone());
            let as_accepted = change.tasks <= entry.max && !entry.has_expired(policy.today);
            change.fails = !(policy.accept_moved && as_accepted);
        }
    }
}

/// New and moved ones fail all together, once there are too many; grown ones always do, and moved ones
/// under the strict policy.
fn say_failing(changes: &mut [Change], policy: &Policy) {
    let grown = |change: &Change| matches!(change.status, Status::Grown(_));
    let failing = changes.iter().filter(|change| change.fails && !grown(change)).count();
    let through = failing <= policy.max_new;
    for change in changes {
        change.fails &= match change.status {
            Status::Grown(_) => true,
            Status::Moved(_) => policy.strict || !through,
            Status::New | Status::Expired(_) => !through,
        };
    }
}

/// The function is spawned, or waits, in another file, or waits otherwise.
fn same_function(before: &Key, now: &Key) -> bool {
    before.rule == now.rule && before.entry == now.entry
}

/// The function has another name, or the code stands in another function of its file.
fn same_place(before: &Key, now: &Key) -> bool {
    before.rule == now.rule
        && without_line(&before.spawn) == without_line(&now.spawn)
        && without_line(&before.block) == without_line(&now.block)
}

fn without_line(place: &str) -> &str {
    match place.rsplit_once(':') {
        Some((file, line)) if line.bytes().all(|digit| digit.is_ascii_digit()) => file,
        _ => place,
    }
}

fn change(finding: &Finding, status: Status) -> Change {
    Change {
        status,
        fails: true,
        fingerprint: finding.fingerprint.clone(),
        certainty: finding.certainty,
        tasks: finding.tasks() as u64,
        key: Key::of(finding),
        was: None,
        because: finding.because.clone(),
        tests: finding.regions.clone(),
        finding: finding.clone(),
    }
}

fn allowed(finding: &Finding, baseline: &Baseline) -> Allowed {
    let entry = baseline.find(&finding.fingerprint);
    let reason = entry.map(|entry| entry.reason.clone()).unwrap_or_default();
    Allowed { finding: finding.clone(), reason }
}

fn accepted(entry: &Entry) -> Accepted {
    Accepted {
        fingerprint: entry.fingerprint.clone(),
        rule: entry.key.rule,
        entry: entry.key.entry.clone(),
        spawn: entry.key.spawn.clone(),
    }
}
