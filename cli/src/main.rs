//! `gleak`: reads dumps and findings files, and says what is wrong in them.
//!
//! Files, terminals and exit codes are here; judgement and rendering are the detector's.
//!
//! Invariants:
//! 1. Answers go to standard output, complaints to standard error, one line each.
//! 2. No input makes it panic; every expected failure has its exit code.
//! 3. Never a part of a running program: it depends on no runtime.

#![forbid(unsafe_code)]

mod args;
mod baseline;
mod command;
mod error;
mod exit_code;
mod gate;
mod input;
mod names;
mod output;
mod picture;
mod plain;
mod suppress;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let done = match args::Cli::try_parse() {
        Ok(cli) => command::run(cli.command),
        // Help and version come as errors too; clap words them and knows their stream.
        Err(answer) if answer.use_stderr() => {
            let _ = answer.print();
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
