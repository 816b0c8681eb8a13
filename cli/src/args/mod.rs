//! The command line: every command and flag, and the words of `--help`.

mod baseline;
mod convert;
mod outputs;
mod questions;
mod survey;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use gleak_detector::filter::span_ms;

use crate::exit_code;

pub(crate) use baseline::{
    Baseline, BaselineAdd, BaselineExplain, BaselinePrune, BaselineWrite, apart,
};
pub(crate) use convert::{Convert, ConvertFormat};
use outputs::wanted;
pub(crate) use outputs::{Files, Wanted};
pub(crate) use questions::{
    AnswerFormat, Completions, Diff, Explain, Hyperlinks, Layout, Pick, Schema, SchemaOf, Show,
    Shown, Top,
};
pub(crate) use survey::Survey;

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
    /// Show one task, object or finding in full: who holds it, what it waits for, what could end it
    Show(Show),
    /// Watch the tasks of a running process through its flight file
    Top(Top),
    /// Compare two dumps: what is new, grown, shrunk or gone
    Diff(Diff),
    /// Draw the tasks of a dump as a flame graph
    Flame(Flame),
    /// Write a dump in another format, without judging it
    Convert(Convert),
    /// Show what the tests of a run have left, by test, task and wait
    Survey(Survey),
    /// Fail when there are findings that the baseline does not know
    Gate(Gate),
    /// Make, change or explain the file of known findings that `gate` reads
    #[command(subcommand)]
    Baseline(Baseline),
    /// Explain a rule, or list all of them
    Explain(Explain),
    /// Write completions for a shell
    Completions(Completions),
    /// Write the manual page
    Man,
    /// Write the JSON Schema of a format
    Schema(Schema),
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
another under the names of the files, JSON is one array of {\"input\", \"report\"}, and html one page;
md, junit, sarif, gitlab and github name each fingerprint once; the others take one dump.

Three dumps of one process or more show what grows: the report on the last of them also names groups
of tasks of which there were more in each dump, while none of them went on.

Core files and image files hold the memory of a process that a signal has ended. They are told like
dumps, with what ended it. Places and stacks need the file of the program: its path in the core is
tried, and what --exe names. See docs/cores.md.

Stacks that hold addresses get their names from the files that the dump says were loaded, from
debug files of the same build id, and from what --exe names. A file of another build id is refused.

--where picks what is shown, by tests of task, state, wait, age, name, label.KEY, entry, spawn,
blocked, region, tasks, rule, certainty and fingerprint with = != ~ (* is any text) < <= > >=, put
together by and (or a blank), or, not and parentheses. A finding is shown if one of its tasks fits.
Verdict and exit code are on all, and what is left out is counted. See docs/questions.md.

The source of a place is shown where the program was compiled on this machine, if the file has not
changed since.

Examples:
  gleak report gleak-4711-0.ndjson
  gleak report crash.ndjson --exe target/release/app
  gleak report crash.ndjson --suppress gleak-suppress.txt
  gleak report --top 5 --color never crash.ndjson | less
  gleak report app-1.ndjson app-2.ndjson app-3.ndjson
  gleak report --longer 10m gleak-4711-0.ndjson
  gleak report --where 'wait=receive age>5m' --group-by spawn crash.ndjson
  gleak report gleak-4711-0.ndjson -o crash.html
  gleak report gleak-4711-0.ndjson -o waits.dot
  gleak report core.4711 --exe target/release/app
  gleak report --format json --exit-code - < crash.ndjson
  gleak report goroutines.txt       # what a Go program has printed")]
pub(crate) struct Report {
    /// Dumps, core files, Go's own goroutine dumps, or findings files; `-` is standard input
    #[arg(required = true, value_name = "DUMP")]
    pub(crate) inputs: Vec<PathBuf>,
    /// How to say it; FMT=FILE says it there as well [default: by the name of -o, else text]
    #[arg(long, value_name = "FMT[=FILE]", value_parser = wanted::<ReportFormat>())]
    pub(crate) format: Vec<Wanted<ReportFormat>>,
    /// Also name tasks that have waited for longer than TIME, as 90s, 10m or 2h
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) longer: Option<Duration>,
    /// Show the N biggest groups of tasks; 0 shows all [default: 20, in html all]
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// What is shown.
    #[command(flatten)]
    pub(crate) shown: Shown,
    /// Show N frames of each stack [default: 8, in the table only without findings], or `all`
    #[arg(long, value_name = "N|all", value_parser = frames)]
    pub(crate) frames: Option<usize>,
    /// Show the runtime's own frames of stacks too
    #[arg(long)]
    pub(crate) runtime_frames: bool,
    /// How text is laid out.
    #[command(flatten)]
    pub(crate) layout: Layout,
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
    pub(crate) to: Files,
}

