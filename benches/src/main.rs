//! The driver: builds ours and the peers, runs each figure as a process of its own in turn with its
//! peers, and prints one table of ratios with the bars beside it.
//!
//! `catalogue` says what is measured and what it must be; `peers` builds, `runner` runs one process,
//! `measure` takes rounds and medians, `table` and `costs` lay out what came, `recording` compares
//! pairs with and without records, `flight` those with and without a flight file, `counts` compares instructions, `document` keeps the page.

#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a table for people is what this program makes"
)]

mod arguments;
mod bars;
mod catalogue;
mod costs;
mod counts;
mod document;
mod flight;
mod layout;
mod machine;
mod measure;
mod peers;
mod recording;
mod runner;
mod table;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use measure::Measured;
use peers::Built;

fn main() -> ExitCode {
    let outcome =
        Arguments::parse(std::env::args().skip(1)).and_then(|arguments| match arguments.command {
            Command::Bench => bench(&arguments),
            Command::Counts => counts::run(&arguments),
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: &Arguments) -> Result<(), String> {
    let works = catalogue::chosen(&arguments.only)?;
    let built = Built::all(&arguments.skip)?;
    let before = machine::load();
    let measured = Measured::take(&works, &built, arguments);
    let whole = arguments.only.is_empty();
    let mut page = vec![machine::describe(&built, before, arguments.rounds)];
    page.push(table::render(&works, &measured));
    page.push(bars::render(&works, &measured));
    let mut failed = measured.failed.clone();
    if whole {
        page.push(costs::render(&measured));
    }
    let pairs = recording::take(&works, &built, arguments.pairs);
    failed.extend(pairs.failed.iter().cloned());
    page.push(recording::render(&pairs));
    page.push(flight::section(&built, arguments.pairs, &mut failed));
    let page = page.join("\n\n");
    println!("{page}");
    if arguments.bless && whole {
        document::write(&page)?;
    } else if arguments.bless {
        return Err("BLESS writes the whole table: not with a choice of works".to_owned());
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("not measured: {}", failed.join("; "))) }
}
