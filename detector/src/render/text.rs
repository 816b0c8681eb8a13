//! The report for people: verdict, findings, held workers, table of groups, what was not seen, what
//! was excepted.

use gleak_snapshot::{Completeness, Coverage};

use super::asides::{asides, ending};
use super::block::block;
use super::counts::counts;
use super::exceptions::exceptions;
use super::held::held;
use super::page::{Page, Style, clean};
use super::remedy::{Reader, remedies};
use super::stack::LABEL;
use super::table::table;
use super::verdict::{self, Ended};
use super::{Charge, Test, TextOptions};
use crate::view::{LeftOut, View};
use crate::words::{count, thousands};
use crate::{Finding, Group, Report};

/// More findings than this are in the table and in the JSON.
const FINDINGS: usize = 50;

pub(super) fn text(view: &View<'_>, options: &TextOptions) -> String {
    let report = view.report;
    let mut page = Page::new(options);
    let process = verdict::whose(&clean(&report.program), report.pid);
    page.split(Style::Strong, &verdict::process(report), &[(Style::Plain, &process)]);
    ending(&mut page, &report.asides);
    picked(&mut page, &report.findings, &view.findings);
    held(&mut page, report);
    asides(&mut page, &report.asides);
    // They name findings by their numbers, and tell of all.
    if view.is_whole() {
        remedies(&mut page, report, Reader::Process);
    }
    let stacks = options.group_stacks || report.findings.is_empty();
    match &view.counts {
        Some(by) => counts(&mut page, by, options.top),
        None => table(&mut page, view, options.top, stacks),
    }
    if let Some(left) = &view.left_out {
        left_out(&mut page, left);
    }
    remarks(&mut page, &report.completeness);
    exceptions(&mut page, report.exceptions.iter());
    closing(&mut page, &options.closing);
    page.finish()
}

