//! A process at one look: how many tasks do what, in which groups, and how those have grown since the first look.
//!
//! Invariant: one line a group, whatever the width, so that a screen can be filled with so many.

use std::collections::BTreeMap;

use gleak_snapshot::{Site, Snapshot, TaskState, WaiterKind};

use super::TextOptions;
use super::held::held_workers;
use super::page::{Page, Style, clean, columns, cut_middle};
use super::table::age;
use crate::words::{count, span, thousands};
use crate::{Group, Report};

/// How big each group was at a look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sizes {
    taken_ns: u64,
    groups: BTreeMap<Key, usize>,
}

/// What makes a group in the table, whichever tasks are in it or waited for: entry, wait, where spawned, where
/// blocked.
type Key = (String, String, Option<Site>, Option<Site>);

impl Sizes {
    /// At this look.
    #[must_use]
    pub fn of(snapshot: &Snapshot, report: &Report) -> Sizes {
        let mut groups = BTreeMap::new();
        for group in &report.groups {
            *groups.entry(key(group)).or_default() += group.members.len();
        }
        Sizes { taken_ns: snapshot.header.taken_ns, groups }
    }
}

fn key(group: &Group) -> Key {
    (group.entry.clone(), group.wait_class.clone(), group.spawn.clone(), group.block.clone())
}

fn waits(group: &Group) -> &str {
    if group.reason.is_some() { &group.waits_for } else { &group.wait_class }
}

/// The table, with rows for as many groups as the options want. `life` says whether the process goes on.
#[must_use]
pub fn top(
    (snapshot, report): (&Snapshot, &Report),
    first: Option<&Sizes>,
    life: &str,
    options: &TextOptions,
) -> String {
    let mut page = Page::new(options);
    let header = &snapshot.header;
    let who = format!("{}, pid {}, {life}", clean(&header.program), header.pid);
    let passed = first.map(|first| header.taken_ns.saturating_sub(first.taken_ns));
    let passed = passed.map_or(String::new(), |ns| format!("watched for {}", span(ns)));
    page.split(Style::Strong, &who, &[(Style::Plain, &passed)]);
    page.line(&[(Style::Plain, &states(snapshot))]);
    held_workers(report).iter().for_each(|line| page.line(&[(Style::Alarm, line)]));
    if !report.groups.is_empty() {
        page.blank();
        let now = Sizes::of(snapshot, report);
        groups(&mut page, report, first.map(|first| (first, &now)), options.top);
    }
    page.finish()
}

fn states(snapshot: &Snapshot) -> String {
    let of = |does: fn(&TaskState) -> bool| {
        let tasks =
            snapshot.tasks.iter().filter(|it| it.kind == WaiterKind::Task && does(&it.state));
        tasks.count()
    };
    let counted = [
        ("waiting", of(|it| matches!(it, TaskState::Waiting(_)))),
        ("running", of(|it| matches!(it, TaskState::Running))),
        ("ready", of(|it| matches!(it, TaskState::Runnable | TaskState::Moving))),
        ("not started", of(|it| matches!(it, TaskState::Fresh))),
    ];
    let all: usize = counted.iter().map(|(_, tasks)| tasks).sum();
    let mut line = count(all, "task");
    for (at, (word, tasks)) in counted.iter().filter(|(_, tasks)| *tasks > 0).enumerate() {
        let lead = if at == 0 { ": " } else { ", " };
        line.push_str(&format!("{lead}{} {word}", thousands(*tasks)));
    }
    let threads = snapshot.tasks.len() - all;
    if threads > 0 {
        line.push_str(&format!("; {}", count(threads, "thread")));
    }
    let whole = |number: u64| thousands(usize::try_from(number).unwrap_or(usize::MAX));
    let counters = &snapshot.header.counters;
    line.push_str(&format!(
        "; {} spawned, {} finished",
        whole(counters.spawned),
        whole(counters.finished)
    ));
    let missing = snapshot.completeness.missing_tasks;
    if missing > 0 {
        line.push_str(&format!("; {} not readable", whole(missing)));
    }
    line
}

/// Cells but the last, which is what runs, and gets what room is left.
type Row = ([String; 5], String);

/// The sizes at the first look and now.
type Growth<'g> = Option<(&'g Sizes, &'g Sizes)>;

