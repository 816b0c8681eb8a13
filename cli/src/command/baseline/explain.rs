//! `gleak baseline explain`: each entry in words, beside what a run has of it.
//!
//! Invariant: what was not looked at is not said; without inputs nothing is said to be seen or not.

use gleak_detector::{Date, Finding, RULES};

use super::{entries, the_one, whole};
use crate::args::{BaselineExplain, apart};
use crate::baseline::{Baseline, Entry};
use crate::error::Failure;
use crate::exit_code;
use crate::output::Sink;
use crate::plain::{counted, labelled, plain};
use crate::screen::Screen;
use crate::suppress;

/// Runs the command.
pub(crate) fn explain(args: &BaselineExplain) -> Result<u8, Failure> {
    let (asked, inputs) = apart(&args.named);
    let baseline = super::super::gate::read_baseline(&args.file)?;
    let chosen: Vec<&Entry> = if asked.is_empty() {
        baseline.entries.iter().collect()
    } else {
        let one = |it| the_one(it, &baseline.entries, |entry| &entry.fingerprint, "entry");
        asked.into_iter().map(one).collect::<Result<_, _>>()?
    };
    let findings = match inputs.as_slice() {
        [] => None,
        inputs => Some(whole(inputs, &args.suppress, &args.names, 1)?.findings()),
    };
    let today = suppress::today();
    let file = plain(&args.file.display().to_string()).into_owned();
    let mut text = format!("{file}: {}\n", summary(&baseline, today));
    let screen = Screen::of(&Sink::Stdout, &args.layout);
    let width = screen.options().width;
    for entry in chosen {
        text.push_str(&told(entry, findings.as_deref(), today, width));
    }
    screen.show(&text)?;
    Ok(exit_code::PASS)
}

fn summary(baseline: &Baseline, today: Date) -> String {
    let count = |is: &dyn Fn(&Entry) -> bool| baseline.entries.iter().filter(|it| is(it)).count();
    let parts = [
        (count(&|entry| entry.has_expired(today)), "expired"),
        (count(&|entry| !entry.has_reason()), "without a reason"),
        (count(&|entry| entry.owner.is_none()), "without an owner"),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> = parts.map(|(number, what)| format!(", {number} {what}")).collect();
    entries(baseline) + &parts.concat()
}

fn told(entry: &Entry, findings: Option<&[Finding]>, today: Date, width: usize) -> String {
    let key = &entry.key;
    let rule = key.rule.id();
    let reason = match entry.has_reason() {
        true => &entry.reason,
        false => "nobody has said why; --strict-baseline fails by that",
    };
    let until = entry.expires.as_ref().map(|day| match entry.has_expired(today) {
        true => format!("{day}, which is over: the gate takes it for new"),
        false => day.clone(),
    });
    let about = RULES.iter().find(|info| info.rule == key.rule);
    let about = about.map(|info| format!("{} (gleak explain {rule})", info.summary));
    let facts = [
        ("runs", Some(key.entry.clone())),
        ("spawned", Some(key.spawn.clone())),
        ("waits", Some(key.block.clone())),
        ("because", Some(reason.to_owned())),
        ("owner", entry.owner.clone()),
        ("added", entry.added.clone()),
        ("until", until),
        ("seen", findings.map(|findings| seen(entry, findings))),
        ("rule", about),
    ];
    let facts = facts.into_iter().filter_map(|(label, text)| Some((label, text?)));
    let lines = facts.map(|(label, text)| labelled(&format!("  {label:<9}"), &plain(&text), width));
    let id = plain(&entry.fingerprint.0);
    let head = format!("\n{id}  {rule}, up to {}", counted(entry.max, "task"));
    std::iter::once(head).chain(lines).map(|line| line + "\n").collect()
}

fn seen(entry: &Entry, findings: &[Finding]) -> String {
    let Some(finding) = findings.iter().find(|it| it.fingerprint == entry.fingerprint) else {
        return "not in these inputs; if they are a whole run, prune drops it".to_owned();
    };
    let tasks = finding.tasks() as u64;
    let over = if tasks > entry.max { ", more than accepted" } else { "" };
    let tests = match finding.regions.len() {
        0 => String::new(),
        number => format!(" in {}", counted(number as u64, "test")),
    };
    format!("{}{tests}{over}", counted(tasks, "task"))
}
