//! `gleak report`: what is wrong in a dump.

use std::fmt::Write;
use std::time::Duration;

use clap::ValueEnum;
use gleak_detector::filter::RegionNames;
use gleak_detector::findings_file::FindingsFile;
use gleak_detector::profile::{Chosen, Profile};
use gleak_detector::render::{self, ListFormat, Listing, Sheet, TextOptions};
use gleak_detector::snapshot::{Completeness, Snapshot};
use gleak_detector::view::{Ask, View};
use gleak_detector::{
    Asleep, Certainty, Finding, Question, Report, SourceLines, Suppressions, Suspect, Totals,
    analyze, histories,
};

use super::closing::{self, Closing};
use super::{close, complain, flame};
use crate::args::{self, ReportFormat};
use crate::error::Failure;
use crate::exit_code;
use crate::format::{self, Answer};
use crate::inlined;
use crate::input::{Content, InputFault, Source, stdin_twice};
use crate::names::Names;
use crate::picture;
use crate::plain::plain;
use crate::progress::Progress;
use crate::screen::Screen;
use crate::sources;
use crate::suppress;
use crate::tasks::{TaskFormat, Tasks};

/// Runs the command.
pub(crate) fn run(args: &args::Report) -> Result<u8, Failure> {
    let answers = format::of_report(&args.format, &args.to)?;
    let picky = answers.iter().map(|it| it.format).find(|format| takes_one(*format));
    let takes_one = |dumps: usize| {
        let Some(format) = picky.filter(|_| dumps > 1) else { return Ok(()) };
        let (what, why) = (format!("--format {}", name_of(format)), "takes one dump".into());
        Err(Failure::Usage { what, why })
    };
    takes_one(args.inputs.len())?;
    for answer in answers.iter().filter(|answer| is_drawn(answer.format)) {
        flame::not_to_terminal(&format!("--format {}", name_of(answer.format)), &answer.sink)?;
    }
    let suppressions = suppress::read(&args.suppress.suppress)?;
    let mut names = Names::open(&args.names)?;
    let of_all = answers.iter().any(|it| is_of_tasks(it.format));
    let mut contents = Vec::new();
    let mut failures = Vec::new();
    let mut stdin_taken = false;
    let progress = Progress::begin();
    for argument in &args.inputs {
        let source = Source::of(argument);
        if source == Source::Stdin && std::mem::replace(&mut stdin_taken, true) {
            return Err(stdin_twice());
        }
        let name = source.name();
        progress.at("reading", &name);
        match source.read(&mut names) {
            Ok(read) => {
                let several = read.len() > 1;
                for (at, content) in read.into_iter().enumerate() {
                    let input = if several {
                        Input { name: format!("{name}, dump {}", at + 1), again: None }
                    } else {
                        let again = (source != Source::Stdin).then(|| name.clone());
                        Input { name: name.clone(), again }
                    };
                    match content {
                        Content::Findings(_) if of_all => {
                            let (name, fault) = (input.name, InputFault::NoTasks);
                            failures.push(Failure::Input { name, fault });
                        }
                        Content::Dump(_) | Content::Go(_) | Content::Findings(_) => {
                            contents.push((input, names.given_to(content)));
                        }
                    }
                }
            }
            Err(fault) => failures.push(Failure::Input { name, fault }),
        }
    }
    drop(progress);
    if let Err(stranger) = close(&names) {
        failures.iter().for_each(complain);
        return Err(stranger);
    }
    // A file may hold several.
    takes_one(contents.len())?;
    let keep = of_all || answers.iter().any(|answer| is_drawn(answer.format));
    let reports = judge(contents, args.longer, &suppressions, keep);
    if !reports.is_empty() {
        let several = args.inputs.len() > 1 || reports.len() > 1;
        for answer in &answers {
            deliver(args, answer, &reports, several)?;
        }
    }
    // What did not happen is no failure.
    let happened = |finding: &Finding| finding.certainty != Certainty::Potential;
    let found = reports.iter().any(|it| it.report.findings.iter().any(happened));
    conclude(failures, args.exit_code && found)
}

