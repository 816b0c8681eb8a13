//! What a test run leaves behind, as a table by test, task and wait: a line a row where the width allows it,
//! else three.

use super::TextOptions;
use super::page::{Page, Style, clean, columns, cut_middle};
use crate::survey::{Row, Standing, Survey};
use crate::words::{count, thousands};

/// The column of counts.
const TASKS: usize = 8;
const GAP: &str = "  ";
/// Less than this of a function's name says nothing.
const LEAST_ENTRY: usize = 14;
/// What belongs to no test.
const NO_TEST: &str = "(none)";

struct Cells {
    tasks: String,
    test: String,
    spawned: String,
    entry: String,
    waits: String,
}

/// The tasks of a survey, the biggest rows first: those that were left, and below them those that could
/// still have ended. At most [`TextOptions::top`] rows of each; 0 shows all.
#[must_use]
pub fn survey(survey: &Survey, options: &TextOptions) -> String {
    let mut page = Page::new(options);
    let left = survey.biggest(Standing::Left);
    if !left.is_empty() {
        table(&mut page, &left, options.top);
    }
    let open = survey.biggest(Standing::CutShort);
    if !open.is_empty() {
        if !left.is_empty() {
            page.blank();
        }
        page.wrap(
            0,
            2,
            "could still have ended, or another of its test could: the runtime was shut down first",
        );
        table(&mut page, &open, options.top);
    }
    page.finish()
}

fn table(page: &mut Page, rows: &[(&Row, u64)], top: usize) {
    let shown = if top == 0 { rows.len() } else { top.min(rows.len()) };
    let cells: Vec<Cells> = rows[..shown].iter().map(|(row, tasks)| cells(row, *tasks)).collect();
    let head = Cells {
        tasks: "tasks".to_owned(),
        test: "test".to_owned(),
        spawned: "spawned at".to_owned(),
        entry: String::new(),
        waits: "waits".to_owned(),
    };
    let all = || std::iter::once(&head).chain(&cells);
    let most = |cell: fn(&Cells) -> &str| all().map(|it| columns(cell(it))).max().unwrap_or(0);
    let (test, spawned) = (most(|it| &it.test), most(|it| &it.spawned));
    let (entry, waits) = (most(|it| &it.entry), most(|it| &it.waits));
    let fixed = TASKS + test + spawned + waits + 4 * GAP.len();
    let room = page.width.saturating_sub(fixed);
    if room >= entry.min(LEAST_ENTRY) {
        let entry = entry.min(room);
        all().for_each(|it| wide(page, it, [test, spawned, entry]));
    } else {
        page.line(&[(Style::Plain, &format!("{:>TASKS$}{GAP}test", "tasks"))]);
        cells.iter().for_each(|it| narrow(page, it));
    }
    let hidden = &rows[shown..];
    if !hidden.is_empty() {
        let tasks = hidden.iter().fold(0_u64, |all, (_, tasks)| all.saturating_add(*tasks));
        let tasks = count(whole(tasks), "task");
        page.wrap(2, 4, &format!("and {} of {tasks}", count(hidden.len(), "more row")));
    }
}

fn cells(row: &Row, tasks: u64) -> Cells {
    let at = row.block.as_ref().map_or_else(String::new, |site| format!(" at {site}"));
    Cells {
        tasks: thousands(whole(tasks)),
        test: row.test.as_deref().map_or_else(|| NO_TEST.to_owned(), clean),
        spawned: row.spawn.as_ref().map_or_else(|| "-".to_owned(), |site| clean(&site.to_string())),
        entry: clean(&row.entry),
        waits: clean(&format!("{}{at}", row.wait)),
    }
}

fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn wide(page: &mut Page, cells: &Cells, [test, spawned, entry]: [usize; 3]) {
    let parts = [
        format!("{:>TASKS$}", cells.tasks),
        pad(&cells.test, test),
        pad(&cells.spawned, spawned),
        pad(&cut_middle(&cells.entry, entry), entry),
        cells.waits.clone(),
    ];
    page.line(&[(Style::Plain, &parts.join(GAP))]);
}

fn narrow(page: &mut Page, cells: &Cells) {
    let first = format!("{:>TASKS$}{GAP}", cells.tasks);
    let room = page.width.saturating_sub(columns(&first));
    page.line(&[(Style::Plain, &format!("{first}{}", cut_middle(&cells.test, room)))]);
    let indent = TASKS + 2 * GAP.len();
    let spawned = format!("{}spawned  {}", " ".repeat(indent), cells.spawned);
    page.beside(&spawned, indent + 9, Some(&cells.entry));
    page.line(&[(Style::Plain, &format!("{}waits    {}", " ".repeat(indent), cells.waits))]);
}

fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(columns(text))))
}
