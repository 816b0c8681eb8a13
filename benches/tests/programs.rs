//! Our side of the table: the program knows its works and prints the line that the driver reads.

use std::process::{Command, Output};

/// What figures there are, over all works.
const KEYS: &[&str] = &[
    "ns",
    "ms",
    "bytes",
    "mib",
    "task",
    "arm",
    "object",
    "raw",
    "first",
    "lost",
    "off",
    "on",
    "cost",
    "pair-off",
    "pair-on",
    "pair-cost",
    "us",
    "whole",
    "bare",
    "times",
];

fn ours(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_bench-ours");
    Command::new(program).args(arguments).output().expect("the program was built")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_work_prints_its_figures() {
    let works = text(&ours(&["list"]).stdout);
    assert!(works.lines().count() > 20, "{works}");
    // Those that last a second however little there is to do are left out.
    let short = |work: &&str| !["sleepers", "held", "watched"].contains(work);
    let gleak = std::path::Path::new(env!("CARGO_BIN_EXE_bench-ours")).with_file_name("gleak");
    let built = |work: &&str| gleak.exists() || !work.starts_with("report");
    if !gleak.exists() {
        eprintln!("skipped: report, report-go: the program gleak has not been built");
    }
    for work in works.lines().filter(short).filter(built) {
        let output = ours(&[work, "2", "1000"]);
        let (line, said) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{work}: {} {said}", output.status);
        let head = format!("bench={work} procs=2 n=1000 ");
        let figures = line.trim_end().strip_prefix(&head).unwrap_or_else(|| panic!("{line}"));
        for figure in figures.split(' ') {
            let (key, value) = figure.split_once('=').unwrap_or_else(|| panic!("{line}"));
            assert!(KEYS.contains(&key), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
}

#[test]
fn an_unknown_work_is_refused() {
    for wrong in [&["nothing", "1", "1"][..], &["round-trip", "one", "1"], &["round-trip"], &[]] {
        let output = ours(wrong);
        assert!(!output.status.success(), "{wrong:?}");
        assert!(text(&output.stderr).contains("usage"), "{wrong:?}");
    }
}