fn deliver(
    args: &args::Report,
    answer: &Answer<ReportFormat>,
    reports: &[Judged],
    several: bool,
) -> Result<(), Failure> {
    let screen = Screen::of(&answer.sink, &args.layout);
    if answer.format == ReportFormat::Text {
        let options = options(args, screen.options());
        return screen.show(&text(reports, several, &args.shown.ask(), &options));
    }
    let bytes = rendered(args, answer.format, reports, several, screen.options())?;
    answer.sink.deliver(&bytes)
}

fn rendered(
    args: &args::Report,
    format: ReportFormat,
    reports: &[Judged],
    several: bool,
    place: TextOptions,
) -> Result<Vec<u8>, Failure> {
    let ask = args.shown.ask();
    let text = match format {
        ReportFormat::Text => text(reports, several, &ask, &options(args, place)),
        ReportFormat::Json => json(reports, several, &ask),
        ReportFormat::Md => list(&shown(reports, &ask), ListFormat::Md),
        ReportFormat::Junit => list(&shown(reports, &ask), ListFormat::Junit),
        ReportFormat::Sarif => list(&shown(reports, &ask), ListFormat::Sarif),
        ReportFormat::Gitlab => list(&shown(reports, &ask), ListFormat::Gitlab),
        ReportFormat::Github => list(&shown(reports, &ask), ListFormat::Github),
        ReportFormat::Mermaid => each(&shown(reports, &ask), render::mermaid),
        ReportFormat::Dot => each(&shown(reports, &ask), render::dot),
        ReportFormat::Html => page(args, reports, &ask)?,
        ReportFormat::Svg => flames(reports, &ask)?,
        ReportFormat::Folded => return of_one(TaskFormat::Folded, reports, &ask),
        ReportFormat::Speedscope => return of_one(TaskFormat::Speedscope, reports, &ask),
        ReportFormat::Pprof => return of_one(TaskFormat::Pprof, reports, &ask),
        ReportFormat::Go => return of_one(TaskFormat::Go, reports, &ask),
    };
    Ok(text.into_bytes())
}

/// What a report says of these contents in every format that takes them, without a file or a terminal.
#[cfg(any(test, fuzzing))]
pub(crate) fn answers(
    args: &args::Report,
    contents: Vec<Content>,
) -> Vec<(ReportFormat, Result<Vec<u8>, Failure>)> {
    let several = contents.len() > 1;
    let has_tasks = contents.iter().all(|it| !matches!(it, Content::Findings(_)));
    let fits = |format| (has_tasks || !is_of_tasks(format)) && !(several && takes_one(format));
    let input = || Input { name: "input".to_owned(), again: Some("input".to_owned()) };
    let contents = contents.into_iter().map(|content| (input(), content)).collect();
    let reports = judge(contents, args.longer, &Suppressions::default(), true);
    let formats = ReportFormat::value_variants().iter().copied().filter(|it| fits(*it));
    let place = TextOptions::default;
    formats.map(|format| (format, rendered(args, format, &reports, several, place()))).collect()
}

/// Whether a format is of tasks, which findings files do not hold.
fn is_of_tasks(format: ReportFormat) -> bool {
    match format {
        ReportFormat::Folded
        | ReportFormat::Speedscope
        | ReportFormat::Pprof
        | ReportFormat::Go
        | ReportFormat::Svg => true,
        ReportFormat::Text
        | ReportFormat::Json
        | ReportFormat::Md
        | ReportFormat::Junit
        | ReportFormat::Sarif
        | ReportFormat::Gitlab
        | ReportFormat::Github
        | ReportFormat::Mermaid
        | ReportFormat::Dot
        | ReportFormat::Html => false,
    }
}

