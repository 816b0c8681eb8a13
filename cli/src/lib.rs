//! All of the program `gleak`: reads dumps and findings files, and says what is wrong in them.
//!
//! Files, terminals and exit codes are here; judgement and rendering are the detector's.
//!
//! Invariants:
//! 1. Answers go to standard output, complaints to standard error, one line each.
//! 2. No input makes it panic; every expected failure has its exit code.
//! 3. Never a part of a running program: it depends on no runtime.
//!
//! A library only so that the fuzz targets can reach the readers; its one promise is [`main`].

#![forbid(unsafe_code)]

mod args;
mod baseline;
mod command;
mod error;
mod exit_code;
mod format;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gate;
mod go;
mod inlined;
mod input;
mod keys;
mod links;
mod memory;
mod names;
mod output;
mod picture;
mod plain;
mod progress;
mod screen;
mod sources;
mod suppress;
mod tasks;
mod terminal;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

/// Runs the program with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let done = match args::Cli::try_parse() {
        Ok(cli) => command::run(cli.command),
        // Help and version come as errors too; clap words them and knows their stream.
        Err(answer) if answer.use_stderr() => {
            refuse(&answer);
            Ok(exit_code::USAGE)
        }
        Err(answer) => {
            output::to_stdout(answer.render().to_string().as_bytes()).map(|()| exit_code::PASS)
        }
    };
    ExitCode::from(done.unwrap_or_else(|failure| {
        command::complain(&failure);
        failure.code()
    }))
}

/// Says on standard error what is wrong with the arguments, which are quoted.
fn refuse(answer: &clap::Error) {
    let words = std::env::args_os().any(|it| plain::steers(&it.to_string_lossy()));
    if words {
        let text = answer.render().to_string();
        let lines: Vec<_> = text.lines().map(plain::plain).collect();
        let _ = writeln!(io::stderr().lock(), "{}", lines.join("\n"));
    } else {
        // With its colours, where they belong.
        let _ = answer.print();
    }
}
