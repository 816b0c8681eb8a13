//! `gleak gate`: fail when there is more than the baseline allows.

use std::fs::File;
use std::path::Path;

use gleak_detector::Certainty;
use gleak_detector::render::{self, ListFormat};

use super::{complain, gather, required, why_nothing};
use crate::args::{self, FailOn, GateFormat};
use crate::baseline::{Baseline, BaselineFault};
use crate::error::Failure;
use crate::format::{self, Answer};
use crate::gate::{self, Outcome, Policy, Verdict, decide};
use crate::screen::Screen;
use crate::suppress;

/// Runs the command.
pub(crate) fn run(args: &args::Gate) -> Result<u8, Failure> {
    let answers = format::of_gate(&args.format, &args.to)?;
    // The baseline first: what is wrong with it is told before the long reading.
    let baseline = match &args.baseline {
        Some(path) => read_baseline(path)?,
        None => Baseline::default(),
    };
    let evidence = gather(&args.inputs.inputs, &args.inputs.suppress, &args.inputs.names)?;
    let policy = Policy {
        max_new: args.max_new,
        accept_moved: args.accept_moved,
        fail_on: certainty(args.fail_on),
        strict: args.strict_baseline,
        require_run: required(&args.inputs),
        today: suppress::today(),
    };
    let mut verdict = decide(&evidence, &baseline, &policy);
    if let Some(filter) = &args.pick.filter {
        gate::show_only(&mut verdict, &evidence, filter);
    }
    for answer in &answers {
        deliver(args, answer, &verdict)?;
    }
    if verdict.outcome == Outcome::NothingChecked && verdict.saw_nothing() {
        complain(&Failure::NothingChecked(why_nothing(&args.inputs.inputs, verdict.coverage)));
    }
    Ok(verdict.outcome.code())
}

fn deliver(
    args: &args::Gate,
    answer: &Answer<GateFormat>,
    verdict: &Verdict,
) -> Result<(), Failure> {
    let bytes = match answer.format {
        GateFormat::Text => {
            let screen = Screen::of(&answer.sink, &args.layout);
            return screen.show(&gate::text(verdict, &screen.options()));
        }
        GateFormat::Json => gate::json(verdict),
        GateFormat::Md => list(verdict, ListFormat::Md),
        GateFormat::Junit => list(verdict, ListFormat::Junit),
        GateFormat::Sarif => list(verdict, ListFormat::Sarif),
        GateFormat::Gitlab => list(verdict, ListFormat::Gitlab),
        GateFormat::Github => list(verdict, ListFormat::Github),
    };
    answer.sink.deliver(bytes.as_bytes())
}

fn list(verdict: &Verdict, format: ListFormat) -> String {
    render::list(&gate::listing(verdict), format)
}

/// Reads a baseline file.
pub(super) fn read_baseline(path: &Path) -> Result<Baseline, Failure> {
    let failed = |fault| Failure::Baseline { path: path.display().to_string(), fault };
    let bytes = File::open(path).and_then(Baseline::bytes);
    let bytes = bytes.map_err(|error| failed(BaselineFault::Io(error)))?;
    Baseline::read(&bytes).map_err(failed)
}

fn certainty(fail_on: FailOn) -> Certainty {
    match fail_on {
        FailOn::Certain => Certainty::Certain,
        FailOn::Strong => Certainty::Strong,
        FailOn::Weak => Certainty::Weak,
        FailOn::Potential => Certainty::Potential,
    }
}
