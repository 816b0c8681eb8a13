//! One file a command. Each reads what it was given, asks the detector, and hands bytes to a sink;
//! each returns an exit code or a failure.

mod baseline;
mod closing;
mod convert;
mod diff;
mod explain;
pub(crate) mod flame;
mod gate;
mod manual;
pub(crate) mod report;
mod schema;
mod show;
mod survey;
mod top;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use gleak_detector::snapshot::Snapshot;
use gleak_detector::{Question, Report, analyze};

use crate::args::{Baseline, Command, Inputs, Names as NamesFrom, Suppress};
use crate::error::Failure;
use crate::gate::{Coverage, Evidence};
use crate::input::{self, Content, DEFAULT_FOLDER, InputFault, Source};
use crate::names::Names;
use crate::progress::Progress;
use crate::suppress;

/// Runs a command; its exit code comes back.
pub(crate) fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Report(args) => report::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Top(args) => top::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Flame(args) => flame::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Survey(args) => survey::run(&args),
        Command::Gate(args) => gate::run(&args),
        Command::Baseline(Baseline::Write(args)) => baseline::write(&args),
        Command::Baseline(Baseline::Add(args)) => baseline::add(&args),
        Command::Baseline(Baseline::Prune(args)) => baseline::prune(&args),
        Command::Baseline(Baseline::Explain(args)) => baseline::explain(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Completions(args) => manual::completions(&args),
        Command::Man => manual::man(),
        Command::Schema(args) => schema::run(&args),
    }
}

/// Says on standard error what went wrong. Nobody may listen there; then it is not said.
pub(crate) fn complain(failure: &Failure) {
    let _ = writeln!(io::stderr().lock(), "gleak: {failure}");
}

/// Reads all inputs. What cannot be read is noted in the evidence, never an early end.
fn gather(inputs: &[PathBuf], suppress: &Suppress, names: &NamesFrom) -> Result<Evidence, Failure> {
    // As with the baseline: what is wrong with them is told before the long reading.
    let suppressions = suppress::read(&suppress.suppress)?;
    let mut names = Names::open(names)?;
    let expanded = input::expand(inputs)?;
    let progress = Progress::begin();
    let mut evidence = Evidence::default();
    for (name, fault) in &expanded.unlisted {
        evidence.note(name, fault);
    }
    for source in &expanded.sources {
        progress.at("reading", &source.name());
        match source.read(&mut names) {
            Ok(contents) => {
                for content in contents {
                    let is_used = !matches!(content, Content::Go(_));
                    if let Some(flaw) = content.flaw().filter(|_| is_used) {
                        evidence.note(&source.name(), &flaw);
                    }
                    evidence.add(&source.name(), names.given_to(content));
                }
            }
            Err(fault) => evidence.note(&source.name(), &fault),
        }
    }
    drop(progress);
    close(&names)?;
    evidence.suppress(&suppressions, suppress::today());
    Ok(evidence)
}

/// Says what has no names, and fails over files that were named for nothing.
fn close(names: &Names) -> Result<(), Failure> {
    names.remarks().for_each(|remark| complain(&remark));
    let mut strangers = names.strangers();
    let last = strangers.pop();
    strangers.iter().for_each(complain);
    last.map_or(Ok(()), Err)
}

/// Reads what an argument names, which must be one. What it lacks is told on standard error: the answer
/// has no place for it.
fn one_content(source: &Source, names: &mut Names) -> Result<Content, Failure> {
    let content = one_nameless(source, names)?;
    Ok(names.given_to(content))
}

/// As [`one_content`], with no names but those that are in it.
fn one_nameless(source: &Source, names: &mut Names) -> Result<Content, Failure> {
    let content = one_unasked(source, names)?;
    if let Some(flaw) = content.flaw() {
        complain(&Failure::Input { name: source.name(), fault: flaw });
    }
    Ok(content)
}

/// As [`one_nameless`]; what it lacks is for the caller to tell.
fn one_unasked(source: &Source, names: &mut Names) -> Result<Content, Failure> {
    let failed = |fault| Failure::Input { name: source.name(), fault };
    let progress = Progress::begin();
    progress.at("reading", &source.name());
    let mut contents = source.read(names).map_err(failed)?;
    drop(progress);
    let Some(content) = contents.pop().filter(|_| contents.is_empty()) else {
        return Err(failed(InputFault::Several(contents.len() + 1)));
    };
    Ok(content)
}

/// Reads the dump that an argument names, and judges it.
fn one_dump(argument: &Path, names: &mut Names) -> Result<(Box<Snapshot>, Report), Failure> {
    let source = Source::of(argument);
    let question = Question::default();
    match one_content(&source, names)? {
        Content::Dump(snapshot) => {
            let report = analyze(&snapshot, &question);
            Ok((snapshot, report))
        }
        Content::Go(dump) => {
            let report = dump.judge(&question);
            Ok((Box::new(dump.snapshot), report))
        }
        Content::Findings(_) => {
            Err(Failure::Input { name: source.name(), fault: InputFault::NoTasks })
        }
    }
}

/// How many processes must have reported.
fn required(inputs: &Inputs) -> u64 {
    if inputs.allow_empty { 0 } else { inputs.require_run.unwrap_or(1) }
}

/// Why there may be nothing to check.
fn why_nothing(inputs: &[PathBuf], coverage: Coverage) -> String {
    if coverage.processes > 0 {
        "no task was spawned; --allow-empty accepts that".into()
    } else if inputs.is_empty() {
        format!("no findings file or dump in {DEFAULT_FOLDER}; --allow-empty accepts that")
    } else {
        "no findings file or dump in the inputs; --allow-empty accepts that".into()
    }
}
