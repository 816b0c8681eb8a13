//! The command line: every command and flag, and the words of `--help`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit_code;

/// Finds task leaks and deadlocks in dumps and findings files.
#[derive(Debug, Parser)]
#[command(name = "gleak", version, after_help = exit_code::HELP)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what is wrong in a dump: task leaks, deadlocks, and why they are known
    Report(Report),
    /// Draw the tasks of a dump as a flame graph
    Flame(Flame),
    /// Fail when there are findings that the baseline does not know
    Gate(Gate),
    /// Make the file of known findings that `gate` reads
    #[command(subcommand)]
    Baseline(Baseline),
}

/// Where an answer goes.
#[derive(Debug, Args)]
pub(crate) struct To {
    /// Write to FILE instead of standard output; a file that exists is kept
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite FILE if it exists
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}

/// Where names of functions come from, for stacks that were written as addresses.
#[derive(Debug, Args)]
pub(crate) struct Names {
    /// Names of functions are in FILE: a program, library or debug file
    #[arg(long, value_name = "FILE")]
    pub(crate) exe: Vec<PathBuf>,
    /// Look for debug files in DIR/.build-id, and in /usr/lib/debug
    #[arg(long, value_name = "DIR")]
    pub(crate) debug_dir: Vec<PathBuf>,
}

/// Findings that are excepted.
#[derive(Debug, Args)]
pub(crate) struct Suppress {
    /// Leave out what FILE excepts, by lines `MATCHER because REASON`
    #[arg(long, value_name = "FILE")]
    pub(crate) suppress: Vec<PathBuf>,
}

/// `gleak report`.
#[derive(Debug, Args)]
#[command(after_help = "\
Findings files are read too: they hold findings and no tasks. A dump that was cut or damaged is
reported as far as it goes, and the report says so. With several inputs, text comes one after
another under the names of the files, and JSON is one array of {\"input\", \"report\"}.

Three dumps of one process or more show what grows: the report on the last of them also names groups
of tasks of which there were more in each dump, while none of them went on.

Stacks that hold addresses get their names from the files that the dump says were loaded, from
debug files of the same build id, and from what --exe names. A file of another build id is refused.

Examples:
  gleak report gleak-4711-0.ndjson
  gleak report crash.ndjson --exe target/release/app
  gleak report crash.ndjson --suppress gleak-suppress.txt
  gleak report --top 5 --color never crash.ndjson | less
  gleak report app-1.ndjson app-2.ndjson app-3.ndjson
  gleak report --longer 10m gleak-4711-0.ndjson
  gleak report --format json --exit-code - < crash.ndjson")]
pub(crate) struct Report {
    /// Dumps or findings files; `-` is standard input
    #[arg(required = true, value_name = "DUMP")]
    pub(crate) inputs: Vec<PathBuf>,
    /// How to say it
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) format: ReportFormat,
    /// Also name tasks that have waited for longer than TIME, as 90s, 10m or 2h
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) longer: Option<Duration>,
    /// Show the N biggest groups of tasks; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: usize,
    /// Show N frames of each stack [default: 8, in the table only without findings], or `all`
    #[arg(long, value_name = "N|all", value_parser = frames)]
    pub(crate) frames: Option<usize>,
    /// Show the runtime's own frames of stacks too
    #[arg(long)]
    pub(crate) runtime_frames: bool,
    /// Columns of text [default: those of the terminal, else 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(40..=1000))]
    pub(crate) width: Option<u16>,
    /// When to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Exit with 1 if there are findings
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// What is left out.
    #[command(flatten)]
    pub(crate) suppress: Suppress,
    /// Where names come from.
    #[command(flatten)]
    pub(crate) names: Names,
    /// Where to write.
    #[command(flatten)]
    pub(crate) to: To,
}

/// A number and a unit.
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "want a whole number and a unit, as 90s, 10m, 2h or 1d".to_owned();
    let unit = text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(unit);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

fn frames(text: &str) -> Result<usize, String> {
    match text {
        "all" => Ok(usize::MAX),
        number => number.parse().map_err(|_| "neither a number nor `all`".to_owned()),
    }
}

/// Formats of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// When to use colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Also into files and pipes
    Always,
    /// Not at all
    Never,
}

/// `gleak flame`.
#[derive(Debug, Args)]
#[command(after_help = "\
The width of a box is a number of tasks. Read from the root: where tasks were spawned, what they
run, where they wait and for what.

