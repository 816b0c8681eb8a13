//! One file a command. Each reads what it was given, asks the detector, and hands bytes to a sink;
//! each returns an exit code or a failure.

mod baseline;
mod flame;
mod gate;
mod report;

use std::io::{self, Write};

use crate::args::{Baseline, Command, Inputs};
use crate::error::Failure;
use crate::gate::Evidence;
use crate::input::{self, DEFAULT_FOLDER};
use crate::names::Names;
use crate::suppress;

/// Runs a command; its exit code comes back.
pub(crate) fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Report(args) => report::run(&args),
        Command::Flame(args) => flame::run(&args),
        Command::Gate(args) => gate::run(&args),
        Command::Baseline(Baseline::Write(args)) => baseline::write(&args),
    }
}

/// Says on standard error what went wrong. Nobody may listen there; then it is not said.
pub(crate) fn complain(failure: &Failure) {
    let _ = writeln!(io::stderr().lock(), "gleak: {failure}");
}

/// Reads all inputs. What cannot be read is noted in the evidence, never an early end.
fn gather(inputs: &Inputs) -> Result<Evidence, Failure> {
    // As with the baseline: what is wrong with them is told before the long reading.
    let suppressions = suppress::read(&inputs.suppress.suppress)?;
    let mut names = Names::open(&inputs.names)?;
    let expanded = input::expand(&inputs.inputs)?;
    let mut evidence = Evidence::default();
    for (name, fault) in &expanded.unlisted {
        evidence.note(name, fault);
    }
    for source in &expanded.sources {
        match source.read() {
            Ok(content) => {
                if let Some(flaw) = content.flaw() {
                    evidence.note(&source.name(), &flaw);
                }
                evidence.add(names.given_to(content));
            }
            Err(fault) => evidence.note(&source.name(), &fault),
        }
    }
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

/// How many processes must have reported.
fn required(inputs: &Inputs) -> u64 {
    if inputs.allow_empty { 0 } else { inputs.require_run.unwrap_or(1) }
}

/// Why there may be nothing to check.
fn where_looked(inputs: &Inputs) -> String {
    if inputs.inputs.is_empty() {
        format!("no findings file or dump in {DEFAULT_FOLDER}; --allow-empty accepts that")
    } else {
        "no findings file or dump in the inputs; --allow-empty accepts that".into()
    }
}
