//! What a flight file costs: the same program with and without one, in interleaved pairs.

use std::path::PathBuf;

use crate::layout::{number, table};
use crate::peers::{Built, Peer, scratch};
use crate::recording::in_pairs;
use crate::runner;

/// At most so many nanoseconds.
const BAR: f64 = 5.0;
/// In memory, where there is such a folder.
const FOLDER: &str = "/dev/shm";

/// What is written about, the program that does it, operations of one process, and how often it does it in each.
const WORKS: [(&str, &str, u64, f64); 2] = [
    ("a park, and going on from it", "round-trip", 300_000, 2.0),
    ("a spawn, its run and its end", "spawn-unwaited", 300_000, 1.0),
];

/// The section of the page, and what could not be measured.
pub(crate) fn section(built: &Built, pairs: usize, failed: &mut Vec<String>) -> String {
    const TITLE: &str = "## The cost of a flight file";
    let mut rows = Vec::new();
    let ours = built.get(Peer::Ours).filter(|_| pairs > 0);
    for (title, program, n, times) in WORKS.iter().filter(|_| ours.is_some()) {
        eprintln!("bench: flight: {program}");
        let Some(ours) = ours else { continue };
        let folder = Some(PathBuf::from(FOLDER)).filter(|it| it.is_dir()).unwrap_or_else(scratch);
        let measured = in_pairs(pairs, |with| {
            let folder = with.then_some(&*folder);
            runner::run_in_flight(&ours.path, program, 1, *n, folder)
        });
        match measured {
            Ok((with, without, difference)) => rows.push(vec![
                (*title).to_owned(),
                number(with),
                number(without),
                format!("{:+.1}", difference / times),
                if difference / times <= BAR { "met" } else { "NOT MET" }.to_owned(),
            ]),
            Err(why) => failed.push(format!("flight file of {program}: {why}")),
        }
    }
    if rows.is_empty() {
        return format!("{TITLE}\n\nNot measured in this run.");
    }
    let head = ["what is written, 1 worker", "with ns", "without ns", "cost of one ns", "verdict"];
    let text = format!(
        "Medians of {pairs} interleaved pairs, with a file in memory and without one; the cost of one is the median \
         of the pairs' differences, shared among how many an operation has, and at most {BAR} ns."
    );
    format!("{TITLE}\n\n{text}\n\n{}", table(&head, &rows))
}
