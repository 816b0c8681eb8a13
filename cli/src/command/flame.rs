//! `gleak flame`: the tasks of a dump as a picture.

use std::io::{self, IsTerminal};

use gleak_detector::folded::{self, folded};
use gleak_detector::snapshot::Snapshot;

use super::{close, complain};
use crate::args::{By, Flame, FlameFormat};
use crate::error::Failure;
use crate::exit_code;
use crate::input::{Content, InputFault, Source};
use crate::names::Names;
use crate::output::{Existing, Sink};
use crate::picture::Picture;
use crate::plain::{counted, plain};

/// Runs the command.
pub(crate) fn run(args: &Flame) -> Result<u8, Failure> {
    let sink = Sink::open(args.to.output.as_deref(), Existing::from_force(args.to.force))?;
    let svg_to_terminal =
        args.format == FlameFormat::Svg && args.to.output.is_none() && io::stdout().is_terminal();
    if svg_to_terminal {
        let why = "a picture is no use on a terminal; -o FILE writes it".into();
        return Err(Failure::Usage { what: "flame".into(), why });
    }

    let mut names = Names::open(&args.names)?;
    let source = Source::of(&args.input);
    let failed = |fault| Failure::Input { name: source.name(), fault };
    let content = source.read().map_err(failed)?;
    if let Some(flaw) = content.flaw() {
        // The picture has no place to say it.
        complain(&Failure::Input { name: source.name(), fault: flaw });
    }
    let content = names.given_to(content);
    close(&names)?;
    let snapshot = match content {
        Content::Dump(snapshot) => snapshot,
        Content::Findings(_) => return Err(failed(InputFault::NoTasks)),
    };

    // Names may still turn the direction of writing.
    let plain = |line: String| plain(&line).into_owned();
    let stacks: Vec<String> = folded(&snapshot, by(args.by)).into_iter().map(plain).collect();
    let bytes = match args.format {
        FlameFormat::Folded => lines(&stacks),
        FlameFormat::Svg => {
            let title = args.title.clone().unwrap_or_else(|| title(&snapshot, &stacks));
            let subtitle = subtitle(args.by);
            let picture = Picture { stacks: &stacks, title: &title, subtitle, icicle: args.icicle };
            picture.draw().map_err(Failure::Picture)?
        }
    };
    sink.deliver(&bytes)?;
    Ok(exit_code::PASS)
}

fn by(by: By) -> folded::By {
    match by {
        By::Spawn => folded::By::Spawn,
        By::Block => folded::By::Block,
        By::Both => folded::By::Both,
    }
}

fn subtitle(by: By) -> &'static str {
    match by {
        By::Spawn => "where tasks come from; width is the number of tasks",
        By::Block => "where tasks wait, and for what; width is the number of tasks",
        By::Both => "where tasks come from, then where they wait; width is the number of tasks",
    }
}

fn title(snapshot: &Snapshot, stacks: &[String]) -> String {
    let tasks = stacks.iter().filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum();
    let header = &snapshot.header;
    format!("{}, process {}: {}", plain(&header.program), header.pid, counted(tasks, "task"))
}

fn lines(stacks: &[String]) -> Vec<u8> {
    let mut bytes = stacks.join("\n").into_bytes();
    if !bytes.is_empty() {
        bytes.push(b'\n');
    }
    bytes
}
