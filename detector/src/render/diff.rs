//! Two reports compared, for people and for programs.

use serde::Serialize;

use super::TextOptions;
use super::json::{SCHEMA, document};
use super::page::{Page, Style, clean, columns, cut_middle};
use crate::Certainty;
use crate::diff::{Change, Diff, GroupShape, Kind, Totals};
use crate::words::{count, thousands};

/// What differs, for people.
#[must_use]
pub fn diff(diff: &Diff, options: &TextOptions) -> String {
    let mut page = Page::new(options);
    let (before, after) = diff.tasks;
    let tasks = format!("{} tasks, then {}", number(before), number(after));
    page.split(Style::Strong, &verdict(diff.totals), &[(Style::Plain, &tasks)]);
    if !diff.findings.is_empty() {
        page.blank();
        page.line(&[(Style::Plain, "findings")]);
    }
    each_kind(&diff.findings, options.top, |shown| match shown {
        Shown::One(change) => {
            let what = &change.what;
            let (rule, certainty) = (what.rule.id(), what.certainty.word());
            let head = format!("{rule}, {certainty}  {}", clean(&what.fingerprint));
            let alarm = change.kind <= Kind::Grown && what.certainty == Certainty::Certain;
            row(&mut page, change, if alarm { Style::Alarm } else { Style::Plain }, &head);
            places(&mut page, &what.group);
        }
        Shown::More(kind, hidden) => more(&mut page, kind, hidden, "finding"),
    });
    if !diff.groups.is_empty() {
        page.blank();
        page.line(&[(Style::Plain, "groups of tasks")]);
    }
    each_kind(&diff.groups, options.top, |shown| match shown {
        Shown::One(change) => {
            row(&mut page, change, Style::Plain, &clean(&change.what.wait_class));
            places(&mut page, &change.what);
        }
        Shown::More(kind, hidden) => more(&mut page, kind, hidden, "group"),
    });
    let (findings, groups) = (diff.same_findings, diff.same_groups);
    page.blank();
    let (findings, groups) = (count(findings, "finding"), count(groups, "group"));
    page.wrap(0, 2, &format!("{findings} and {groups} as before"));
    if let Some(left) = &diff.left_out {
        let (findings, groups) = (count(left.findings, "finding"), count(left.groups, "group"));
        let text = format!("--where {} leaves out {findings} and {groups}", clean(&left.filter));
        page.wrap(0, 2, &format!("{text} that differ; the verdict is on all"));
    }
    page.finish()
}

#[derive(Serialize)]
struct Versioned<'d> {
    schema: u32,
    #[serde(flatten)]
    diff: &'d Diff,
}

/// What differs, for programs.
#[must_use]
pub fn diff_json(diff: &Diff) -> String {
    document(&Versioned { schema: SCHEMA, diff })
}

enum Shown<'c, T> {
    One(&'c Change<T>),
    More(Kind, usize),
}

/// The first ones of each kind, and how many more there are. They come sorted by kind.
fn each_kind<T>(changes: &[Change<T>], top: usize, mut show: impl FnMut(Shown<'_, T>)) {
    for of_kind in changes.chunk_by(|a, b| a.kind == b.kind) {
        let shown = if top == 0 { of_kind.len() } else { top.min(of_kind.len()) };
        of_kind[..shown].iter().for_each(|change| show(Shown::One(change)));
        if let Some(first) = of_kind.get(shown) {
            show(Shown::More(first.kind, of_kind.len() - shown));
        }
    }
}

fn verdict(totals: Totals) -> String {
    let Totals { new, grown, shrunk, gone } = totals;
    let kinds =
        [(Kind::New, new), (Kind::Grown, grown), (Kind::Shrunk, shrunk), (Kind::Gone, gone)];
    let parts = kinds.into_iter().filter(|(_, number)| *number > 0);
    let parts: Vec<String> =
        parts.map(|(kind, number)| format!("{} {}", thousands(number), kind.word())).collect();
    if parts.is_empty() {
        "no finding differs".to_owned()
    } else {
        format!("findings: {}", parts.join(", "))
    }
}

fn row<T>(page: &mut Page, change: &Change<T>, style: Style, text: &str) {
    let numbers = match change.kind {
        Kind::New => number(change.after),
        Kind::Gone => number(change.before),
        Kind::Grown | Kind::Shrunk => {
            format!("{} -> {}", number(change.before), number(change.after))
        }
    };
    let line = format!("  {:<7} {numbers:>13}  {text}", change.kind.word());
    page.line(&[(style, &line)]);
}

fn places(page: &mut Page, group: &GroupShape) {
    let indent = " ".repeat(10);
    let place = |site: &Option<crate::snapshot::Site>| {
        site.as_ref().map_or("-".to_owned(), |site| clean(&site.to_string()))
    };
    let (spawn, block) = (place(&group.spawn), place(&group.block));
    let room = page.width.saturating_sub(columns(&spawn) + columns(&block) + indent.len() + 5);
    let entry = cut_middle(&clean(&group.entry), room.max(14));
    page.line(&[(Style::Plain, &format!("{indent}{spawn} {entry} -> {block}"))]);
}

fn more(page: &mut Page, kind: Kind, hidden: usize, noun: &str) {
    let hidden = count(hidden, &format!("more {noun}"));
    let line = format!("  {:<7} and {hidden} (--top 0 shows all)", kind.word());
    page.line(&[(Style::Plain, &line)]);
}

fn number(count: u64) -> String {
    thousands(usize::try_from(count).unwrap_or(usize::MAX))
}
