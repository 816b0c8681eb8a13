//! `gleak report`: what is wrong in a dump.

use std::fmt::Write;
use std::time::Duration;

use gleak_detector::findings_file::FindingsFile;
use gleak_detector::render::{self, TextOptions};
use gleak_detector::snapshot::{Completeness, Snapshot};
use gleak_detector::{
    Asleep, Certainty, Finding, Question, Report, Suppressions, Suspect, Totals, analyze, histories,
};

use super::{close, complain};
use crate::args::{self, ReportFormat};
use crate::error::Failure;
use crate::exit_code;
use crate::input::{Content, Source};
use crate::names::Names;
use crate::output::{Existing, Sink};
use crate::plain::plain;
use crate::suppress;
use crate::terminal::Surroundings;

/// Runs the command.
pub(crate) fn run(args: &args::Report) -> Result<u8, Failure> {
    let sink = Sink::open(args.to.output.as_deref(), Existing::from_force(args.to.force))?;
    let suppressions = suppress::read(&args.suppress.suppress)?;
    let mut names = Names::open(&args.names)?;
    let mut contents = Vec::new();
    let mut failures = Vec::new();
    let mut stdin_taken = false;
    for argument in &args.inputs {
        let source = Source::of(argument);
        if source == Source::Stdin && std::mem::replace(&mut stdin_taken, true) {
            let why = "standard input can be read only once".into();
            return Err(Failure::Usage { what: "-".into(), why });
        }
        let name = source.name();
        match source.read() {
            Ok(content) => contents.push((name, names.given_to(content))),
            Err(fault) => failures.push(Failure::Input { name, fault }),
        }
    }
    if let Err(stranger) = close(&names) {
        failures.iter().for_each(complain);
        return Err(stranger);
    }
    let reports = judge(contents, args.longer, &suppressions);
    if !reports.is_empty() {
        let several = args.inputs.len() > 1;
        let bytes = match args.format {
            ReportFormat::Text => text(&reports, several, &options(args)),
            ReportFormat::Json => json(&reports, several),
        };
        sink.deliver(bytes.as_bytes())?;
    }
    // What did not happen is no failure.
    let happened = |finding: &Finding| finding.certainty != Certainty::Potential;
    let found = reports.iter().any(|(_, report)| report.findings.iter().any(happened));
    conclude(failures, args.exit_code && found)
}

fn options(args: &args::Report) -> TextOptions {
    let around = Surroundings::look();
    TextOptions {
        width: around.width(args.width),
        top: args.top,
        frames: args.frames.unwrap_or(TextOptions::default().frames),
        group_stacks: args.frames.is_some(),
        runtime_frames: args.runtime_frames,
        color: around.color(args.color, args.to.output.is_some()),
    }
}

/// Names what could not be read; that outweighs what was found.
fn conclude(mut failures: Vec<Failure>, found: bool) -> Result<u8, Failure> {
    if failures.len() > 1 {
        failures.iter().for_each(complain);
        return Err(Failure::Inputs(failures.len()));
    }
    match failures.pop() {
        Some(failure) => Err(failure),
        None if found => Ok(exit_code::FOUND),
        None => Ok(exit_code::PASS),
    }
}

/// Each by itself, but the last dump of a process also by those before it.
fn judge(
    contents: Vec<(String, Content)>,
    longer: Option<Duration>,
    suppressions: &Suppressions,
) -> Vec<(String, Report)> {
    let longer_ns = longer.map(|it| u64::try_from(it.as_nanos()).unwrap_or(u64::MAX));
    let dumps: Vec<&Snapshot> = contents.iter().filter_map(|(_, content)| dump(content)).collect();
    let mut histories = histories(&dumps).into_iter();
    let judge = |(name, content)| {
        let mut report = match content {
            Content::Dump(snapshot) => {
                let history = histories.next().unwrap_or_default();
                let suspect = Suspect { longer_ns, history };
                analyze(&snapshot, &Question { suspect, ..Question::default() })
            }
            Content::Findings(file) => of_findings(file),
        };
        suppressions.apply(&mut report, suppress::today());
        (name, report)
    };
    contents.into_iter().map(judge).collect()
}

fn dump(content: &Content) -> Option<&Snapshot> {
    match content {
        Content::Dump(snapshot) => Some(snapshot),
        Content::Findings(_) => None,
    }
}

/// What a findings file says, as a report: it knows findings and no other tasks.
fn of_findings(file: FindingsFile) -> Report {
    Report {
        program: file.source.program,
        pid: file.source.pid,
        asleep: Asleep::No,
        findings: file.findings,
        held: Vec::new(),
        groups: Vec::new(),
        totals: Totals::default(),
        completeness: Completeness { cut: !file.complete, ..Completeness::default() },
        exceptions: Vec::new(),
    }
}

fn text(reports: &[(String, Report)], headings: bool, options: &TextOptions) -> String {
    let mut out = String::new();
    for (at, (name, report)) in reports.iter().enumerate() {
        if headings {
            // Writing to a string cannot fail.
            let gap = if at > 0 { "\n" } else { "" };
            let _ = writeln!(out, "{gap}==> {} <==", plain(name));
        }
        out.push_str(&render::text(report, options));
    }
    out
}

/// One report as it is; several as one array, so that the whole is one JSON document.
fn json(reports: &[(String, Report)], array: bool) -> String {
    if !array {
        return reports.iter().map(|(_, report)| render::json(report)).collect();
    }
    let mut out = String::from("[\n");
    for (at, (name, report)) in reports.iter().enumerate() {
        let gap = if at > 0 { ",\n" } else { "" };
        let name = serde_json::Value::from(name.as_str());
        let report = render::json(report);
        // Writing to a string cannot fail.
        let _ = write!(out, "{gap}{{\"input\": {name}, \"report\": {}}}", report.trim_end());
    }
    out.push_str("\n]\n");
    out
}
