//! The table of all groups: one line a group where the width allows it, else a few.

use std::collections::BTreeSet;

use gleak_snapshot::TaskId;

use super::block::ages;
use super::crowd::in_table;
use super::page::{Page, Style, clean, columns, cut_middle};
use super::source;
use super::stack::{LABEL, Shown};
use crate::Group;
use crate::view::View;
use crate::words::{count, span, thousands};

const GAP: usize = 2;
const LEAST_ENTRY: usize = 14;
const LEAST_WAITS: usize = 26;

struct Row {
    mark: &'static str,
    tasks: String,
    share: String,
    age: String,
    waits: String,
    spawned: String,
    entry: String,
    blocked: String,
}

struct Columns {
    tasks: usize,
    share: usize,
    age: usize,
    waits: usize,
    spawned: usize,
    entry: usize,
    blocked: usize,
}

/// With the stacks of groups, where they are known and asked for.
pub(super) fn table(page: &mut Page, view: &View<'_>, top: usize, stacks: bool) {
    let all_groups = &*view.groups;
    if all_groups.is_empty() {
        return;
    }
    let never = view.report.never_again();
    let all: usize = all_groups.iter().map(|group| group.members.len()).sum();
    let shown = if top == 0 { all_groups.len() } else { top.min(all_groups.len()) };
    let groups = &all_groups[..shown];
    let rows: Vec<Row> = groups.iter().map(|group| row(group, all, &never)).collect();
    let marked = rows.iter().any(|row| row.mark == "!");
    let legend = if marked { "   ! never goes on" } else { "" };
    let who = in_table(all_groups);
    page.blank();
    page.line(&[(Style::Plain, &format!("{who} in {}{legend}", count(all_groups.len(), "group")))]);
    page.blank();
    let head = Row {
        mark: " ",
        tasks: "tasks".to_owned(),
        share: "%".to_owned(),
        age: "age p50/max".to_owned(),
        waits: "waits".to_owned(),
        spawned: "spawned at".to_owned(),
        entry: String::new(),
        blocked: "blocked at".to_owned(),
    };
    let columns = measure(&head, &rows);
    let stacks = stacks && groups.iter().any(|group| group.backtrace.is_some());
    match columns.fitted(page.width).filter(|_| !stacks) {
        Some(columns) => wide(page, &head, &rows, &columns),
        None => narrow(page, &head, rows.iter().zip(groups), &columns, stacks),
    }
    rest(page, &all_groups[shown..]);
}

fn rest(page: &mut Page, hidden: &[Group]) {
    if hidden.is_empty() {
        return;
    }
    let tasks: usize = hidden.iter().map(|group| group.members.len()).sum();
    let text = format!("and {} of {}", count(hidden.len(), "more group"), count(tasks, "task"));
    page.wrap(2, 4, &format!("{text} (--top 0 shows all)"));
}

fn row(group: &Group, all: usize, never: &BTreeSet<TaskId>) -> Row {
    let stuck = group.members.iter().any(|member| never.contains(&member.task));
    let waits = if group.reason.is_some() { &group.waits_for } else { &group.wait_class };
    Row {
        mark: if stuck { "!" } else { " " },
        tasks: thousands(group.members.len()),
        share: percent(group.members.len(), all),
        age: age(group),
        waits: clean(waits),
        spawned: group.spawn.as_ref().map_or("-".to_owned(), |site| clean(&site.to_string())),
        entry: clean(&group.entry),
        blocked: group.block.as_ref().map_or("-".to_owned(), |site| clean(&site.to_string())),
    }
}

/// To a tenth.
pub(super) fn percent(part: usize, all: usize) -> String {
    match (part.saturating_mul(1_000) + all / 2) / all.max(1) {
        0 => "<0.1".to_owned(),
        per_mille => format!("{}.{}", per_mille / 10, per_mille % 10),
    }
}

