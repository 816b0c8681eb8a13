//! `gleak baseline`: accept the findings of a run as known, all or some; drop what is gone; say what is
//! accepted.
//!
//! Invariants:
//! 1. A file is changed only by a run that was read in full and checked something: half a run would call
//!    the other half new, or lose its reasons.
//! 2. What people wrote stays until they write it anew or its finding is gone. A file in which nothing
//!    changes is not written.
//! 3. A faulty file, or one of a newer schema, is left as it is, whatever is forced.

mod explain;

use std::path::{Path, PathBuf};

use gleak_detector::{Certainty, Fingerprint};

use super::{complain, gather, required, why_nothing};
use crate::args::{BaselineAdd, BaselinePrune, BaselineWrite, Inputs, Names, Suppress, apart};
use crate::baseline::{Baseline, Terms};
use crate::error::Failure;
use crate::exit_code;
use crate::gate::{Evidence, Policy, decide};
use crate::input::InputFault;
use crate::output::{self, Existing, Sink};
use crate::plain::{counted, plain};
use crate::suppress;

pub(super) use explain::explain;

/// Accepts all findings.
pub(crate) fn write(args: &BaselineWrite) -> Result<u8, Failure> {
    let sink = Sink::open(Some(&args.file), Existing::from_force(args.force))?;
    let old = read_or_new(&args.file)?;
    let Inputs { inputs, suppress, names, .. } = &args.inputs;
    let evidence = whole(inputs, suppress, names, required(&args.inputs))?;
    let baseline = Baseline::accept(&evidence.findings(), &old, &args.reason, suppress::today());
    sink.deliver(baseline.to_text().as_bytes())?;
    let unexplained = baseline.entries.iter().filter(|entry| !entry.has_reason()).count();
    let note = match unexplained {
        0 => String::new(),
        count => format!(", {count} without a reason"),
    };
    say(&args.file, &format!("{}{note}", entries(&baseline)))
}

/// Accepts some findings.
pub(crate) fn add(args: &BaselineAdd) -> Result<u8, Failure> {
    let (asked, inputs) = apart(&args.named);
    let today = suppress::today();
    let usage = |what: &str, why: &str| Failure::Usage { what: what.into(), why: why.into() };
    if asked.is_empty() {
        return Err(usage("baseline add", "want the fingerprint of a finding, gk1:..."));
    }
    if args.expires.is_some_and(|day| day < today) {
        return Err(usage("--expires", "that day is over"));
    }
    let mut baseline = read_or_new(&args.file)?;
    let before = baseline.clone();
    let evidence = whole(&inputs, &args.suppress, &args.names, 1)?;
    let findings = evidence.findings();
    let terms = Terms {
        max: args.max,
        reason: args.reason.clone(),
        owner: args.owner.clone(),
        expires: args.expires,
    };
    let mut said = Vec::new();
    for fingerprint in asked {
        let finding = the_one(fingerprint, &findings, |it| &it.fingerprint, "finding")?;
        let (id, tasks) = (&finding.fingerprint, finding.tasks() as u64);
        if let Some(max) = args.max.filter(|max| *max < tasks) {
            let why = format!("{max} is below the {} of {id}", counted(tasks, "task"));
            return Err(usage("--max", &why));
        }
        let is_known = baseline.find(id).is_some();
        baseline.add(finding, &terms, today);
        let entry = baseline.find(id);
        if entry.is_some_and(|entry| !entry.has_reason()) {
            return Err(usage(&id.0, "is accepted for no reason; --reason gives it one"));
        }
        if entry.is_some_and(|entry| entry.has_expired(today)) {
            return Err(usage(&id.0, "its last day is over; --expires gives it another one"));
        }
        let word = if is_known { "changed" } else { "added" };
        let max = entry.map_or(tasks, |entry| entry.max);
        let line = format!("{word} {id} {}, up to {}", finding.key.rule.id(), counted(max, "task"));
        said.push(format!("{}: {}", plain(&line), plain(&finding.key.entry)));
    }
    said.push(put(&args.file, &before, &baseline)?);
    tell(&said)
}