fn closing(page: &mut Page, all: &[(&'static str, Vec<String>)]) {
    if !all.is_empty() {
        page.blank();
    }
    for (word, lines) in all {
        for (at, line) in lines.iter().enumerate() {
            // Commands are copied: they are not wrapped.
            let word = if at == 0 { word } else { "" };
            page.line(&[(Style::Plain, &format!("{word:<LABEL$}{}", clean(line)))]);
        }
    }
}

pub(super) fn failure(report: &Report, test: &Test<'_>, options: &TextOptions) -> String {
    let mut page = Page::new(options);
    page.line(&[(Style::Strong, &verdict::at_end(report, Ended::Test))]);
    // A test need not be told its own name with every finding.
    let own: Vec<Finding> = report
        .findings
        .iter()
        .cloned()
        .map(|mut finding| {
            if finding.regions == [test.name] {
                finding.regions.clear();
            }
            if test.charge == Charge::Body {
                finding.groups.iter_mut().chain(&mut finding.dependents).for_each(forget_the_body);
            }
            finding
        })
        .collect();
    findings(&mut page, &own);
    held(&mut page, report);
    remedies(&mut page, report, Reader::Test(test));
    remarks(&mut page, &report.completeness);
    // What is unused by this test may be for another one; the end of the run tells.
    exceptions(&mut page, report.exceptions.iter().filter(|exception| exception.is_used()));
    page.finish()
}

/// Nor that the body has spawned what nobody else has.
fn forget_the_body(group: &mut Group) {
    if group.ancestry.len() == 1 {
        group.ancestry.clear();
    }
}

pub(super) fn left(report: &Report, ended: Ended, options: &TextOptions) -> String {
    let mut page = Page::new(options);
    page.line(&[(Style::Strong, &verdict::at_end(report, ended))]);
    findings(&mut page, &report.findings);
    held(&mut page, report);
    remedies(&mut page, report, Reader::Exit);
    remarks(&mut page, &report.completeness);
    exceptions(&mut page, report.exceptions.iter().filter(|exception| exception.is_used()));
    page.finish()
}

pub(super) fn strays(report: &Report, options: &TextOptions) -> String {
    let mut page = Page::new(options);
    findings(&mut page, &report.findings);
    held(&mut page, report);
    remedies(&mut page, report, Reader::Run);
    remarks(&mut page, &report.completeness);
    exceptions(&mut page, report.exceptions.iter().filter(|exception| exception.is_used()));
    page.finish()
}

fn findings(page: &mut Page, findings: &[Finding]) {
    picked(page, findings, &(0..findings.len()).collect::<Vec<_>>());
}

/// Those of these numbers, under their numbers.
fn picked(page: &mut Page, findings: &[Finding], numbers: &[usize]) {
    for &number in numbers.iter().take(FINDINGS) {
        page.blank();
        block(page, number + 1, &findings[number]);
    }
    if numbers.len() > FINDINGS {
        page.blank();
        page.wrap(0, 4, &format!("and {}", count(numbers.len() - FINDINGS, "more finding")));
    }
}

fn left_out(page: &mut Page, left: &LeftOut) {
    page.blank();
    page.wrap(0, 2, &left_out_words(left));
}

/// What a filter left out, and that it changes no verdict.
pub(super) fn left_out_words(left: &LeftOut) -> String {
    let LeftOut { filter, findings, tasks } = left;
    let tasks = count(verdict::number(*tasks), "task");
    let findings = match *findings {
        0 => String::new(),
        findings => format!("{} and ", count(verdict::number(findings), "finding")),
    };
    let text = format!("--where {} leaves out {findings}{tasks}", clean(filter));
    format!("{text}; the verdict is on all")
}

fn remarks(page: &mut Page, completeness: &Completeness) {
    let remarks = not_seen(completeness);
    if remarks.is_empty() {
        return;
    }
    page.blank();
    for remark in remarks {
        page.wrap(0, 2, &remark);
    }
}

/// What the snapshot did not see, a sentence each.
pub(super) fn not_seen(completeness: &Completeness) -> Vec<String> {
    let Completeness { cut, damaged_lines, missing_tasks, unknown_lines, coverage, .. } =
        *completeness;
    let mut remarks: Vec<String> = coverage.iter().map(covered).collect();
    if cut {
        remarks.push("The dump is cut: it ends before its last line.".to_owned());
    }
    remarks.extend(counted(completeness).into_iter().filter_map(remark));
    if cut || damaged_lines > 0 || missing_tasks > 0 || unknown_lines > 0 {
        remarks.push("What is not seen could wake a task, so less is certain.".to_owned());
    }
    remarks
}

/// What is told by its number: that, the noun, and what is said of one and of many.
type Counted = (u64, &'static str, &'static str, &'static str);

fn counted(completeness: &Completeness) -> Vec<Counted> {
    let Completeness {
        moving,
        unsettled_objects,
        unsettled_uncharged: _,
        dropped_panics,
        dropped_misuses,
        dropped_pairs,
        lost_stacks,
        unread_names,
        missing_tasks,
        cut: _,
        damaged_lines,
        unknown_lines,
        coverage,
    } = *completeness;
    vec![
        (
            damaged_lines,
            "line",
            "of the dump was damaged and skipped",
            "of the dump were damaged and skipped",
        ),
        (
            missing_tasks,
            "task",
            "that the dump should hold is missing",
            "that the dump should hold are missing",
        ),
        (
            unknown_lines,
            "line",
            "of the dump is of a kind that this version does not know",
            "of the dump are of a kind that this version does not know",
        ),
        (
            unread_names,
            "record",
            "has a name or labels that are not in it",
            "have names or labels that are not in it",
        ),
        (dropped_panics, "panic", "was not kept", "were not kept"),
        (dropped_misuses, "misuse", "was not kept", "were not kept"),
        (
            dropped_pairs,
            "pair",
            "of locks was seen and not kept",
            "of locks were seen and not kept",
        ),
        (
            moved(moving, coverage),
            "task",
            "moved while the snapshot was taken; what it waits for is not known",
            "moved while the snapshot was taken; what they wait for is not known",
        ),
        (
            unsettled_objects,
            "object",
            "changed while the snapshot was taken; its owner is not known",
            "changed while the snapshot was taken; their owners are not known",
        ),
        (
            lost_stacks,
            "stack",
            "is missing: its task moved each time it was looked at",
            "are missing: their tasks moved each time they were looked at",
        ),
    ]
}

/// What nobody has wrapped is no task that moved.
fn moved(moving: u64, coverage: Option<Coverage>) -> u64 {
    let others = coverage.map_or(0, |it| it.hooked + it.counted.unwrap_or(0));
    moving.saturating_sub(others)
}

/// How tasks came to be known, where not all are.
fn covered(coverage: &Coverage) -> String {
    let Coverage { wrapped, hooked, counted } = *coverage;
    let mut known =
        vec![format!("{} known by a wrapped spawn", count(verdict::number(wrapped), "task"))];
    known.extend((hooked > 0).then(|| format!("{hooked} by the runtime's hooks")));
    known.extend(counted.map(|more| format!("{more} by the runtime's count alone")));
    let others = match counted {
        Some(_) => "what such a task waits for is not seen",
        None => "others were not counted and may be there",
    };
    format!("Coverage: {}; {others}.", known.join(", "))
}

/// A number with what it counts: the noun, and what is said of one and of many.
fn remark((number, noun, one, many): Counted) -> Option<String> {
    match number {
        0 => None,
        1 => Some(format!("1 {noun} {one}.")),
        _ => Some(format!("{} {noun}s {many}.", thousands(verdict::number(number)))),
    }
}
