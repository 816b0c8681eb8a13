//! Stacks below the sites at which they stand.
//!
//! The site's line takes the function that it is in from the stack, so that the rows below tell
//! only what called that. Files are shown from where the program's own sites count, as those are.

use super::page::{Page, Style, clean, columns, cut_middle};
use crate::source_lines::{folder, foreign, own_folders};
use crate::stack::{Backtrace, BacktraceFrame};
use crate::words::{count, thousands};
use crate::{Group, key, shorten};
use gleak_snapshot::Site;

/// The column behind a label, as in `spawned  src/a.rs:5`.
pub(super) const LABEL: usize = 9;

/// The part of a stack that is shown.
pub(super) struct Shown<'g> {
    backtrace: &'g Backtrace,
    /// The function that the site is in, when the stack begins there.
    pub(super) function: Option<String>,
    /// What called it, or the whole stack.
    rows: Vec<Row>,
    /// Frames that there was no room for.
    more: usize,
}

struct Row {
    place: String,
    function: String,
}

/// A shown stack for other languages than text: places and functions, harmless but not escaped.
pub(super) struct Rows {
    /// As [`Shown::function`].
    pub(super) function: Option<String>,
    pub(super) rows: Vec<(String, String)>,
    /// What is not shown of it, and why.
    pub(super) remarks: Vec<String>,
}

impl<'g> Shown<'g> {
    /// None when there is nothing to show.
    pub(super) fn of(
        page: &Page,
        group: &Group,
        backtrace: Option<&'g Backtrace>,
        site: Option<&Site>,
    ) -> Option<Shown<'g>> {
        Shown::cut(page, backtrace?, site, own_folders(group).next().as_deref())
    }

    /// A stack by itself, of a task that was spawned there.
    pub(super) fn alone(page: &Page, it: &'g Backtrace, spawn: Option<&Site>) -> Option<Self> {
        let ways = it.frames.iter().filter_map(|frame| folder(frame, spawn?));
        let own = ways.into_iter().find(|folder| !folder.is_empty());
        Shown::cut(page, it, None, own.as_deref())
    }

    /// As [`Shown::alone`], of a task that waits there.
    pub(super) fn waiting(
        page: &Page,
        it: &'g Backtrace,
        spawn: Option<&Site>,
        site: &Site,
    ) -> Option<Self> {
        let way = |frame| folder(frame, site).or_else(|| folder(frame, spawn?));
        let own = it.frames.iter().filter_map(way).find(|folder| !folder.is_empty());
        Shown::cut(page, it, Some(site), own.as_deref())
    }

    fn cut(
        page: &Page,
        backtrace: &'g Backtrace,
        site: Option<&Site>,
        own: Option<&str>,
    ) -> Option<Shown<'g>> {
        if page.frames == 0 {
            return None;
        }
        let seen = |frame: &&BacktraceFrame| page.runtime_frames || !frame.runtime;
        let mut frames: Vec<&BacktraceFrame> = backtrace.frames.iter().filter(seen).collect();
        let more = frames.len().saturating_sub(page.frames);
        frames.truncate(page.frames);
        let begins =
            |frame: &&BacktraceFrame| site.is_some_and(|site| folder(frame, site).is_some());
        let first = frames.first().copied().filter(begins);
        if first.is_some() {
            frames.remove(0);
        }
        let row = |frame: &BacktraceFrame| Row {
            place: place(frame, own),
            function: clean(&shorten(&frame.function)),
        };
        Some(Shown {
            backtrace,
            function: first.map(|frame| clean(&shorten(&frame.function))),
            rows: frames.into_iter().map(row).collect(),
            more,
        })
    }

    /// Makes the function a row again, for a line that says something else.
    pub(super) fn tells(&mut self, site: &Site) {
        if let Some(function) = self.function.take() {
            self.rows.insert(0, Row { place: clean(&site.to_string()), function });
        }
    }

    pub(super) fn owned(self) -> Rows {
        let remarks = self.remarks();
        let rows = self.rows.into_iter().map(|Row { place, function }| (place, function)).collect();
        Rows { function: self.function, rows, remarks }
    }

    pub(super) fn draw(&self, page: &mut Page, indent: usize) {
        let mut lines = rows(&self.rows, page.width.saturating_sub(indent + LABEL));
        lines.extend(self.remarks());
        for (number, line) in lines.iter().enumerate() {
            let label = if number == 0 { "from" } else { "" };
            let line = format!("{}{label:LABEL$}{line}", " ".repeat(indent));
            page.line(&[(Style::Plain, &line)]);
        }
    }

    fn remarks(&self) -> Vec<String> {
        let Backtrace { cut, tasks, different, .. } = *self.backtrace;
        let mut remarks = Vec::new();
        if self.more > 0 {
            remarks.push(format!("and {}", count(self.more, "more frame")));
        }
        if cut {
            remarks.push("cut here: the rest could not be read".to_owned());
        }
        if different > 1 {
            let tasks = count(super::verdict::number(tasks), "task");
            let different = thousands(super::verdict::number(different));
            remarks.push(format!("{different} different stacks; this one is of {tasks}"));
        }
        remarks
    }
}

/// Places in a column, functions beside them; below, where a place takes more than half of the
/// line, or a function more than what is left.
fn rows(rows: &[Row], width: usize) -> Vec<String> {
    let places = rows.iter().map(|row| columns(&row.place));
    let column = places.filter(|&place| place <= width / 2).max().unwrap_or(0);
    let room = width - column.min(width);
    let mut lines = Vec::new();
    for Row { place, function } in rows {
        if place.is_empty() {
            lines.push(cut_middle(function, width));
        } else if columns(place) <= column && columns(function) + 2 <= room {
            let gap = " ".repeat(column - columns(place) + 2);
            lines.push(format!("{place}{gap}{function}"));
        } else {
            lines.push(place.clone());
            lines.push(format!("  {}", cut_middle(function, width.saturating_sub(2))));
        }
    }
    lines
}

/// `file:line`, as short as it is still found; empty when it is not known.
fn place(frame: &BacktraceFrame, own: Option<&str>) -> String {
    let Some(file) = frame.file.as_deref() else { return String::new() };
    let file = key::file(file);
    let short = own.and_then(|own| file.strip_prefix(own)).unwrap_or_else(|| foreign(&file));
    clean(&frame.line.map_or(short.to_owned(), |line| format!("{short}:{line}")))
}
