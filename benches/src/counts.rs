//! Instructions an operation, which repeat where times do not: under valgrind, on one worker, as
//! (count for 2n - count for n) / n, so that start and end of the process cancel out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::arguments::Arguments;
use crate::layout::{number, table};
use crate::peers::{Built, root, scratch};

const FILE: &str = "benches/counts.json";

/// What two runs may differ by: the monitor's turns depend on time.
const TOLERANCE: f64 = 0.02;

/// Works and their operations: enough that the monitor's share is small.
const WORKS: &[(&str, u64)] = &[
    ("round-trip", 20_000),
    ("buffered-1p1c", 100_000),
    ("yield-1000", 100_000),
    ("spawn-one", 20_000),
    ("spawn-batch", 20_000),
    ("select2-ready", 50_000),
    ("select8-ready", 20_000),
    ("mutex-free", 100_000),
];

/// Counts, and compares with the committed figures or rewrites them.
///
/// # Errors
/// When valgrind is absent, a program fails, or a count differs by more than the tolerance.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let absent = |error| format!("valgrind is absent: {error}");
    Command::new("valgrind").arg("--version").output().map_err(absent)?;
    let program = Built::ours()?;
    let committed = committed()?;
    let chosen = |name: &str| {
        arguments.only.is_empty() || arguments.only.iter().any(|part| name.contains(part.as_str()))
    };
    if !WORKS.iter().any(|(name, _)| chosen(name)) {
        let names: Vec<&str> = WORKS.iter().map(|(name, _)| *name).collect();
        return Err(format!("no such count; there are {}", names.join(", ")));
    }
    let (mut counts, mut rows, mut wrong) = (committed.clone(), Vec::new(), Vec::new());
    for (name, n) in WORKS.iter().filter(|(name, _)| chosen(name)) {
        let (once, twice) = (count(&program.path, name, *n)?, count(&program.path, name, 2 * n)?);
        let each = (twice - once) / *n as f64;
        let before = committed.get(*name).copied();
        let change = before.map(|before| each / before - 1.0);
        if change.is_none_or(|change| change.abs() > TOLERANCE) {
            wrong.push(*name);
        }
        rows.push(vec![
            (*name).to_owned(),
            number(each),
            before.map_or("none".to_owned(), number),
            change.map_or("new".to_owned(), |change| format!("{:+.1} %", change * 100.0)),
        ]);
        counts.insert((*name).to_owned(), (each * 10.0).round() / 10.0);
    }
    println!("{}", table(&["work", "instructions", "committed", "change"], &rows));
    if arguments.bless {
        let text = serde_json::to_string_pretty(&counts).map_err(|error| error.to_string())?;
        let path = root().join(FILE);
        return fs::write(path, text + "\n").map_err(|error| format!("{FILE}: {error}"));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let hint = "faster or slower, `make counts BLESS=1` accepts it";
    Err(format!("more than {} % off {FILE}: {}; {hint}", TOLERANCE * 100.0, wrong.join(", ")))
}

fn committed() -> Result<BTreeMap<String, f64>, String> {
    match fs::read_to_string(root().join(FILE)) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| format!("{FILE}: {error}")),
        Err(_) => Ok(BTreeMap::new()),
    }
}

/// Instructions of one process. Valgrind follows the switches between stacks: they are far apart.
fn count(program: &Path, work: &str, n: u64) -> Result<f64, String> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    command.arg(program).args([work, "1", &n.to_string()]).current_dir(scratch());
    let output = command.output().map_err(|error| format!("valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find_map(|line| line.split_once("refs:"));
    let number = line.map(|(_, number)| number.trim().replace(',', ""));
    let number = number.filter(|_| output.status.success()).and_then(|it| it.parse().ok());
    number.ok_or(format!("valgrind on {work}: {}\n{}", output.status, said.trim_end()))
}