fn groups(page: &mut Page, report: &Report, growth: Growth<'_>, top: usize) {
    let mut rows: Vec<Row> = vec![(
        ["tasks", "change", "age p50/max", "waits", "at"].map(str::to_owned),
        "runs".to_owned(),
    )];
    let shown = if top == 0 { report.groups.len() } else { top.min(report.groups.len()) };
    rows.extend(report.groups[..shown].iter().map(|group| row(group, growth)));
    let widest = |at: usize| rows.iter().map(|(cells, _)| columns(&cells[at])).max().unwrap_or(0);
    let [tasks, change, age, waits, place] = [0, 1, 2, 3, 4].map(widest);
    let waits = waits.min(page.width / 3);
    for (cells, runs) in &rows {
        let pad = |text: &str, width: usize| " ".repeat(width.saturating_sub(columns(text)));
        let [number, grown, old, what, at] = cells;
        let what = cut_middle(what, waits);
        let line = format!(
            "{}{number}  {}{grown}  {old}{}  {what}{}  {at}{}  ",
            pad(number, tasks),
            pad(grown, change),
            pad(old, age),
            pad(&what, waits),
            pad(at, place),
        );
        let room = page.width.saturating_sub(columns(&line)).max(LEAST_RUNS);
        let style = if grown.starts_with('+') { Style::Alarm } else { Style::Plain };
        page.line(&[(style, format!("{line}{}", cut_middle(runs, room)).trim_end())]);
    }
    let hidden = &report.groups[shown..];
    if !hidden.is_empty() {
        let tasks: usize = hidden.iter().map(|group| group.members.len()).sum();
        let more = format!("and {} of {}", count(hidden.len(), "more group"), count(tasks, "task"));
        page.line(&[(Style::Plain, &more)]);
    }
}

/// Columns of what runs, in which a name can still be told.
const LEAST_RUNS: usize = 12;

fn row(group: &Group, growth: Growth<'_>) -> Row {
    let tasks = group.members.len();
    // Of all groups that are alike in what is compared.
    let size = |sizes: &Sizes| sizes.groups.get(&key(group)).copied().unwrap_or(0);
    let change = match growth.map(|(first, now)| (size(first), size(now))) {
        None => "-".to_owned(),
        Some((before, now)) if before == now => "0".to_owned(),
        Some((before, now)) if before < now => format!("+{}", thousands(now - before)),
        Some((before, now)) => format!("-{}", thousands(before - now)),
    };
    let place = group.block.as_ref().or(group.spawn.as_ref());
    let place = place.map_or("-".to_owned(), |site| clean(&site.to_string()));
    ([thousands(tasks), change, age(group), clean(waits(group)), place], clean(&group.entry))
}

#[cfg(test)]
mod tests {
    use gleak_snapshot::SnapshotBuilder;

    use super::*;
    use crate::{Question, analyze};

    fn look(tasks: u64) -> (Snapshot, Report) {
        let mut b = SnapshotBuilder::new();
        b.taken_at(tasks * 1_000_000_000);
        let header = b.header_mut();
        (header.program, header.pid) = ("app".to_owned(), 7);
        (header.counters.spawned, header.counters.finished) = (9, 5);
        let jobs = b.channel("src/a.rs:1", None);
        for _ in 0..tasks {
            b.task("src/a.rs:3", "app::pool").receives(jobs, "src/a.rs:7");
        }
        let snapshot = b.build();
        let report = analyze(&snapshot, &Question::default());
        (snapshot, report)
    }

    #[test]
    fn growth_is_told_since_the_first_look() {
        let options = TextOptions { width: 80, ..TextOptions::default() };
        let shown = |(snapshot, report): &(Snapshot, Report), first: Option<&Sizes>| {
            top((snapshot, report), first, "runs", &options)
        };
        let (before, after) = (look(2), look(4));
        let first = Sizes::of(&before.0, &before.1);
        let at_first = shown(&before, None);
        assert!(at_first.contains("2 tasks: 2 waiting; 9 spawned, 5 finished\n"), "{at_first}");
        assert!(at_first.contains("\n    2       -  "), "{at_first}");
        let later = shown(&after, Some(&first));
        assert!(
            later.starts_with("app, pid 7, runs") && later.contains("watched for 2.0 s"),
            "{later}"
        );
        assert!(later.contains("\n    4      +2  ") && later.contains("app::pool"), "{later}");
        assert!(shown(&before, Some(&Sizes::of(&after.0, &after.1))).contains("\n    2      -2  "));
        assert!(shown(&before, Some(&first)).contains("\n    2       0  "));
    }
}