/// Drops what was not seen.
pub(crate) fn prune(args: &BaselinePrune) -> Result<u8, Failure> {
    let before = super::gate::read_baseline(&args.file)?;
    // Nothing checked would make all of them stale: here that is allowed by no flag.
    let evidence = whole(&args.inputs, &args.suppress, &args.names, args.require_run)?;
    let policy = Policy {
        max_new: usize::MAX,
        accept_moved: false,
        // Whatever an entry may have become keeps it.
        fail_on: Certainty::Potential,
        strict: false,
        require_run: args.require_run,
        today: suppress::today(),
    };
    let stale = decide(&evidence, &before, &policy).stale;
    let mut baseline = before.clone();
    baseline.entries.retain(|it| !stale.iter().any(|gone| gone.fingerprint == it.fingerprint));
    let mut said: Vec<String> = stale
        .iter()
        .map(|gone| {
            format!(
                "dropped {} {}: {}",
                plain(&gone.fingerprint.0),
                gone.rule.id(),
                plain(&gone.entry)
            )
        })
        .collect();
    said.push(put(&args.file, &before, &baseline)?);
    tell(&said)
}

/// Evidence of a run that was read in full and is about something.
fn whole(
    inputs: &[PathBuf],
    suppress: &Suppress,
    names: &Names,
    required: u64,
) -> Result<Evidence, Failure> {
    let evidence = gather(inputs, suppress, names)?;
    if !evidence.unreadable.is_empty() {
        for input in &evidence.unreadable {
            let fault = InputFault::Noted(input.why.clone());
            complain(&Failure::Input { name: input.input.clone(), fault });
        }
        return Err(Failure::Inputs(evidence.unreadable.len()));
    }
    let coverage = evidence.coverage();
    if coverage.is_nothing() && required > 0 {
        return Err(Failure::NothingChecked(why_nothing(inputs, coverage)));
    }
    let seen = coverage.processes;
    if seen < required {
        let wanted = counted(required, "process");
        return Err(Failure::NothingChecked(format!("{seen} of {wanted} reported")));
    }
    Ok(evidence)
}

/// What a fingerprint, or the first digits of one, means.
fn the_one<'i, T>(
    asked: &Fingerprint,
    among: &'i [T],
    of: fn(&T) -> &Fingerprint,
    noun: &str,
) -> Result<&'i T, Failure> {
    let fits = |it: &&T| of(it).0.starts_with(&asked.0);
    let found: Vec<&T> = among.iter().filter(fits).collect();
    let usage = |why: String| Failure::Usage { what: asked.0.clone(), why };
    if let Some(exact) = found.iter().find(|it| of(it) == asked) {
        return Ok(exact);
    }
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(usage(format!("no such {noun}; there are {}", listed(among.iter().map(of))))),
        several => {
            let candidates = listed(several.iter().map(|it| of(it)));
            Err(usage(format!("more than one {noun} begins so: {candidates}")))
        }
    }
}

/// Some fingerprints in one line.
fn listed<'i>(fingerprints: impl Iterator<Item = &'i Fingerprint>) -> String {
    const MOST: usize = 8;
    let mut all: Vec<&str> = fingerprints.map(|it| it.0.as_str()).collect();
    all.sort_unstable();
    let more = all.len().saturating_sub(MOST);
    match (all.len(), more) {
        (0, _) => "none".to_owned(),
        (_, 0) => all.join(", "),
        _ => format!("{} and {more} more", all[..MOST].join(", ")),
    }
}

/// Reads the file if it is there. A faulty one ends it: people wrote reasons into it.
fn read_or_new(path: &Path) -> Result<Baseline, Failure> {
    if path.is_file() { super::gate::read_baseline(path) } else { Ok(Baseline::default()) }
}

/// Writes what has changed, if anything has; says what is in the file.
fn put(path: &Path, before: &Baseline, after: &Baseline) -> Result<String, Failure> {
    if before != after {
        let sink = Sink::open(Some(path), Existing::Replace)?;
        sink.deliver(after.to_text().as_bytes())?;
    }
    let note = if before == after { ", as before" } else { "" };
    Ok(format!("{}: {}{note}", plain(&path.display().to_string()), entries(after)))
}

fn entries(baseline: &Baseline) -> String {
    match baseline.entries.len() {
        1 => "1 entry".to_owned(),
        count => format!("{count} entries"),
    }
}

fn say(path: &Path, what: &str) -> Result<u8, Failure> {
    tell(&[format!("{}: {what}", plain(&path.display().to_string()))])
}

fn tell(lines: &[String]) -> Result<u8, Failure> {
    output::to_stdout(format!("{}\n", lines.join("\n")).as_bytes())?;
    Ok(exit_code::PASS)
}