/// The tasks that are shown, in a format that holds those of one dump.
fn of_one(format: TaskFormat, reports: &[Judged], ask: &Ask) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    for Judged { name, report, regions, content, .. } in reports {
        let failed = |fault| Failure::Input { name: name.clone(), fault };
        let tasks =
            content.as_ref().and_then(Tasks::of).ok_or_else(|| failed(InputFault::NoTasks))?;
        if let Some(why) = tasks.refusal(format) {
            return Err(failed(InputFault::Refused(why)));
        }
        let shown = View::of(report, regions, ask).shown();
        let written = tasks.write(format, &Chosen::of(&shown));
        out.extend(written.map_err(|error| failed(InputFault::Io(error)))?);
    }
    Ok(out)
}

/// Whether a format is for browsers or other programs, and says nothing on a terminal.
fn is_drawn(format: ReportFormat) -> bool {
    matches!(format, ReportFormat::Html | ReportFormat::Svg | ReportFormat::Pprof)
}

fn options(args: &args::Report, options: TextOptions) -> TextOptions {
    TextOptions {
        top: args.top.unwrap_or(options.top),
        frames: args.frames.unwrap_or(options.frames),
        group_stacks: args.frames.is_some(),
        runtime_frames: args.runtime_frames,
        ..options
    }
}

/// Whether a format has no place for a second report.
fn takes_one(format: ReportFormat) -> bool {
    is_of_tasks(format) || matches!(format, ReportFormat::Mermaid | ReportFormat::Dot)
}

