//! `gleak convert`: a dump in another format, without a judgement.

use gleak_detector::profile::Chosen;
use gleak_detector::snapshot::write_dump;

use super::flame::not_to_terminal;
use super::{close, one_nameless, one_unasked};
use crate::args::{Convert, ConvertFormat};
use crate::error::Failure;
use crate::exit_code;
use crate::input::{Content, InputFault, Source};
use crate::names::Names;
use crate::output::{Existing, Sink};
use crate::tasks::{TaskFormat, Tasks};

/// Runs the command.
pub(crate) fn run(args: &Convert) -> Result<u8, Failure> {
    let sink = Sink::open(args.to.output.as_deref(), Existing::from_force(args.to.force))?;
    if args.format == ConvertFormat::Pprof {
        not_to_terminal("--to pprof", &sink)?;
    }
    let source = Source::of(&args.input);
    let asked = !args.names.exe.is_empty() || !args.names.debug_dir.is_empty();
    let mut names = Names::open(&args.names)?;
    let mut content = match args.format {
        // What is not whole would look whole.
        ConvertFormat::Gleak => one_unasked(&source, &mut names)?,
        ConvertFormat::Go
        | ConvertFormat::Pprof
        | ConvertFormat::Folded
        | ConvertFormat::Speedscope => one_nameless(&source, &mut names)?,
    };
    if asked {
        content = names.given_to(content);
        close(&names)?;
    }
    let failed = |fault| Failure::Input { name: source.name(), fault };
    let tasks = Tasks::of(&content).ok_or_else(|| failed(InputFault::NoTasks))?;
    let format = match args.format {
        ConvertFormat::Gleak => {
            sink.deliver(&dump(&content).map_err(failed)?)?;
            return Ok(exit_code::PASS);
        }
        ConvertFormat::Go => TaskFormat::Go,
        ConvertFormat::Pprof => TaskFormat::Pprof,
        ConvertFormat::Folded => TaskFormat::Folded,
        ConvertFormat::Speedscope => TaskFormat::Speedscope,
    };
    if let Some(why) = tasks.refusal(format) {
        return Err(failed(InputFault::Refused(why)));
    }
    let asleep = matches!(tasks, Tasks::Go(dump) if dump.is_asleep());
    let chosen = Chosen { asleep, ..Chosen::default() };
    let bytes = tasks.write(format, &chosen);
    let to_memory = |error| Failure::Output { to: "profile".into(), error };
    sink.deliver(&bytes.map_err(to_memory)?)?;
    Ok(exit_code::PASS)
}

/// A dump of ours, if it is one and nothing is missing in it.
fn dump(content: &Content) -> Result<Vec<u8>, InputFault> {
    let snapshot = match content {
        Content::Dump(snapshot) => snapshot,
        Content::Go(_) => {
            return Err(InputFault::Refused(
                "is a dump of a Go program: it has no objects, owners and arms, which ours tell",
            ));
        }
        Content::Findings(_) => return Err(InputFault::NoTasks),
    };
    if let Some(flaw) = content.flaw() {
        return Err(flaw);
    }
    if snapshot.completeness.unknown_lines > 0 {
        return Err(InputFault::UnreadLines(snapshot.completeness.unknown_lines));
    }
    let mut out = Vec::new();
    write_dump(snapshot, &mut out).map_err(InputFault::Io)?;
    Ok(out)
}
