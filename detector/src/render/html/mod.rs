//! Reports as a page: one file that needs nothing else, for browsers, printers and those who cannot run
//! scripts.
//!
//! Read from the top: the verdict, what it is not sure of, the findings with a picture of who waits for
//! whom, all groups of tasks, a flame graph. Several dumps stand one after another below a list of them.
//!
//! Invariants:
//! 1. Nothing is fetched: no address outside of the page is in it but the names of its languages.
//! 2. Well-formed as HTML and as XML, whatever the names in a dump are (see `markup.rs`).
//! 3. A script only filters, sorts and unfolds; all that is there can be read without it.
//! 4. Bounded whatever a dump holds; what is left out is counted.

mod arrange;
mod finding;
mod group;
mod ids;
mod layers;
mod markup;
mod policy;
mod table;
mod wait_picture;
mod writer;

use super::page::Page;
use super::stack::Shown;
use super::text::{left_out_words, not_seen};
use super::{TextOptions, exceptions, held, remedy, verdict};
use crate::view::View;
use crate::words::{count, thousands};
use crate::{Report, SourceLines};
use ids::Ids;
use markup::Markup;
use writer::{Level, ROOM, Writer};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// More findings than this are in the table and in the JSON.
const FINDINGS: usize = 50;
/// Bytes of findings; what comes behind is counted.
const LARGEST: usize = 500_000;
/// More of them say no more: the machine is busy.
const WORKERS: usize = 8;
/// Lines about exceptions.
const EXCEPTIONS: usize = 100;

/// One dump of a page.
#[derive(Clone, Debug)]
pub struct Sheet<'r> {
    /// What the input is called.
    pub name: &'r str,
    /// What names it on a command line, as a shell reads it; none where no command finds it again.
    pub again: Option<&'r str>,
    /// As [`TextOptions::closing`].
    pub closing: Vec<(&'static str, Vec<String>)>,
    /// What of its report is shown.
    pub view: View<'r>,
    /// The source of its places.
    pub sources: SourceLines,
    /// Whether it holds tasks, and not findings alone.
    pub has_tasks: bool,
    /// A flame graph as an `svg` element without ids, scripts and styles. It is put in as it is.
    pub flame: Option<String>,
}

