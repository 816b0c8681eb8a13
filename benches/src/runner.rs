//! Runs one work once, in a process of its own, and reads its line of figures.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::peers;

/// A work takes a second or two; who is not done by then hangs.
const LIMIT_SECONDS: &str = "60";
/// What `timeout` ends with when the limit is over.
const OVER: i32 = 124;

/// Figures by their keys.
pub(crate) type Figures = BTreeMap<String, f64>;

/// The figures of one process.
///
/// # Errors
/// In a few words, when it fails, hangs or prints no figures.
pub(crate) fn run(program: &Path, work: &str, workers: usize, n: u64) -> Result<Figures, String> {
    run_in_flight(program, work, workers, n, None)
}

/// The same with a flight file in this folder.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_in_flight(
    program: &Path,
    work: &str,
    workers: usize,
    n: u64,
    folder: Option<&Path>,
) -> Result<Figures, String> {
    let mut command = Command::new("timeout");
    command.arg(LIMIT_SECONDS).arg(program).args([work, &workers.to_string(), &n.to_string()]);
    // The caller's settings would measure something else.
    for name in ["GLEAK_WORKERS", "GLEAK_EXIT", "GLEAK_STACK_GUARD", "GOMAXPROCS", "GOGC"] {
        command.env_remove(name);
    }
    command.env("GLEAK_FLIGHT", folder.unwrap_or(Path::new(""))).env_remove("GLEAK_FLIGHT_KEEP");
    command.current_dir(peers::scratch()).env("GLEAK_DUMP_DIR", peers::scratch());
    let output = command.output().map_err(|error| format!("timeout: {error}"))?;
    if !output.status.success() {
        return Err(match output.status.code() {
            Some(OVER) => format!("hangs: {LIMIT_SECONDS} s are over"),
            Some(code) => format!("fails with status {code}"),
            None => format!("dies: {}", output.status),
        });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.starts_with("bench="));
    let pairs = line.unwrap_or_default().split_whitespace().filter_map(|it| it.split_once('='));
    let figures: Figures =
        pairs.filter_map(|(key, value)| Some((key.to_owned(), value.parse().ok()?))).collect();
    if figures.is_empty() { Err("prints no figures".to_owned()) } else { Ok(figures) }
}
