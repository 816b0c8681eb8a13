//! The report for people: verdict, findings, held workers, table of groups, what was not seen.

use gleak_snapshot::Completeness;

use super::TextOptions;
use super::block::block;
use super::held::held;
use super::page::{Page, Style, clean};
use super::table::table;
use super::verdict;
use crate::words::{count, thousands};
use crate::{Finding, Report};

/// More findings than this are in the table and in the JSON.
const FINDINGS: usize = 50;

pub(super) fn text(report: &Report, options: &TextOptions) -> String {
    let mut page = Page::new(options);
    let process = format!("{}, pid {}", clean(&report.program), report.pid);
    page.split(Style::Strong, &verdict::process(report), &[(Style::Plain, &process)]);
    findings(&mut page, &report.findings);
    held(&mut page, report);
    let stacks = options.group_stacks || report.findings.is_empty();
    table(&mut page, report, options.top, stacks);
    remarks(&mut page, &report.completeness);
    page.finish()
}

pub(super) fn failure(report: &Report, test: &str, options: &TextOptions) -> String {
    let mut page = Page::new(options);
    page.line(&[(Style::Strong, &verdict::test(report))]);
    // A test need not be told its own name with every finding.
    let own: Vec<Finding> = report
        .findings
        .iter()
        .cloned()
        .map(|mut finding| {
            if finding.regions == [test] {
                finding.regions.clear();
            }
            finding
        })
        .collect();
    findings(&mut page, &own);
    held(&mut page, report);
    page.blank();
    let test = clean(test);
    page.line(&[(Style::Plain, &format!("  again  cargo test -- --exact {test}"))]);
    remarks(&mut page, &report.completeness);
    page.finish()
}

fn findings(page: &mut Page, findings: &[Finding]) {
    for (number, finding) in findings.iter().take(FINDINGS).enumerate() {
        page.blank();
        block(page, number + 1, finding);
    }
    if findings.len() > FINDINGS {
        page.blank();
        page.wrap(0, 4, &format!("and {}", count(findings.len() - FINDINGS, "more finding")));
    }
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

fn not_seen(completeness: &Completeness) -> Vec<String> {
    let Completeness {
        moving,
        unsettled_objects,
        dropped_panics,
        dropped_misuses,
        dropped_pairs,
        lost_stacks,
        missing_tasks,
        cut,
        damaged_lines,
        unknown_lines,
    } = *completeness;
    let mut remarks = Vec::new();
    if cut {
        remarks.push("The dump is cut: it ends before its last line.".to_owned());
    }
    let counted = [
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
        (dropped_panics, "panic", "was not kept", "were not kept"),
        (dropped_misuses, "misuse", "was not kept", "were not kept"),
        (
            dropped_pairs,
            "pair",
            "of locks was seen and not kept",
            "of locks were seen and not kept",
        ),
        (
            moving,
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
    ];
    remarks.extend(counted.into_iter().filter_map(remark));
    if cut || damaged_lines > 0 || missing_tasks > 0 || unknown_lines > 0 {
        remarks.push("What is not seen could wake a task, so less is certain.".to_owned());
    }
    remarks
}

/// A number with what it counts: the noun, and what is said of one and of many.
fn remark((number, noun, one, many): (u64, &str, &str, &str)) -> Option<String> {
    match number {
        0 => None,
        1 => Some(format!("1 {noun} {one}.")),
        _ => Some(format!("{} {noun}s {many}.", thousands(verdict::number(number)))),
    }
}
