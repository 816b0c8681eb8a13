//! `gleak survey`: what the processes of a test run have left, counted, as one table.

use gleak_detector::render::{self, TextOptions};
use gleak_detector::survey::Standing;

use super::{complain, gather};
use crate::args::{self, Names, Suppress};
use crate::error::Failure;
use crate::exit_code;
use crate::gate::Evidence;
use crate::input::InputFault;
use crate::output::{Existing, Sink};
use crate::plain::{counted, grouped};
use crate::screen::Screen;

/// Runs the command.
pub(crate) fn run(args: &args::Survey) -> Result<u8, Failure> {
    let sink = Sink::open(args.to.output.as_deref(), Existing::from_force(args.to.force))?;
    let names = Names { exe: Vec::new(), debug_dir: Vec::new() };
    let evidence = gather(&args.inputs, &Suppress { suppress: Vec::new() }, &names)?;
    if evidence.coverage().processes == 0 && evidence.unreadable.is_empty() {
        return Err(Failure::NothingChecked(
            "no findings file: run the tests with GLEAK=survey and GLEAK_OUT".to_owned(),
        ));
    }
    let screen = Screen::of(&sink, &args.layout);
    let options = TextOptions { top: args.top, ..screen.options() };
    screen.show(&text(&evidence, &options))?;
    unread(&evidence)
}

fn text(evidence: &Evidence, options: &TextOptions) -> String {
    let (survey, coverage) = (evidence.survey(), evidence.coverage());
    let head = format!(
        "{} of {} were left, in {} with {}",
        grouped(survey.tasks(Standing::Left)),
        counted(coverage.spawned, "task"),
        counted(coverage.processes, "process"),
        counted(coverage.tests, "test")
    );
    let found = evidence.findings().len() as u64;
    let note = match survey.is_empty() && found > 0 {
        true => format!(
            "\nNothing was counted, and there are {}: were the tests run with GLEAK=survey?",
            counted(found, "finding")
        ),
        false => String::new(),
    };
    format!("{head}{note}\n\n{}", render::survey(&survey, options)).trim_end().to_owned() + "\n"
}

/// Names what could not be read: then rows are missing.
fn unread(evidence: &Evidence) -> Result<u8, Failure> {
    if evidence.unreadable.is_empty() {
        return Ok(exit_code::PASS);
    }
    for input in &evidence.unreadable {
        let fault = InputFault::Noted(input.why.clone());
        complain(&Failure::Input { name: input.input.clone(), fault });
    }
    Err(Failure::Inputs(evidence.unreadable.len()))
}
