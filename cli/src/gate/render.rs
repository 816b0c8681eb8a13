//! A verdict as text and as JSON.
//!
//! Invariant: the last line of the text is the result, whatever came before.

use std::fmt::Write;

use gleak_detector::render as detector;

use super::decide::Accepted;
use super::{Change, Outcome, Status, Verdict};
use crate::plain::{counted, grouped, plain};

/// The verdict for programs: pretty, with a newline at its end.
pub(crate) fn json(verdict: &Verdict) -> String {
    // Strings and numbers only: there is nothing in it that JSON cannot say.
    let mut text = serde_json::to_string_pretty(verdict).unwrap_or_default();
    text.push('\n');
    text
}

/// The verdict for people.
pub(crate) fn text(verdict: &Verdict) -> String {
    let seen = &verdict.coverage;
    let mut lines = vec![format!(
        "checked {}, {}, {} spawned",
        counted(seen.processes, "process"),
        counted(seen.tests, "test"),
        counted(seen.spawned, "task"),
    )];
    lines.extend(
        verdict
            .unreadable
            .iter()
            .map(|input| format!(" UNREAD  {}: {}", plain(&input.input), plain(&input.why))),
    );
    lines.extend(verdict.changes.iter().map(change));
    lines.extend(verdict.stale.iter().map(|entry| accepted("stale", entry, "not seen")));
    let no_reason = |entry| accepted("reason?", entry, "has no reason in the baseline");
    lines.extend(verdict.without_reason.iter().map(no_reason));
    let used = detector::used(&verdict.exceptions);
    lines.extend(
        used.into_iter().chain(detector::unused(&verdict.exceptions)).map(|it| format!(" {it}")),
    );
    lines.push(result(verdict));
    lines.push(String::new());
    lines.join("\n")
}

fn change(change: &Change) -> String {
    let status = match &change.status {
        Status::New | Status::Expired(_) => "NEW",
        Status::Moved(_) => "moved?",
        Status::Grown(_) => "GROWN",
    };
    let count = match &change.status {
        Status::New | Status::Expired(_) | Status::Moved(_) => {
            format!("{}x", grouped(change.tasks))
        }
        Status::Grown(max) => format!("{}>{}", grouped(change.tasks), grouped(*max)),
    };
    let mut out = format!(
        " {status:<7} {:<16} {count:>5}  {}",
        change.key.rule.id(),
        plain(&change.fingerprint.0),
    );
    // Writing to a string cannot fail, here and below.
    let _ = match &change.status {
        Status::New | Status::Grown(_) => Ok(()),
        Status::Expired(day) => write!(out, "  accepted until {}", plain(day)),
        Status::Moved(from) => write!(out, "  was {} ({})", plain(&from.0), likeness(change)),
    };
    if let Some(first) = change.tests.first() {
        let _ = write!(out, "  {}", plain(first));
        if change.tests.len() > 1 {
            let _ = write!(out, " (+{})", change.tests.len() - 1);
        }
    }
    let key = &change.key;
    let (spawn, entry, block) = (plain(&key.spawn), plain(&key.entry), plain(&key.block));
    let _ = write!(out, "\n         {spawn} {entry} -> {block}");
    if !change.because.is_empty() {
        let _ = write!(out, "\n         {}", plain(&change.because));
    }
    out
}

/// What a moved finding has in common with what it was.
fn likeness(change: &Change) -> String {
    match &change.was {
        Some(was) if was.entry != change.key.entry => format!("then {}", plain(&was.entry)),
        _ => "same function".to_owned(),
    }
}

fn accepted(status: &str, entry: &Accepted, what: &str) -> String {
    let (fingerprint, runs) = (plain(&entry.fingerprint.0), plain(&entry.entry));
    format!(" {status:<7} {:<16}        {fingerprint}  {what}: {runs}", entry.rule.id())
}

fn result(verdict: &Verdict) -> String {
    let count = |is: fn(&Status) -> bool| verdict.changes.iter().filter(|c| is(&c.status)).count();
    let new = count(|status| matches!(status, Status::New | Status::Expired(_)));
    let moved = count(|status| matches!(status, Status::Moved(_)));
    let grown = count(|status| matches!(status, Status::Grown(_)));

    let mut parts = Vec::new();
    let unread = verdict.unreadable.len() as u64;
    if unread > 0 {
        parts.push(format!("{} not read in full", counted(unread, "input")));
    }
    if verdict.outcome == Outcome::NothingChecked {
        parts.push(short_of(verdict));
    }
    let mut over = Vec::new();
    let mut through = Vec::new();
    // New and moved ones pass or fail together, grown ones always fail.
    let new_fail = verdict.over > grown;
    for (number, noun, fails) in
        [(new, "new", new_fail), (moved, "moved", new_fail), (grown, "grown", true)]
    {
        let list = if fails { &mut over } else { &mut through };
        list.extend((number > 0).then(|| format!("{number} {noun}")));
    }
    if verdict.over > 0 {
        parts.push(format!("{} over the limit ({})", verdict.over, over.join(", ")));
    }
    parts.extend(through.into_iter().map(|part| format!("{part} let through")));
    if !verdict.without_reason.is_empty() {
        parts.push(format!("{} without a reason", verdict.without_reason.len()));
    }
    parts.push(format!("{} known", verdict.known));
    if verdict.weaker > 0 {
        parts.push(format!("{} too weak to count", verdict.weaker));
    }
    if verdict.suppressed > 0 {
        parts.push(format!("{} suppressed", verdict.suppressed));
    }
    if !verdict.stale.is_empty() {
        parts.push(format!("{} stale", verdict.stale.len()));
    }
    let head = match verdict.outcome {
        Outcome::Passed => "passed",
        Outcome::Failed | Outcome::Unreadable | Outcome::NothingChecked => "FAILED",
    };
    format!("gate: {head}, {}", parts.join(", "))
}

fn short_of(verdict: &Verdict) -> String {
    let seen = verdict.coverage.processes;
    if seen == 0 {
        "nothing checked: no process reported".into()
    } else {
        let (seen, required) = (grouped(seen), counted(verdict.required, "process"));
        format!("too little checked: {seen} of {required} reported")
    }
}