/// A page on one dump or several. Of the options those on groups, stacks and frames count; no stacks of
/// the table are left out.
#[must_use]
pub fn html(sheets: &[Sheet<'_>], options: &TextOptions) -> String {
    let several = sheets.len() > 1;
    let level = if several { Level::Several } else { Level::One };
    let page = Page::new(options);
    let out = Markup::new();
    let mut writer = Writer { out, ids: Ids::default(), page, room: 0, level, top: options.top };
    writer.out.raw("<!DOCTYPE html>\n");
    writer.out.open("html", &[("xmlns", "http://www.w3.org/1999/xhtml"), ("lang", "en")]);
    head(&mut writer.out, sheets);
    writer.out.open("body", &[]);
    writer.out.open("main", &[]);
    if several {
        contents(&mut writer, sheets);
    }
    for (at, sheet) in sheets.iter().enumerate() {
        writer.ids.next_dump();
        (writer.room, writer.page.sources) = (ROOM, sheet.sources.clone());
        let id = format!("dump-{}", at + 1);
        writer.out.open("section", &[("class", "dump"), ("id", &id)]);
        dump(&mut writer, sheet, at);
        writer.out.close();
    }
    writer.out.close();
    writer.out.open("footer", &[]);
    writer.out.text(concat!("gleak ", env!("CARGO_PKG_VERSION")));
    writer.out.close();
    writer.out.open("script", &[]);
    writer.out.raw(SCRIPT);
    writer.out.close();
    writer.out.close();
    writer.out.close();
    writer.out.finish()
}

fn head(out: &mut Markup, sheets: &[Sheet<'_>]) {
    out.open("head", &[]);
    out.empty("meta", &[("charset", "utf-8")]);
    let allowed = policy::policy(STYLE, SCRIPT);
    let policy = [("http-equiv", "Content-Security-Policy"), ("content", allowed.as_str())];
    out.empty("meta", &policy);
    let scale = "width=device-width, initial-scale=1";
    out.empty("meta", &[("name", "viewport"), ("content", scale)]);
    out.empty("meta", &[("name", "color-scheme"), ("content", "light dark")]);
    out.empty("meta", &[("name", "referrer"), ("content", "no-referrer")]);
    let title = match sheets {
        [one] => format!("{} ({})", said(one.view.report), one.view.report.program),
        _ => format!("gleak: {}", count(sheets.len(), "report")),
    };
    out.element("title", &[], &title);
    out.open("style", &[]);
    out.raw(STYLE);
    out.close();
    out.close();
}

/// The verdict, as a heading says it.
fn said(report: &Report) -> String {
    let verdict = verdict::process(report);
    let bare = verdict.strip_prefix("gleak: ").unwrap_or(&verdict);
    let mut letters = bare.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

fn contents(writer: &mut Writer, sheets: &[Sheet<'_>]) {
    let out = &mut writer.out;
    out.open("header", &[]);
    out.element("h1", &[], &count(sheets.len(), "report"));
    out.close();
    out.open("nav", &[("class", "contents"), ("aria-label", "Reports")]);
    out.open("ol", &[]);
    for (at, sheet) in sheets.iter().enumerate() {
        let report = sheet.view.report;
        out.open("li", &[("class", grade(report))]);
        let href = format!("#dump-{}", at + 1);
        out.element("a", &[("href", &href)], sheet.name);
        out.raw(" ");
        out.sentence(&said(report));
        out.close();
    }
    out.close();
    out.close();
}

/// How bad it is, as a class.
fn grade(report: &Report) -> &'static str {
    if report.findings.iter().any(|it| it.is_for_good()) {
        "alarm"
    } else if report.findings.is_empty() {
        "calm"
    } else {
        "warning"
    }
}

fn dump(writer: &mut Writer, sheet: &Sheet<'_>, at: usize) {
    let view = &sheet.view;
    let report = view.report;
    top(writer, sheet);
    let suffix = if at == 0 { String::new() } else { format!("-{}", at + 1) };
    let id = |name: &str| format!("{name}{suffix}");
    let has_groups = view.counts.is_some() || !view.groups.is_empty();
    let excepted = exceptions::all(&report.exceptions);
    let parts = [
        (!view.findings.is_empty(), "findings", "Findings"),
        (!report.held.is_empty(), "held", "Held workers"),
        (has_groups, "groups", "Tasks"),
        (sheet.flame.is_some(), "flame", "Flame graph"),
        (!excepted.is_empty(), "exceptions", "Exceptions"),
    ];
    let parts = parts.map(|(is_there, name, title)| is_there.then(|| (id(name), title)));
    navigation(writer, &parts);
    let [findings_part, held_part, groups_part, flame_part, exceptions_part] = parts;
    part(writer, findings_part, |writer| findings(writer, sheet));
    part(writer, held_part, |writer| held_workers(writer, report));
    part(writer, groups_part, |writer| match &view.counts {
        Some(by) => table::counts(writer, by),
        None => table::groups(writer, view),
    });
    part(writer, flame_part, |writer| flame(writer, sheet));
    part(writer, exceptions_part, |writer| list(writer, &excepted));
}

/// What is the matter, in which process, and what is not known of it.
fn top(writer: &mut Writer, sheet: &Sheet<'_>) {
    let (report, level) = (sheet.view.report, writer.level);
    let out = &mut writer.out;
    out.open("header", &[("class", grade(report))]);
    let whose = verdict::whose(&report.program, report.pid);
    out.open("p", &[("class", "whose")]);
    out.text(&whose);
    // Dumps of Go programs are called by their files.
    if report.program != sheet.name {
        out.raw(", ");
        out.element("code", &[], sheet.name);
    }
    out.close();
    out.open(level.verdict(), &[]);
    out.sentence(&said(report));
    out.close();
    let gaps = not_seen(&report.completeness);
    if !gaps.is_empty() {
        out.open("div", &[("class", "gaps"), ("role", "note")]);
        for gap in &gaps {
            out.open("p", &[]);
            out.sentence(gap);
            out.close();
        }
        out.close();
    }
    if let Some(left) = &sheet.view.left_out {
        out.open("p", &[("class", "gaps")]);
        out.sentence(&left_out_words(left));
        out.close();
    }
    if sheet.has_tasks {
        numbers(out, report);
    }
    if !sheet.closing.is_empty() {
        closing(out, &sheet.closing);
    }
    out.close();
}

fn closing(out: &mut Markup, all: &[(&'static str, Vec<String>)]) {
    out.open("dl", &[("class", "closing")]);
    for (word, lines) in all {
        out.element("dt", &[], word);
        for line in lines {
            out.open("dd", &[]);
            out.sentence(line);
            out.close();
        }
    }
    out.close();
}

fn numbers(out: &mut Markup, report: &Report) {
    let totals = &report.totals;
    let all = [
        (totals.tasks, "tasks"),
        (totals.stuck, "never go on"),
        (totals.waiting, "waiting"),
        (totals.timed, "timed"),
        (totals.active, "running"),
        (totals.fresh, "not started"),
        (totals.threads, "threads"),
    ];
    out.open("dl", &[("class", "numbers")]);
    for (at, (number, what)) in all.into_iter().enumerate() {
        if number > 0 || at == 0 {
            out.open("div", &[]);
            out.element("dt", &[], what);
            out.element("dd", &[], &thousands(verdict::number(number)));
            out.close();
        }
    }
    out.close();
}

type Part = Option<(String, &'static str)>;

fn navigation(writer: &mut Writer, parts: &[Part]) {
    let out = &mut writer.out;
    out.open("nav", &[("aria-label", "Parts")]);
    out.open("ul", &[]);
    for (id, title) in parts.iter().flatten() {
        out.open("li", &[]);
        out.element("a", &[("href", &format!("#{id}"))], title);
        out.close();
    }
    out.close();
    out.close();
}

fn part(writer: &mut Writer, part: Part, inside: impl FnOnce(&mut Writer)) {
    let Some((id, title)) = part else { return };
    writer.out.open("section", &[("id", &id), ("aria-label", title)]);
    writer.out.element(writer.level.part(), &[], title);
    inside(writer);
    writer.out.close();
}

fn findings(writer: &mut Writer, sheet: &Sheet<'_>) {
    let view = &sheet.view;
    // They name findings by their numbers, and tell of all.
    if let Some(start) = remedy::start_words(&view.report.findings).filter(|_| view.is_whole()) {
        writer.out.open("p", &[("class", "start")]);
        writer.out.raw("<b>start with</b> ");
        writer.out.text(&start);
        writer.out.close();
    }
    let begin = writer.out.len();
    let mut shown = 0;
    for (place, &number) in view.findings.iter().take(FINDINGS).enumerate() {
        if writer.out.len() - begin > LARGEST {
            break;
        }
        finding::finding(writer, sheet, number, place);
        shown += 1;
    }
    if view.findings.len() > shown {
        let more = count(view.findings.len() - shown, "more finding");
        writer.out.element("p", &[("class", "more")], &format!("and {more}"));
    }
}

fn flame(writer: &mut Writer, sheet: &Sheet<'_>) {
    let out = &mut writer.out;
    out.element(
        "p",
        &[],
        "Where tasks come from, then where they wait; the width of a box is a number of tasks.",
    );
    let scrolls = [("class", "scroll flame"), ("role", "region"), ("aria-label", "Flame graph")];
    out.open("div", &[&scrolls[..], &[("tabindex", "0")]].concat());
    out.picture(sheet.flame.as_deref().unwrap_or_default());
    out.close();
}

/// With the stacks of those whose threads sleep: where is all that tells on what.
fn held_workers(writer: &mut Writer, report: &Report) {
    writer.out.open("ul", &[("class", "lines")]);
    let lines = held::held_workers(report);
    for (worker, line) in report.held.iter().zip(&lines).take(WORKERS) {
        writer.out.open("li", &[]);
        writer.out.sentence(line);
        let stack = worker.backtrace.as_ref().filter(|_| worker.sleeps.is_some());
        let spawn = worker.spawn.as_ref();
        if let Some(shown) = stack.and_then(|it| Shown::alone(&writer.page, it, spawn)) {
            group::stack(writer, "stack", &shown.owned(), None, group::Fold::Each);
        }
        writer.out.close();
    }
    writer.out.close();
    if lines.len() > WORKERS {
        let more = count(lines.len() - WORKERS, "more held worker");
        writer.out.element("p", &[("class", "more")], &format!("and {more}"));
    }
}

fn list(writer: &mut Writer, lines: &[String]) {
    let out = &mut writer.out;
    out.open("ul", &[("class", "lines")]);
    for line in lines.iter().take(EXCEPTIONS) {
        out.open("li", &[]);
        out.sentence(line);
        out.close();
    }
    out.close();
    if lines.len() > EXCEPTIONS {
        out.element("p", &[("class", "more")], &format!("and {} more", lines.len() - EXCEPTIONS));
    }
}
