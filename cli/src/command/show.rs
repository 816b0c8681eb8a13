//! `gleak show`: one task, object or finding in full.

use gleak_detector::detail::{Id, detail};
use gleak_detector::render::{self, TextOptions};

use super::one_dump;
use crate::args::{AnswerFormat, Show};
use crate::error::Failure;
use crate::exit_code;
use crate::names::Names;
use crate::output::{Existing, Sink};
use crate::screen::Screen;
use crate::sources;

/// Runs the command.
pub(crate) fn run(args: &Show) -> Result<u8, Failure> {
    let wrong = |why: String| Failure::Usage { what: args.id.clone(), why };
    let id: Id = args.id.parse().map_err(wrong)?;
    let sink = Sink::open(args.to.output.as_deref(), Existing::from_force(args.to.force))?;
    let mut names = Names::open(&args.names)?;
    let (snapshot, report) = one_dump(&args.input, &mut names)?;
    super::close(&names)?;
    let found = detail(&snapshot, &report, &id).map_err(wrong)?;
    let screen = Screen::of(&sink, &args.layout);
    match args.format {
        AnswerFormat::Text => {
            let options = screen.options();
            let options = TextOptions {
                frames: args.frames.unwrap_or(options.frames),
                sources: sources::of(&report, &snapshot),
                ..options
            };
            screen.show(&render::detail(&found, &options))?;
        }
        AnswerFormat::Json => sink.deliver(render::detail_json(&found).as_bytes())?,
    }
    Ok(exit_code::PASS)
}