fn name_of(format: ReportFormat) -> String {
    format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
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

/// What is read, for people and for commands.
struct Input {
    name: String,
    /// Under which name a command finds it again; none of standard input, and of one among several.
    again: Option<String>,
}

/// A report on one input.
struct Judged {
    name: String,
    /// As a shell reads it; none of what holds no task.
    again: Option<String>,
    closing: Vec<Closing>,
    report: Report,
    regions: RegionNames,
    sources: SourceLines,
    /// All of it, when it is still needed.
    content: Option<Content>,
}

/// Each by itself, but the last dump of a process also by those before it.
fn judge(
    contents: Vec<(Input, Content)>,
    longer: Option<Duration>,
    suppressions: &Suppressions,
    keep: bool,
) -> Vec<Judged> {
    let longer_ns = longer.map(|it| u64::try_from(it.as_nanos()).unwrap_or(u64::MAX));
    let dumps: Vec<&Snapshot> = contents.iter().filter_map(|(_, content)| dump(content)).collect();
    let mut histories = histories(&dumps).into_iter();
    let progress = Progress::begin();
    let judge = |(input, content): (Input, Content)| {
        progress.at("judging", &input.name);
        let (mut sources, mut regions) = (SourceLines::default(), RegionNames::default());
        let mut closing = Vec::new();
        let has_tasks = !matches!(content, Content::Findings(_));
        let mut report = match &content {
            Content::Dump(snapshot) => {
                let history = histories.next().unwrap_or_default();
                let suspect = Suspect { longer_ns, history };
                let report = analyze(snapshot, &Question { suspect, ..Question::default() });
                sources = sources::of(&report, snapshot);
                regions = RegionNames::of(snapshot);
                closing.extend(closing::origin(snapshot));
                report
            }
            Content::Go(dump) => {
                let suspect = Suspect { longer_ns, ..Suspect::default() };
                dump.judge(&Question { suspect, ..Question::default() })
            }
            Content::Findings(file) => of_findings(file),
        };
        suppressions.apply(&mut report, suppress::today());
        let again = input.again.filter(|_| has_tasks);
        closing.extend(again.as_ref().and_then(|file| closing::next(file, &report)));
        let again = again.map(|file| closing::quoted(&file));
        let content = keep.then_some(content);
        Judged { name: input.name, again, closing, report, regions, sources, content }
    };
    contents.into_iter().map(judge).collect()
}

/// The tasks that are shown; none where none is known.
fn profile(judged: &Judged, ask: &Ask) -> Option<Profile> {
    let tasks = judged.content.as_ref().and_then(Tasks::of)?;
    let shown = View::of(&judged.report, &judged.regions, ask).shown();
    Some(Profile::new(tasks.snapshot(), &Chosen::of(&shown)))
}

fn dump(content: &Content) -> Option<&Snapshot> {
    match content {
        Content::Dump(snapshot) => Some(snapshot),
        Content::Go(_) | Content::Findings(_) => None,
    }
}

/// What a findings file says, as a report: it knows findings and no other tasks.
fn of_findings(file: &FindingsFile) -> Report {
    Report {
        program: file.source.program.clone(),
        pid: file.source.pid,
        asleep: Asleep::No,
        findings: file.findings.clone(),
        held: Vec::new(),
        groups: Vec::new(),
        totals: Totals::default(),
        completeness: Completeness { cut: !file.complete, ..Completeness::default() },
        exceptions: Vec::new(),
        asides: Vec::new(),
    }
}

fn text(reports: &[Judged], headings: bool, ask: &Ask, options: &TextOptions) -> String {
    let mut out = String::new();
    for (at, judged) in reports.iter().enumerate() {
        let Judged { name, closing, report, regions, sources, .. } = judged;
        if headings {
            // Writing to a string cannot fail.
            let gap = if at > 0 { "\n" } else { "" };
            let _ = writeln!(out, "{gap}==> {} <==", plain(name));
        }
        let (sources, closing) = (sources.clone(), closing.clone());
        let options = TextOptions { sources, closing, ..options.clone() };
        out.push_str(&render::text_view(&View::of(report, regions, ask), &options));
    }
    out
}

fn page(args: &args::Report, reports: &[Judged], ask: &Ask) -> Result<String, Failure> {
    // A page has room for all.
    let options =
        TextOptions { top: args.top.unwrap_or(0), ..options(args, TextOptions::default()) };
    let mut sheets = Vec::new();
    for judged in reports {
        let Judged { name, again, closing, report, regions, sources, .. } = judged;
        let profile = profile(judged, ask);
        let drawn = profile.as_ref().filter(|it| it.tasks() > 0).map(|profile| {
            let parts = picture::parts(profile.frames.iter());
            inlined::inlined(&flame::usual_lines(profile), &parts)
        });
        sheets.push(Sheet {
            name,
            again: again.as_deref(),
            closing: closing.clone(),
            view: View::of(report, regions, ask),
            sources: sources.clone(),
            has_tasks: profile.is_some(),
            flame: drawn.transpose().map_err(Failure::Picture)?,
        });
    }
    Ok(render::html(&sheets, &options))
}

fn flames(reports: &[Judged], ask: &Ask) -> Result<String, Failure> {
    let mut out = String::new();
    for judged in reports {
        let svg = flame::usual(&profile(judged, ask).unwrap_or_default())?;
        out.push_str(&String::from_utf8_lossy(&svg));
    }
    Ok(out)
}

/// For formats that know no views.
fn shown(reports: &[Judged], ask: &Ask) -> Vec<Report> {
    reports.iter().map(|it| View::of(&it.report, &it.regions, ask).shown()).collect()
}

fn list(reports: &[Report], format: ListFormat) -> String {
    let reports: Vec<&Report> = reports.iter().collect();
    render::list(&Listing::of_reports("gleak report", &reports), format)
}

/// For formats that take one.
fn each(reports: &[Report], draw: fn(&Report) -> String) -> String {
    reports.iter().map(draw).collect()
}

/// One report as it is; several as one array, so that the whole is one JSON document.
fn json(reports: &[Judged], array: bool, ask: &Ask) -> String {
    let rendered = |it: &Judged| render::json_view(&View::of(&it.report, &it.regions, ask));
    if !array {
        return reports.iter().map(rendered).collect();
    }
    let mut out = String::from("[\n");
    for (at, judged) in reports.iter().enumerate() {
        let gap = if at > 0 { ",\n" } else { "" };
        let name = render::document(&judged.name);
        let name = name.trim_end();
        let report = rendered(judged);
        // Writing to a string cannot fail.
        let _ = write!(out, "{gap}{{\"input\": {name}, \"report\": {}}}", report.trim_end());
    }
    out.push_str("\n]\n");
    out
}
