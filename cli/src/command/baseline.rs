//! `gleak baseline write`: accept the findings of a run as known.

use super::{complain, gather, required, where_looked};
use crate::args::BaselineWrite;
use crate::baseline::Baseline;
use crate::error::Failure;
use crate::exit_code;
use crate::input::InputFault;
use crate::output::{self, Existing, Sink};
use crate::plain::{counted, plain};

/// Runs the command.
pub(crate) fn write(args: &BaselineWrite) -> Result<u8, Failure> {
    let sink = Sink::open(Some(&args.file), Existing::from_force(args.force))?;
    // A faulty old file ends it, force or not: people wrote reasons into it.
    let old = if args.file.is_file() {
        super::gate::read_baseline(&args.file)?
    } else {
        Baseline::default()
    };
    let evidence = gather(&args.inputs)?;
    // A baseline of half a run would call the other half new, or lose its reasons.
    if !evidence.unreadable.is_empty() {
        for input in &evidence.unreadable {
            let fault = InputFault::Noted(input.why.clone());
            complain(&Failure::Input { name: input.input.clone(), fault });
        }
        return Err(Failure::Inputs(evidence.unreadable.len()));
    }
    let seen = evidence.coverage().processes;
    if seen == 0 && required(&args.inputs) > 0 {
        return Err(Failure::NothingChecked(where_looked(&args.inputs)));
    }
    if seen < required(&args.inputs) {
        let wanted = counted(required(&args.inputs), "process");
        return Err(Failure::NothingChecked(format!("{seen} of {wanted} reported")));
    }

    let baseline = Baseline::accept(&evidence.findings(), &old, &args.reason);
    sink.deliver(baseline.to_text().as_bytes())?;
    let unexplained = baseline.entries.iter().filter(|entry| !entry.has_reason()).count();
    let note = match unexplained {
        0 => String::new(),
        count => format!(", {count} without a reason"),
    };
    let entries = match baseline.entries.len() {
        1 => "1 entry".to_string(),
        count => format!("{count} entries"),
    };
    let path = args.file.display().to_string();
    output::to_stdout(format!("{}: {entries}{note}\n", plain(&path)).as_bytes())?;
    Ok(exit_code::PASS)
}
