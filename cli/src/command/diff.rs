//! `gleak diff`: what is new, grown, shrunk or gone between two dumps.

use gleak_detector::diff::diff;
use gleak_detector::filter::RegionNames;
use gleak_detector::render::{self, TextOptions};
use gleak_detector::view::{Ask, View};

use super::{close, one_dump};
use crate::args::{AnswerFormat, Diff};
use crate::error::Failure;
use crate::exit_code;
use crate::input::{Source, stdin_twice};
use crate::names::Names;
use crate::output::{Existing, Sink};
use crate::screen::Screen;
use crate::suppress;

/// Runs the command.
pub(crate) fn run(args: &Diff) -> Result<u8, Failure> {
    if [&args.old, &args.new].iter().all(|path| Source::of(path) == Source::Stdin) {
        return Err(stdin_twice());
    }
    let sink = Sink::open(args.to.output.as_deref(), Existing::from_force(args.to.force))?;
    let suppressions = suppress::read(&args.suppress.suppress)?;
    let mut names = Names::open(&args.names)?;
    let dumps = [&args.old, &args.new].map(|path| one_dump(path, &mut names));
    let [old, new] = dumps;
    let (old, new) = (old?, new?);
    close(&names)?;
    let [(old, old_regions), (new, new_regions)] = [old, new].map(|(dump, mut report)| {
        suppressions.apply(&mut report, suppress::today());
        (report, RegionNames::of(&dump))
    });
    let ask = Ask { filter: args.pick.filter.clone(), ..Ask::default() };
    let shown = diff(&View::of(&old, &old_regions, &ask), &View::of(&new, &new_regions, &ask));
    let screen = Screen::of(&sink, &args.layout);
    match args.format {
        AnswerFormat::Text => {
            let options = TextOptions { top: args.top, ..screen.options() };
            screen.show(&render::diff(&shown, &options))?;
        }
        AnswerFormat::Json => sink.deliver(render::diff_json(&shown).as_bytes())?,
    }
    // What is shown decides nothing.
    Ok(if args.exit_code && shown.worse { exit_code::FOUND } else { exit_code::PASS })
}
