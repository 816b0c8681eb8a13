//! The table of tasks by one field.

use super::page::{Page, Style, clean, columns, cut_middle};
use super::table::percent;
use crate::view::{Counts, Row};
use crate::words::{count, span, thousands};

struct Cells {
    mark: &'static str,
    tasks: String,
    share: String,
    age: String,
    value: String,
}

pub(super) fn counts(page: &mut Page, counts: &Counts, top: usize) {
    let all: u64 = counts.rows.iter().map(|row| row.tasks).sum();
    let shown = if top == 0 { counts.rows.len() } else { top.min(counts.rows.len()) };
    let mut rows = vec![Cells {
        mark: " ",
        tasks: "tasks".to_owned(),
        share: "%".to_owned(),
        age: "age p50/max".to_owned(),
        value: clean(&counts.by),
    }];
    rows.extend(counts.rows[..shown].iter().map(|row| cells(row, all)));
    let legend = if rows.iter().any(|row| row.mark == "!") { "   ! some never go on" } else { "" };
    page.blank();
    let tasks = count(usize::try_from(all).unwrap_or(usize::MAX), "task");
    page.line(&[(Style::Plain, &format!("{tasks} by {}{legend}", clean(&counts.by)))]);
    page.blank();
    let widest = |cell: fn(&Cells) -> &str| rows.iter().map(|it| columns(cell(it))).max();
    let tasks = widest(|it| &it.tasks).unwrap_or(0);
    let share = widest(|it| &it.share).unwrap_or(0);
    let age = widest(|it| &it.age).unwrap_or(0);
    for row in &rows {
        let numbers = format!(
            "{} {:>tasks$}  {:>share$}  {:<age$}  ",
            row.mark, row.tasks, row.share, row.age
        );
        let room = page.width.saturating_sub(columns(&numbers));
        // A place is never cut.
        let value = match counts.by.as_str() {
            "spawn" | "blocked" => row.value.clone(),
            _ => cut_middle(&row.value, room),
        };
        let style = if row.mark == "!" { Style::Alarm } else { Style::Plain };
        page.line(&[(style, &format!("{numbers}{value}"))]);
    }
    let hidden = &counts.rows[shown..];
    if !hidden.is_empty() {
        let tasks: u64 = hidden.iter().map(|row| row.tasks).sum();
        let tasks = count(usize::try_from(tasks).unwrap_or(usize::MAX), "task");
        let more = count(hidden.len(), "more value");
        page.wrap(2, 4, &format!("and {more} with {tasks} (--top 0 shows all)"));
    }
}

fn cells(row: &Row, all: u64) -> Cells {
    let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Cells {
        mark: if row.stuck > 0 { "!" } else { " " },
        tasks: thousands(whole(row.tasks)),
        share: percent(whole(row.tasks), whole(all)),
        age: age(row),
        value: row.value.as_deref().map_or("-".to_owned(), clean),
    }
}

/// How long half of them have waited at least, and the longest, in a cell.
pub(super) fn age(row: &Row) -> String {
    match (row.half_ns.map(span), row.longest_ns.map(span)) {
        (Some(half), Some(longest)) if half == longest => half,
        (Some(half), Some(longest)) => format!("{half} / {longest}"),
        _ => "-".to_owned(),
    }
}
