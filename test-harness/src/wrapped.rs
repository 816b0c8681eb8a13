//! Tests that were made for libtest-mimic, run as ours.
//!
//! Its trials show their closure to nobody but its own `run`. So the body of such a test is a run of
//! that one trial, with its report in a file: on the body's own stack, where what it spawns is charged
//! to it.
//!
//! Invariant: what the trial said is what the test says; a report that does not read fails it.

use std::fs;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, FormatSetting, Measurement};
use serde::Deserialize;

use crate::case::{Begin, Case, Kind, Settings};
use crate::test_body::{self, Raw};

/// What passes between the trial that libtest-mimic sees and the one that is wrapped in it.
#[derive(Debug)]
pub(crate) struct Wrapped {
    pub(crate) label: String,
    pub(crate) is_bench: bool,
    /// Whether it is to be measured.
    pub(crate) measures: AtomicBool,
    /// It knows no place of its own, so it counts as spawned where the run is started.
    pub(crate) place: OnceLock<&'static Location<'static>>,
    said: OnceLock<Said>,
}

/// What came of a trial that has not failed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Said {
    Passed,
    /// It found out by itself that it should not run.
    Ignored,
    Measured(Measurement),
}

impl Wrapped {
    /// What came of it, once it has passed.
    pub(crate) fn said(&self) -> Said {
        self.said.get().copied().unwrap_or(Said::Passed)
    }
}

/// A trial of libtest-mimic as a test of ours.
pub(crate) fn case(trial: libtest_mimic::Trial) -> Case {
    let wrapped = Arc::new(Wrapped {
        label: trial.kind().to_owned(),
        is_bench: trial.is_bench(),
        measures: AtomicBool::new(false),
        place: OnceLock::new(),
        said: OnceLock::new(),
    });
    Case {
        name: trial.name().to_owned(),
        kind: Kind::Wrapped(Arc::clone(&wrapped)),
        file: "",
        line: 0,
        settings: Settings { ignored: trial.has_ignored_flag(), ..Settings::default() },
        begin: Begin::Here(Box::new(move |start| {
            let end = start.end();
            let place = wrapped.place.get().copied().unwrap_or_else(|| Location::caller());
            start.spawn_for::<libtest_mimic::Trial>(place, move || {
                test_body::run(end, move || Raw(run(trial, &wrapped)))
            })
        })),
    }
}

/// A line of libtest-mimic's report.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    of: String,
    #[serde(default)]
    event: String,
    #[serde(default)]
    stdout: String,
    #[serde(default)]
    median: u64,
    #[serde(default)]
    deviation: u64,
}

/// Runs it on the caller's stack. The message of its failure.
fn run(trial: libtest_mimic::Trial, wrapped: &Wrapped) -> Result<(), String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("gleak-trial-{}-{number}.ndjson", std::process::id());
    let path = std::env::temp_dir().join(name);
    let arguments = Arguments {
        include_ignored: true,
        bench: wrapped.measures.load(Ordering::Relaxed),
        // On this very thread.
        test_threads: Some(1),
        logfile: Some(path.to_string_lossy().into_owned()),
        format: Some(FormatSetting::Json),
        ..Arguments::default()
    };
    let conclusion = libtest_mimic::run(&arguments, vec![trial]);
    let report = fs::read_to_string(&path);
    // Nobody else reads it; if it stays, then in a folder that is emptied.
    let _ = fs::remove_file(&path);
    let lines = report.map_err(|error| error.to_string()).and_then(|text| {
        let lines = text.lines().map(serde_json::from_str::<Line>);
        lines.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())
    });
    let lines = lines.map_err(|why| format!("gleak: {}: {why}", path.display()))?;
    for line in lines.iter().filter(|line| line.of == "test" || line.of == "bench") {
        match (line.of.as_str(), line.event.as_str()) {
            ("bench", _) => {
                let measured = Measurement { avg: line.median, variance: line.deviation };
                let _ = wrapped.said.set(Said::Measured(measured));
            }
            (_, "ignored") => drop(wrapped.said.set(Said::Ignored)),
            (_, "failed") => return Err(message(&line.stdout)),
            _ => {}
        }
    }
    if conclusion.has_failed() { Err("Error: the trial failed".to_owned()) } else { Ok(()) }
}

/// What the trial said, out of what libtest-mimic makes of it.
fn message(stdout: &str) -> String {
    let inner = stdout.strip_prefix("Error: \"").and_then(|rest| rest.strip_suffix("\"\n"));
    inner.unwrap_or(if stdout.is_empty() { "Error: the trial failed" } else { stdout }).to_owned()
}
