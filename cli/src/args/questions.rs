//! Flags of the commands that ask questions of a dump: what is shown, of what, and against what.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use clap_complete::Shell;
use gleak_detector::filter::{Filter, TextField};
use gleak_detector::view;

use super::{Color, Names, Suppress, To};

/// What of a judgement is shown.
#[derive(Debug, Args)]
pub(crate) struct Pick {
    /// Show only tasks that EXPR fits, as 'state=waiting age>5m'; the verdict stays on all
    #[arg(long = "where", value_name = "EXPR")]
    pub(crate) filter: Option<Filter>,
}

/// What of a report is shown, and how it is put together.
#[derive(Debug, Args)]
pub(crate) struct Shown {
    /// Which tasks.
    #[command(flatten)]
    pub(crate) pick: Pick,
    /// Count tasks by FIELD: state, wait, name, label.KEY, entry, spawn, blocked, region or rule
    #[arg(long, value_name = "FIELD")]
    pub(crate) group_by: Option<TextField>,
    /// What comes first in the table
    #[arg(long, value_enum, value_name = "ORDER", default_value_t = Sort::Count)]
    pub(crate) sort: Sort,
}

impl Shown {
    /// In the words of the detector.
    pub(crate) fn ask(&self) -> view::Ask {
        let sort = match self.sort {
            Sort::Count => view::Sort::Count,
            Sort::Age => view::Sort::Age,
            Sort::Verdict => view::Sort::Verdict,
        };
        view::Ask { filter: self.pick.filter.clone(), sort, group_by: self.group_by.clone() }
    }
}

/// The order of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Sort {
    /// The biggest group
    Count,
    /// The longest wait
    Age,
    /// What never goes on, then what is less certain
    Verdict,
}

/// Formats of an answer that is no report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum AnswerFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// How text is laid out.
#[derive(Debug, Args)]
pub(crate) struct Layout {
    /// Columns of text [default: those of the terminal, else 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(40..=1000))]
    pub(crate) width: Option<u16>,
    /// When to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// When places are links to the files that they name
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Hyperlinks::Auto)]
    pub(crate) hyperlinks: Hyperlinks,
    /// Do not show text that is longer than the screen through GLEAK_PAGER, or less
    #[arg(long)]
    pub(crate) no_pager: bool,
}

/// When places are links.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Hyperlinks {
    /// On terminals that are known to show them
    Auto,
    /// Also into pipes, but never into files
    Always,
    /// Not at all
    Never,
}

/// `gleak show`.
#[derive(Debug, Args)]
#[command(after_help = "\
ID is a task (t7), an object (#4; quote it, or leave the # out) or the fingerprint of a finding
(gk1:..., its first digits are enough). An ID that the dump does not have is exit code 2.

Examples:
  gleak show gleak-4711-0.ndjson t7
  gleak show gleak-4711-0.ndjson '#4'
  gleak show gleak-4711-0.ndjson gk1:5d02ab7719c4e3f0 --format json")]
pub(crate) struct Show {
    /// A dump; `-` is standard input
    #[arg(value_name = "DUMP")]
    pub(crate) input: PathBuf,
    /// What to show: t7, '#4' or gk1:...
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// How to say it
    #[arg(long, value_enum, default_value_t = AnswerFormat::Text)]
    pub(crate) format: AnswerFormat,
    /// Show N frames of a stack, or `all`
    #[arg(long, value_name = "N|all", value_parser = super::frames)]
    pub(crate) frames: Option<usize>,
    /// How text is laid out.
    #[command(flatten)]
    pub(crate) layout: Layout,
    /// Where names come from.
    #[command(flatten)]
    pub(crate) names: Names,
    /// Where to write.
    #[command(flatten)]
    pub(crate) to: To,
}

/// `gleak top`.
#[derive(Debug, Args)]
#[command(after_help = "\
On a terminal the table fills the screen until q or Ctrl-C is pressed, or the process has ended: the
last table then stays. Elsewhere it is written once, or --count times. Of a folder it is the file of
the one process that runs; `gleak report FILE` says more of one that has ended.

A change is since the first look. Who had been woken and had not run yet seems to wait still.

Examples:
  gleak top /dev/shm/gleak-4711-70214.flight
  gleak top /dev/shm --interval 5s
  gleak top /dev/shm --count 10 --interval 1m >> tasks.txt")]
pub(crate) struct Top {
    /// A flight file (GLEAK_FLIGHT=DIR makes one), or the folder of one
    #[arg(value_name = "FLIGHT")]
    pub(crate) input: PathBuf,
    /// Look again after so long, as 500ms, 2s or 1m
    #[arg(long, value_name = "SPAN", default_value = "2s", value_parser = super::span)]
    pub(crate) interval: Duration,
    /// Write N tables one after another and end, on a terminal too
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}

/// `gleak diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
Findings are compared by fingerprint, groups of tasks by what a fingerprint is made of: the spawned
function, the files of spawn and wait, and the class of the wait. Lines, ids and addresses may
differ, so the dumps may be of two runs or two builds. --where shows a change if a task of it fits
in either dump.

The exit code is 0 whatever differs; with --exit-code it is 1 if a finding is new or has grown.

Examples:
  gleak diff before.ndjson after.ndjson
  gleak diff before.ndjson after.ndjson --where 'wait=receive' --top 5
  gleak diff main.ndjson branch.ndjson --exit-code")]
pub(crate) struct Diff {
    /// The earlier dump; `-` is standard input
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The later dump
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// How to say it
    #[arg(long, value_enum, default_value_t = AnswerFormat::Text)]
    pub(crate) format: AnswerFormat,
    /// Which tasks.
    #[command(flatten)]
    pub(crate) pick: Pick,
    /// Show the N biggest changes of each kind; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: usize,
    /// Exit with 1 if a finding is new or has grown
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// What is left out.
    #[command(flatten)]
    pub(crate) suppress: Suppress,
    /// How text is laid out.
    #[command(flatten)]
    pub(crate) layout: Layout,
    /// Where names come from.
    #[command(flatten)]
    pub(crate) names: Names,
    /// Where to write.
    #[command(flatten)]
    pub(crate) to: To,
}

/// `gleak explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gleak explain
  gleak explain asleep-in-region")]
pub(crate) struct Explain {
    /// A rule, as reports name it; all are listed without one
    #[arg(value_name = "RULE")]
    pub(crate) rule: Option<String>,
    /// How text is laid out.
    #[command(flatten)]
    pub(crate) layout: Layout,
}

/// `gleak completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gleak completions bash > ~/.local/share/bash-completion/completions/gleak
  gleak completions zsh > ~/.zfunc/_gleak
  gleak completions fish > ~/.config/fish/completions/gleak.fish")]
pub(crate) struct Completions {
    /// For which shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// `gleak schema`.
#[derive(Debug, Args)]
#[command(after_help = "\
The schema is of what this version writes: it takes no key that it does not know, while readers skip
such keys. Dumps and findings files hold one JSON object a line, and their schema is that of a line.

Example:
  gleak schema report > gleak-report.schema.json")]
pub(crate) struct Schema {
    /// Of which format
    #[arg(value_enum, value_name = "FORMAT")]
    pub(crate) of: SchemaOf,
}

/// Formats of our own that have a schema.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum SchemaOf {
    /// A line of a dump
    Dump,
    /// A line of a findings file
    Findings,
    /// The file of known findings
    Baseline,
    /// `gleak report --format json`
    Report,
    /// `gleak gate --format json`
    Gate,
}