/// A number and a unit.
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "want a whole number and a unit, as 90s, 10m, 2h or 1d".to_owned();
    span_ms(text).map(Duration::from_millis).ok_or_else(wrong)
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
    /// Markdown, for job summaries and comments
    Md,
    /// XML as JUnit writes it: a test case a finding
    Junit,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// GitLab's code quality report
    Gitlab,
    /// Annotations of GitHub Actions
    Github,
    /// Who waits for whom, for Mermaid
    Mermaid,
    /// Who waits for whom, for Graphviz
    Dot,
    /// One line a stack, for flame graph tools
    Folded,
    /// A file for speedscope: tasks and waiting time by stack
    Speedscope,
    /// A compressed profile for pprof: tasks and waiting time, labelled
    Pprof,
    /// As a Go program prints its goroutines, for readers of such dumps
    Go,
    /// A page for the browser: one file, also offline and without scripts
    Html,
    /// The flame graph of `gleak flame`
    Svg,
}

/// Formats of a gate's verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum GateFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// Markdown, for job summaries and comments
    Md,
    /// XML as JUnit writes it: a test case a finding
    Junit,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// GitLab's code quality report
    Gitlab,
    /// Annotations of GitHub Actions
    Github,
}

/// When to use colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal that shows it, as NO_COLOR, CLICOLOR and CLICOLOR_FORCE have it
    Auto,
    /// Also into files and pipes
    Always,
    /// Not at all
    Never,
}

/// `gleak flame`.
#[derive(Debug, Args)]
#[command(after_help = "\
The width of a box is a number of tasks, or the time that they have waited. Read from the root: the
test, where the ancestors and the task were spawned and what they run, the calls on its stack, what
it waits for.

With --diff the width is that of DUMP and the colour the change since OLD: red has grown, blue has
shrunk. What is gone has no width; --reverse draws the widths of OLD, in the same colours.

Examples:
  gleak flame gleak-4711-0.ndjson -o tasks.svg
  gleak flame gleak-4711-0.ndjson --by block --icicle -o waits.svg
  gleak flame gleak-4711-0.ndjson --weight time -o times.svg
  gleak flame after.ndjson --diff before.ndjson -o grown.svg
  gleak flame gleak-4711-0.ndjson --format folded | sort | head")]
pub(crate) struct Flame {
    /// A dump; `-` is standard input
    #[arg(value_name = "DUMP")]
    pub(crate) input: PathBuf,
    /// What the boxes are
    #[arg(long, value_enum, default_value_t = By::Both)]
    pub(crate) by: By,
    /// How wide they are
    #[arg(long, value_enum, default_value_t = Weight::Tasks)]
    pub(crate) weight: Weight,
    /// Compare with the earlier dump OLD; `-` is standard input
    #[arg(long, value_name = "OLD")]
    pub(crate) diff: Option<PathBuf>,
    /// Draw the widths of OLD, so that what is gone is seen
    #[arg(long, requires = "diff")]
    pub(crate) reverse: bool,
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

/// How wide the boxes of a flame graph are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Weight {
    /// By the number of tasks
    Tasks,
    /// By the time that they have waited, added up, in milliseconds
    Time,
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
    /// Be content when no process reported anything, or no task was spawned
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

NEW, moved? and GROWN fail the gate. The gate never writes the baseline; `gleak baseline` does.
--where picks which of them are shown (see `gleak report --help`); the gate still judges all.
Suppressed findings are compared with nothing. A suppression that took none is named.
--format FMT=FILE writes one more answer, beside that on standard output or in -o FILE.

Examples:
  gleak gate --baseline gleak-baseline.json
  gleak gate --baseline gleak-baseline.json --format sarif=gleak.sarif --format junit=gleak.xml
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
    /// Let findings through that have moved, as many tasks as their old entry allows
    #[arg(long, requires = "baseline", conflicts_with = "strict_baseline")]
    pub(crate) accept_moved: bool,
    /// The lowest certainty that fails
    #[arg(long, value_enum, value_name = "CERTAINTY", default_value_t = FailOn::Weak)]
    pub(crate) fail_on: FailOn,
    /// What is shown.
    #[command(flatten)]
    pub(crate) pick: Pick,
    /// How to say it; FMT=FILE says it there as well [default: by the name of -o, else text]
    #[arg(long, value_name = "FMT[=FILE]", value_parser = wanted::<GateFormat>())]
    pub(crate) format: Vec<Wanted<GateFormat>>,
    /// How text is laid out.
    #[command(flatten)]
    pub(crate) layout: Layout,
    /// Where to write.
    #[command(flatten)]
    pub(crate) to: Files,
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
