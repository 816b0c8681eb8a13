//! `gleak gate`: fail when there is more than the baseline allows.

use std::fs;
use std::path::Path;

use gleak_detector::Certainty;

use super::{complain, gather, required, where_looked};
use crate::args::{self, FailOn, ReportFormat};
use crate::baseline::{Baseline, BaselineFault};
use crate::date::Date;
use crate::error::Failure;
use crate::gate::{self, Outcome, Policy, decide};
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &args::Gate) -> Result<u8, Failure> {
    // The baseline first: what is wrong with it is told before the long reading.
    let baseline = match &args.baseline {
        Some(path) => read_baseline(path)?,
        None => Baseline::default(),
    };
    let evidence = gather(&args.inputs)?;
    let policy = Policy {
        max_new: args.max_new,
        fail_on: certainty(args.fail_on),
        strict: args.strict_baseline,
        require_run: required(&args.inputs),
        today: Date::today(),
    };
    let verdict = decide(&evidence, &baseline, &policy);
    let bytes = match args.format {
        ReportFormat::Text => gate::text(&verdict),
        ReportFormat::Json => gate::json(&verdict),
    };
    output::to_stdout(bytes.as_bytes())?;
    if verdict.outcome == Outcome::NothingChecked && verdict.coverage.processes == 0 {
        complain(&Failure::NothingChecked(where_looked(&args.inputs)));
    }
    Ok(verdict.outcome.code())
}

/// Reads a baseline file.
pub(super) fn read_baseline(path: &Path) -> Result<Baseline, Failure> {
    let failed = |fault| Failure::Baseline { path: path.display().to_string(), fault };
    let text = fs::read_to_string(path).map_err(|error| failed(BaselineFault::Io(error)))?;
    Baseline::parse(&text).map_err(failed)
}

fn certainty(fail_on: FailOn) -> Certainty {
    match fail_on {
        FailOn::Certain => Certainty::Certain,
        FailOn::Strong => Certainty::Strong,
        FailOn::Weak => Certainty::Weak,
        FailOn::Potential => Certainty::Potential,
    }
}