Examples:
  gleak flame gleak-4711-0.ndjson -o tasks.svg
  gleak flame gleak-4711-0.ndjson --by block --icicle -o waits.svg
  gleak flame gleak-4711-0.ndjson --format folded | sort | head")]
pub(crate) struct Flame {
    /// A dump; `-` is standard input
    #[arg(value_name = "DUMP")]
    pub(crate) input: PathBuf,
    /// What the boxes are
    #[arg(long, value_enum, default_value_t = By::Both)]
    pub(crate) by: By,
    /// How to draw it
    #[arg(long, value_enum, default_value_t = FlameFormat::Svg)]
    pub(crate) format: FlameFormat,
    /// Words above the picture [default: program, process and number of tasks]
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// The root on top, growing downwards
    #[arg(long, visible_alias = "inverted")]
    pub(crate) icicle: bool,
    /// Where names come from.
    #[command(flatten)]
    pub(crate) names: Names,
    /// Where to write.
    #[command(flatten)]
    pub(crate) to: To,
}

/// What the boxes of a flame graph are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum By {
    /// Where tasks come from
    Spawn,
    /// Where tasks wait
    Block,
    /// Where they come from, then where they wait
    Both,
}

/// Formats of a flame graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum FlameFormat {
    /// A picture for the browser
    Svg,
    /// One line a stack, for other flame graph tools
    Folded,
}

/// What `gate` and `baseline write` look at.
#[derive(Debug, Args)]
pub(crate) struct Inputs {
    /// Dumps, findings files, folders of *.ndjson, or `-` [default: target/gleak]
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Fail unless at least N processes reported [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "allow_empty")]
    pub(crate) require_run: Option<u64>,
    /// Be content when no process reported anything
    #[arg(long)]
    pub(crate) allow_empty: bool,
    /// What is left out.
    #[command(flatten)]
    pub(crate) suppress: Suppress,
    /// Where names come from.
    #[command(flatten)]
    pub(crate) names: Names,
}

/// `gleak gate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Findings of all inputs are merged by fingerprint and compared with the baseline:
  NEW     its fingerprint is not in the baseline, or its entry has expired
  moved?  new, but a vanished entry has the same rule and runs the same function, or another one
          that waits alike in the same files
  GROWN   known, with more tasks than the baseline allows
  stale   in the baseline, not seen: a warning, or a failure with --strict-baseline

NEW, moved? and GROWN fail the gate. The gate never writes the baseline: see `gleak baseline write`.
Suppressed findings are compared with nothing. A suppression that took none is named.

Examples:
  gleak gate --baseline gleak-baseline.json
  gleak gate shard-1 shard-2 --require-run 84 --fail-on strong")]
pub(crate) struct Gate {
    /// What to look at.
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// The file of known findings
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Fail on stale entries, and on entries without a reason
    #[arg(long, requires = "baseline")]
    pub(crate) strict_baseline: bool,
    /// Let N new findings through
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) max_new: usize,
    /// The lowest certainty that fails
    #[arg(long, value_enum, value_name = "CERTAINTY", default_value_t = FailOn::Weak)]
    pub(crate) fail_on: FailOn,
    /// How to say it
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) format: ReportFormat,
}

/// The lowest certainty that fails a gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum FailOn {
    /// Proven: the task can never go on
    Certain,
    /// Also: only what no record shows could still wake it
    Strong,
    /// Also: what was alive, no more
    Weak,
    /// Every finding, also of what did not happen and could
    Potential,
}

/// `gleak baseline`.
#[derive(Debug, Subcommand)]
pub(crate) enum Baseline {
    /// Accept the findings of a run as known
    Write(BaselineWrite),
}

/// `gleak baseline write`.
#[derive(Debug, Args)]
#[command(after_help = "\
Commit the file, and write a reason for each entry. With --force, entries that stay keep their
reason, owner and date of expiry; entries not seen in the inputs are dropped.

Example:
  gleak baseline write gleak-baseline.json target/gleak --reason \"issue 41\"")]
pub(crate) struct BaselineWrite {
    /// The file to make
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What to look at.
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// Why the new entries are accepted
    #[arg(long, value_name = "TEXT", default_value = crate::baseline::TODO)]
    pub(crate) reason: String,
    /// Overwrite FILE if it exists
    #[arg(long)]
    pub(crate) force: bool,
}
