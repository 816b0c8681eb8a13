//! The tables of a page: all groups of tasks, or tasks counted by a field. Never a row a task.
//!
//! Each row is a table body of its own, so that a script can hide and move it with what is folded in it.

use std::collections::{BTreeMap, BTreeSet};

use gleak_snapshot::TaskId;

use super::group::{Fold, members_of, parts, source};
use super::writer::Writer;
use crate::render::block::ages;
use crate::render::crowd::in_table;
use crate::render::page::clean;
use crate::render::table::{age, percent};
use crate::view::{Counts, View};
use crate::words::{count, thousands};
use crate::{Group, Report};

/// Bytes of the table; what comes behind is counted.
const LARGEST: usize = 700_000;
/// Findings that are named in a row.
const FINDINGS: usize = 3;

/// Findings by task.
struct Found<'r> {
    report: &'r Report,
    findings: BTreeMap<TaskId, Vec<usize>>,
    never: BTreeSet<TaskId>,
}

impl<'r> Found<'r> {
    fn of(view: &View<'r>) -> Found<'r> {
        let mut findings: BTreeMap<TaskId, Vec<usize>> = BTreeMap::new();
        for &number in &view.findings {
            let finding = &view.report.findings[number];
            for group in finding.groups.iter().chain(&finding.dependents) {
                for member in &group.members {
                    let own = findings.entry(member.task).or_default();
                    if own.len() < FINDINGS && !own.contains(&number) {
                        own.push(number);
                    }
                }
            }
        }
        Found { report: view.report, findings, never: view.report.never_again() }
    }

    fn on(&self, group: &Group) -> Vec<usize> {
        let own = group.members.iter().filter_map(|member| self.findings.get(&member.task));
        own.flatten().copied().collect::<BTreeSet<usize>>().into_iter().take(FINDINGS).collect()
    }
}

/// The groups that are shown.
pub(super) fn groups(writer: &mut Writer, view: &View<'_>) {
    let all: usize = view.groups.iter().map(|group| group.members.len()).sum();
    let shown = match writer.top {
        0 => view.groups.len(),
        top => top.min(view.groups.len()),
    };
    let mut caption = in_table(&view.groups);
    caption.push_str(&format!(" in {}", count(view.groups.len(), "group")));
    let found = Found::of(view);
    let written = listed(writer, "groups", "Filter groups", |writer| {
        let heads = ["tasks", "%", "age p50 / max", "waits", "spawned at", "blocked at", "found"];
        head(writer, &caption, &heads);
        let start = writer.out.len();
        let mut written = 0;
        for group in view.groups.iter().take(shown) {
            if writer.out.len() - start > LARGEST {
                break;
            }
            row(writer, group, all, &found);
            written += 1;
        }
        written
    });
    rest(writer, &view.groups[written..], written < shown);
}

/// What is written last, below the table.
fn rest(writer: &mut Writer, hidden: &[Group], too_large: bool) {
    if hidden.is_empty() {
        return;
    }
    let tasks: usize = hidden.iter().map(|group| group.members.len()).sum();
    let why = match too_large {
        true => "they would make the page too large; --format json has them",
        false => "--top 0 shows all",
    };
    let more = count(hidden.len(), "more group");
    let text = format!("and {more} of {} ({why})", count(tasks, "task"));
    writer.out.element("p", &[("class", "more")], &text);
}

/// A table with its tools, which a script shows. Gives back what writing its rows did.
fn listed<R>(
    writer: &mut Writer,
    class: &str,
    filter: &str,
    rows: impl FnOnce(&mut Writer) -> R,
) -> R {
    writer.out.open("div", &[("class", "listed")]);
    writer.out.open("p", &[("class", "tools"), ("hidden", "hidden")]);
    writer.out.open("label", &[]);
    writer.out.text(filter);
    writer.out.raw(" <input type=\"search\" autocomplete=\"off\" spellcheck=\"false\"/>");
    writer.out.close();
    writer.out.raw(" <output aria-live=\"polite\"></output>");
    writer.out.close();
    writer.out.open("table", &[("class", class)]);
    let made = rows(writer);
    writer.out.close();
    writer.out.close();
    made
}

fn head(writer: &mut Writer, caption: &str, heads: &[&'static str]) {
    let out = &mut writer.out;
    out.element("caption", &[], caption);
    out.open("thead", &[]);
    out.open("tr", &[]);
    for head in heads {
        out.element("th", &[("scope", "col")], head);
    }
    out.close();
    out.close();
}

fn row(writer: &mut Writer, group: &Group, all: usize, found: &Found<'_>) {
    let stuck = group.members.iter().any(|member| found.never.contains(&member.task));
    writer.out.open("tbody", if stuck { &[("class", "never")] } else { &[] });
    writer.out.open("tr", &[]);
    let tasks = group.members.len();
    let longest = ages(group).map_or(0, |(_, longest)| longest);
    number(writer, tasks as u64, &thousands(tasks));
    number(writer, tasks as u64, &percent(tasks, all));
    number(writer, longest, &age(group));
    let out = &mut writer.out;
    let waits = if group.reason.is_some() { &group.waits_for } else { &group.wait_class };
    out.element("td", &[], waits);
    out.open("td", &[]);
    if let Some(site) = &group.spawn {
        out.element("code", &[("class", "site")], &site.to_string());
        out.raw(" ");
    }
    out.element("code", &[("class", "function")], &group.entry);
    out.close();
    out.open("td", &[]);
    match &group.block {
        Some(site) => out.element("code", &[("class", "site")], &site.to_string()),
        None => out.raw("-"),
    }
    out.close();
    findings(writer, group, stuck, found);
    writer.out.close();
    details(writer, group);
    writer.out.close();
}

/// A cell that is sorted by its number.
fn number(writer: &mut Writer, value: u64, text: &str) {
    writer.out.element("td", &[("class", "number"), ("data-v", &value.to_string())], text);
}

fn findings(writer: &mut Writer, group: &Group, stuck: bool, found: &Found<'_>) {
    let own = found.on(group);
    // The gravest first, when the table is sorted by it.
    let first = own.first().map_or(0, |number| found.report.findings.len() - number);
    writer.out.open("td", &[("data-v", &first.to_string())]);
    for number in &own {
        let text = format!("[{}]", number + 1);
        let out = &mut writer.out;
        match writer.ids.of_finding(*number) {
            Some(id) => out.element("a", &[("href", &format!("#{id}"))], &text),
            None => out.text(&text),
        }
        out.raw(" ");
    }
    if stuck {
        writer.out.element("b", &[("class", "alarm")], "never goes on");
    } else if own.is_empty() {
        writer.out.raw("-");
    }
    writer.out.close();
}

/// Who they are and where they stand, folded below the row.
fn details(writer: &mut Writer, group: &Group) {
    let members = members_of(writer, group);
    writer.out.open("tr", &[("class", "details")]);
    writer.out.open("td", &[("colspan", "7")]);
    writer.out.open("details", &[]);
    let mut has = vec!["who"];
    has.extend((!group.ancestry.is_empty()).then_some("parents"));
    has.extend(group.backtrace.is_some().then_some("stack"));
    writer.out.element("summary", &[], &has.join(", "));
    source(writer, group);
    parts(writer, group, &members, Fold::Around);
    writer.out.close();
    writer.out.close();
    writer.out.close();
}

/// Tasks by a field.
pub(super) fn counts(writer: &mut Writer, counts: &Counts) {
    let all: u64 = counts.rows.iter().map(|row| row.tasks).sum();
    let shown = match writer.top {
        0 => counts.rows.len(),
        top => top.min(counts.rows.len()),
    };
    let tasks = |number: u64| count(usize::try_from(number).unwrap_or(usize::MAX), "task");
    let caption = format!("{} by {}", tasks(all), clean(&counts.by));
    let written = listed(writer, "counts", "Filter", |writer| {
        head(writer, &caption, &["tasks", "%", "age p50 / max", "value", "never goes on"]);
        let start = writer.out.len();
        let rows = counts.rows.iter().take(shown);
        let mut written = 0;
        for row in rows {
            if writer.out.len() - start > LARGEST {
                break;
            }
            counted(writer, row, all);
            written += 1;
        }
        written
    });
    let hidden = &counts.rows[written..];
    if !hidden.is_empty() {
        let more = count(hidden.len(), "more value");
        let text = format!("and {more} with {}", tasks(hidden.iter().map(|row| row.tasks).sum()));
        writer.out.element("p", &[("class", "more")], &text);
    }
}

fn counted(writer: &mut Writer, row: &crate::view::Row, all: u64) {
    let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    writer.out.open("tbody", if row.stuck > 0 { &[("class", "never")] } else { &[] });
    writer.out.open("tr", &[]);
    number(writer, row.tasks, &thousands(whole(row.tasks)));
    number(writer, row.tasks, &percent(whole(row.tasks), whole(all)));
    number(writer, row.longest_ns.unwrap_or(0), &crate::render::counts::age(row));
    writer.out.element("td", &[], row.value.as_deref().unwrap_or("-"));
    let stuck = if row.stuck > 0 { thousands(whole(row.stuck)) } else { "-".to_owned() };
    number(writer, row.stuck, &stuck);
    writer.out.close();
    writer.out.close();
}
