//! A verdict as text, as JSON, and as a list for the detector's renderers.
//!
//! Invariants:
//! 1. The last line of the text is the result, in one line, whatever came before.
//! 2. Lines keep the width where words can be parted; no place, name or fingerprint is.

use gleak_detector::render::{self as detector, Gone, Listing, Row, Standing, TextOptions};

use super::decide::Accepted;
use super::{Change, Outcome, Status, Verdict};
use crate::plain::{counted, flow, grouped, labelled, plain};

/// The verdict for programs: pretty, with a newline at its end.
pub(crate) fn json(verdict: &Verdict) -> String {
    detector::document(verdict)
}

/// The verdict for people.
pub(crate) fn text(verdict: &Verdict, options: &TextOptions) -> String {
    let mut lines = vec![checked(verdict)];
    lines.extend(
        verdict
            .unreadable
            .iter()
            .map(|input| format!(" UNREAD  {}: {}", plain(&input.input), plain(&input.why))),
    );
    lines.extend(verdict.changes.iter().map(|it| change(it, options)));
    lines.extend(verdict.stale.iter().map(|entry| accepted("stale", entry, "not seen")));
    let no_reason = |entry| accepted("reason?", entry, "has no reason in the baseline");
    lines.extend(verdict.without_reason.iter().map(no_reason));
    if let Some(left) = verdict.left_out.as_ref().filter(|left| left.changes > 0) {
        let changes = counted(left.changes as u64, "change");
        lines.push(format!(" --where {} leaves out {changes}", plain(&left.filter)));
    }
    let used = detector::used(&verdict.exceptions);
    lines.extend(
        used.into_iter().chain(detector::unused(&verdict.exceptions)).map(|it| format!(" {it}")),
    );
    let last = result(verdict);
    lines.push(if options.color { format!("\x1b[1m{last}\x1b[0m") } else { last });
    lines.push(String::new());
    lines.join("\n")
}

/// The verdict as a list of findings: what fails, what is let through, what is known, what is weak.
pub(crate) fn listing(verdict: &Verdict) -> Listing<'_> {
    let changed = verdict.changes.iter().map(|change| Row {
        finding: &change.finding,
        standing: standing(&change.status),
        fails: change.fails,
    });
    let allowed = verdict.allowed.iter().map(|known| Row {
        finding: &known.finding,
        standing: Standing::Known(known.reason.clone()),
        fails: false,
    });
    let weak = verdict.weak.iter().map(|finding| Row {
        finding,
        standing: Standing::Weaker,
        fails: false,
    });
    let mut rows: Vec<Row<'_>> = changed.chain(allowed).chain(weak).collect();
    rows.sort_by_key(|row| !row.fails);

    let mut troubles: Vec<String> = verdict
        .unreadable
        .iter()
        .map(|it| format!("not read in full: {}: {}", plain(&it.input), plain(&it.why)))
        .collect();
    troubles.extend((verdict.outcome == Outcome::NothingChecked).then(|| short_of(verdict)));
    let no_reason = |entry| accepted("reason?", entry, "has no reason in the baseline");
    troubles.extend(verdict.without_reason.iter().map(no_reason).map(squeezed));
    let stale = |entry| squeezed(accepted("stale", entry, "not seen"));
    let mut remarks = vec![checked(verdict)];
    let whose = if verdict.strict { &mut troubles } else { &mut remarks };
    whose.extend(verdict.stale.iter().map(stale));
    remarks.extend(detector::used(&verdict.exceptions));
    remarks.extend(detector::unused(&verdict.exceptions));
    let gone = verdict.stale.iter().map(gone).collect();
    Listing { title: "gleak gate", verdicts: vec![result(verdict)], troubles, remarks, rows, gone }
}

fn standing(status: &Status) -> Standing {
    match status {
        Status::New => Standing::New,
        Status::Expired(day) => Standing::Expired(day.clone()),
        Status::Moved(from) => Standing::Moved(from.clone()),
        Status::Grown(max) => Standing::Grown(*max),
    }
}

