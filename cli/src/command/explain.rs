//! `gleak explain`: the rules in words, from the same values as `docs/rules.md`.

use gleak_detector::{RULES, near, render};

use crate::args::Explain;
use crate::error::Failure;
use crate::exit_code;
use crate::output::Sink;
use crate::screen::Screen;

/// Runs the command.
pub(crate) fn run(args: &Explain) -> Result<u8, Failure> {
    let screen = Screen::of(&Sink::Stdout, &args.layout);
    let options = screen.options();
    let text = match &args.rule {
        None => render::rule_list(&options),
        Some(asked) => match RULES.iter().find(|info| info.rule.id() == asked) {
            Some(info) => render::rule(info, &options),
            None => return Err(unknown(asked)),
        },
    };
    screen.show(&text)?;
    Ok(exit_code::PASS)
}

fn unknown(asked: &str) -> Failure {
    let why = match near(asked, RULES.iter().map(|info| info.rule.id())) {
        Some(meant) => format!("no such rule; is `{meant}` meant?"),
        None => "no such rule; `gleak explain` lists them".to_owned(),
    };
    Failure::Usage { what: asked.to_owned(), why }
}