/// How long half of them have waited at least, and the longest, in a cell.
pub(super) fn age(group: &Group) -> String {
    ages(group).map_or("-".to_owned(), |(half, max)| {
        let (half, max) = (span(half), span(max));
        if half == max { half } else { format!("{half} / {max}") }
    })
}

fn measure(head: &Row, rows: &[Row]) -> Columns {
    let all = || std::iter::once(head).chain(rows);
    let most = |cell: fn(&Row) -> &str| all().map(|row| columns(cell(row))).max().unwrap_or(0);
    Columns {
        tasks: most(|row| &row.tasks),
        share: most(|row| &row.share),
        age: most(|row| &row.age),
        waits: most(|row| &row.waits),
        spawned: most(|row| &row.spawned),
        entry: most(|row| &row.entry),
        blocked: most(|row| &row.blocked),
    }
}

impl Columns {
    fn numbers(&self) -> usize {
        2 + self.tasks + GAP + self.share + GAP + self.age + GAP
    }

    /// With function names and waits cut as far as needed, if that is enough.
    fn fitted(&self, width: usize) -> Option<Columns> {
        let fixed = self.numbers() + GAP + self.spawned + 1 + GAP + self.blocked;
        let room = width.checked_sub(fixed)?;
        let entry = self.entry.min(room.saturating_sub(self.waits).max(LEAST_ENTRY));
        let waits = self.waits.min(room.saturating_sub(entry));
        let enough = waits >= self.waits.min(LEAST_WAITS);
        enough.then_some(Columns { entry, waits, ..*self })
    }
}

fn numbers(row: &Row, columns: &Columns) -> String {
    let Columns { tasks, share, age, .. } = *columns;
    format!("{} {:>tasks$}  {:>share$}  {:<age$}  ", row.mark, row.tasks, row.share, row.age)
}

fn wide(page: &mut Page, head: &Row, rows: &[Row], columns: &Columns) {
    for row in std::iter::once(head).chain(rows) {
        let waits = cut_middle(&row.waits, columns.waits);
        let entry = cut_middle(&row.entry, columns.entry);
        let made = format!("{} {entry}", self::pad(&row.spawned, columns.spawned));
        let made = pad(&made, columns.spawned + 1 + columns.entry);
        let line = format!(
            "{}{}  {made}  {}",
            numbers(row, columns),
            pad(&waits, columns.waits),
            row.blocked
        );
        page.line(&[(style(row), &line)]);
    }
}

fn narrow<'r>(
    page: &mut Page,
    head: &Row,
    rows: impl Iterator<Item = (&'r Row, &'r Group)>,
    columns: &Columns,
    stacks: bool,
) {
    page.line(&[(Style::Plain, &format!("{}{}", numbers(head, columns), head.waits))]);
    let indent = 2 + columns.tasks + GAP;
    for (row, group) in rows {
        let first = numbers(row, columns);
        let room = page.width.saturating_sub(self::columns(&first));
        page.line(&[(style(row), &format!("{first}{}", cut_middle(&row.waits, room)))]);
        let made = format!("{}spawned at {} ", " ".repeat(indent), row.spawned);
        let room = page.width.saturating_sub(self::columns(&made)).max(LEAST_ENTRY);
        page.line(&[(Style::Plain, &format!("{made}{}", cut_middle(&row.entry, room)))]);
        let shown = group.backtrace.as_ref().filter(|_| stacks);
        let shown = Shown::of(page, group, shown, group.block.as_ref());
        if row.blocked != "-" {
            let line = format!("{}blocked at {}", " ".repeat(indent), row.blocked);
            page.beside(&line, indent + 2, shown.as_ref().and_then(|it| it.function.as_deref()));
            if page.group_sources {
                source::of_group(page, indent + LABEL, group);
            }
        }
        if let Some(shown) = shown {
            shown.draw(page, indent);
        }
    }
}

fn style(row: &Row) -> Style {
    if row.mark == "!" { Style::Alarm } else { Style::Plain }
}

fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(columns(text))))
}