fn gone(entry: &Accepted) -> Gone {
    Gone {
        fingerprint: entry.fingerprint.clone(),
        rule: entry.rule,
        entry: entry.entry.clone(),
        spawn: entry.spawn.clone(),
    }
}

/// A line of the text's columns as a sentence.
fn squeezed(line: String) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn checked(verdict: &Verdict) -> String {
    let seen = &verdict.coverage;
    format!(
        "checked {}, {}, {} spawned",
        counted(seen.processes, "process"),
        counted(seen.tests, "test"),
        counted(seen.spawned, "task"),
    )
}

/// What the lines of a change are indented by below its first one.
const INDENT: usize = 9;

fn change(change: &Change, options: &TextOptions) -> String {
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
    let mut parts = vec![format!(
        " {status:<7} {:<16} {count:>5}  {}",
        change.key.rule.id(),
        plain(&change.fingerprint.0),
    )];
    parts.extend(match &change.status {
        Status::New | Status::Grown(_) => None,
        Status::Expired(day) => Some(format!("accepted until {}", plain(day))),
        Status::Moved(from) => Some(format!("was {} ({})", plain(&from.0), likeness(change))),
    });
    parts.extend(change.tests.first().map(|first| match change.tests.len() {
        1 => plain(first).into_owned(),
        many => format!("{} (+{})", plain(first), many - 1),
    }));
    let key = &change.key;
    let lead = " ".repeat(INDENT);
    let spawned = format!("{lead}{} {}", plain(&key.spawn), plain(&key.entry));
    let places = [spawned, format!("-> {}", plain(&key.block))];
    let mut lines =
        vec![flow(&parts, "  ", options.width, INDENT), flow(&places, " ", options.width, INDENT)];
    if !change.because.is_empty() {
        lines.push(labelled(&lead, &plain(&change.because), options.width));
    }
    let text = lines.join("\n");
    let alarm = || text.replacen(status, &format!("\x1b[31m{status}\x1b[0m"), 1);
    if options.color && change.fails { alarm() } else { text }
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
    let mut parts = Vec::new();
    let unread = verdict.unreadable.len() as u64;
    if unread > 0 {
        parts.push(format!("{} not read in full", counted(unread, "input")));
    }
    if verdict.outcome == Outcome::NothingChecked {
        parts.push(short_of(verdict));
    }
    if verdict.over > 0 {
        parts.push(format!(
            "{} over the limit ({})",
            verdict.over,
            kinds(verdict, true).join(", ")
        ));
    }
    parts.extend(kinds(verdict, false).into_iter().map(|part| format!("{part} let through")));
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

/// How many changes of each kind fail, or are let through.
fn kinds(verdict: &Verdict, fails: bool) -> Vec<String> {
    // Those that a filter hides count as well.
    let all = || verdict.changes.iter().chain(&verdict.unshown).filter(|it| it.fails == fails);
    let counted = ["new", "moved", "grown"].into_iter().map(|noun| {
        let number = all().filter(|change| noun_of(&change.status) == noun).count();
        (number > 0).then(|| format!("{number} {noun}"))
    });
    counted.flatten().collect()
}

fn noun_of(status: &Status) -> &'static str {
    match status {
        Status::New | Status::Expired(_) => "new",
        Status::Moved(_) => "moved",
        Status::Grown(_) => "grown",
    }
}

fn short_of(verdict: &Verdict) -> String {
    let seen = verdict.coverage.processes;
    if seen == 0 {
        "nothing checked: no process reported".into()
    } else if seen >= verdict.required {
        format!("nothing checked: {} reported, and no task was spawned", counted(seen, "process"))
    } else {
        let (seen, required) = (grouped(seen), counted(verdict.required, "process"));
        format!("too little checked: {seen} of {required} reported")
    }
}
