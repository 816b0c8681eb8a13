//! `gleak completions` and `gleak man`: both from the one table of flags.

use std::io;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::args::{Cli, Completions};
use crate::error::Failure;
use crate::exit_code;
use crate::output;

/// Completions for a shell.
pub(crate) fn completions(args: &Completions) -> Result<u8, Failure> {
    let mut bytes = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "gleak", &mut bytes);
    output::to_stdout(&bytes)?;
    Ok(exit_code::PASS)
}

/// One page: the program, each command below its name, the exit codes.
pub(crate) fn man() -> Result<u8, Failure> {
    let mut command = Cli::command();
    command.build();
    let page = page(&command).map_err(|error| Failure::Output { to: "stdout".into(), error })?;
    output::to_stdout(&page)?;
    Ok(exit_code::PASS)
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let whole = Man::new(command.clone());
    whole.render_title(&mut page)?;
    whole.render_name_section(&mut page)?;
    whole.render_synopsis_section(&mut page)?;
    whole.render_options_section(&mut page)?;
    for (name, command) in leaves(command, "gleak") {
        page.extend(format!(".SH {}\n", name.to_uppercase()).into_bytes());
        let has_notes = command.get_after_help().is_some();
        let part = Man::new(command);
        let mut text = Vec::new();
        part.render_description_section(&mut text)?;
        part.render_synopsis_section(&mut text)?;
        part.render_options_section(&mut text)?;
        if has_notes {
            part.render_extra_section(&mut text)?;
        }
        below(&text, ".SS", "NOTES", &mut page);
    }
    let mut text = Vec::new();
    whole.render_extra_section(&mut text)?;
    below(&text, ".SH", "EXIT CODES", &mut page);
    Ok(page)
}

/// Commands that do something, with their whole names.
fn leaves(command: &Command, name: &str) -> Vec<(String, Command)> {
    let own = command.get_subcommands().filter(|it| it.get_name() != "help");
    own.flat_map(|sub| {
        let name = format!("{name} {}", sub.get_name());
        if sub.has_subcommands() { leaves(sub, &name) } else { vec![(name, sub.clone())] }
    })
    .collect()
}

/// Puts sections below a title, and gives what follows the flags a name of its own.
fn below(text: &[u8], level: &str, notes: &str, page: &mut Vec<u8>) {
    for line in String::from_utf8_lossy(text).lines() {
        let line = match line.strip_prefix(".SH ") {
            Some("EXTRA") => format!("{level} {notes}"),
            Some(title) => format!("{level} {title}"),
            // Every part begins with what the page has at its head.
            None if line.starts_with(".ie ") || line.starts_with(".el ") => continue,
            None => line.to_owned(),
        };
        page.extend(line.into_bytes());
        page.push(b'\n');
    }
}
