//! Flags of `gleak baseline`: making, changing and reading the file of known findings.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use gleak_detector::{Date, Fingerprint};

use super::{Inputs, Layout, Names, Suppress};

/// `gleak baseline`.
#[derive(Debug, Subcommand)]
pub(crate) enum Baseline {
    /// Accept the findings of a run as known
    Write(BaselineWrite),
    /// Accept chosen findings of a run, or let known ones grow
    Add(BaselineAdd),
    /// Drop entries that a run has not seen
    Prune(BaselinePrune),
    /// Say what is accepted, why, by whom and until when
    Explain(BaselineExplain),
}

/// `gleak baseline write`.
#[derive(Debug, Args)]
#[command(after_help = "\
Commit the file, and write a reason for each entry. With --force, entries that stay keep their
reason, owner and dates; entries not seen in the inputs are dropped.

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

/// A fingerprint, or something to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Named {
    /// Begins with `gk1:`.
    Fingerprint(Fingerprint),
    /// Anything else.
    Input(PathBuf),
}

impl From<std::ffi::OsString> for Named {
    fn from(text: std::ffi::OsString) -> Named {
        match text.to_str() {
            Some(id) if id.starts_with("gk1:") => Named::Fingerprint(Fingerprint(id.to_owned())),
            _ => Named::Input(PathBuf::from(text)),
        }
    }
}

/// Both kinds, apart.
pub(crate) fn apart(named: &[Named]) -> (Vec<&Fingerprint>, Vec<PathBuf>) {
    let (mut fingerprints, mut inputs) = (Vec::new(), Vec::new());
    for it in named {
        match it {
            Named::Fingerprint(fingerprint) => fingerprints.push(fingerprint),
            Named::Input(path) => inputs.push(path.clone()),
        }
    }
    (fingerprints, inputs)
}

/// `gleak baseline add`.
#[derive(Debug, Args)]
#[command(after_help = "\
The first digits of a fingerprint are enough where no other finding of the run has them. A file of
which the name begins with gk1: is an input as ./gk1:... and FILE is made if it is not there.

A finding that is known already gets the higher ceiling, and a new reason, owner or day where one is
given. All is written or nothing is.

Examples:
  gleak baseline add gleak-baseline.json gk1:c81e --reason \"issue 41\" --owner net
  gleak baseline add gleak-baseline.json gk1:02b7 target/gleak --max 7 --expires 2027-03-01")]
pub(crate) struct BaselineAdd {
    /// The file of known findings
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Which findings (gk1:...), and what to look at [default: target/gleak]
    #[arg(value_name = "FINGERPRINT|INPUT", required = true)]
    pub(crate) named: Vec<Named>,
    /// Why they are accepted
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Who looks after them
    #[arg(long, value_name = "TEXT")]
    pub(crate) owner: Option<String>,
    /// The last day on which they are accepted, as 2027-03-01
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub(crate) expires: Option<Date>,
    /// More tasks than N fail the gate [default: as many as there are]
    #[arg(long, value_name = "N")]
    pub(crate) max: Option<u64>,
    /// What is left out.
    #[command(flatten)]
    pub(crate) suppress: Suppress,
    /// Where names come from.
    #[command(flatten)]
    pub(crate) names: Names,
}

fn day(text: &str) -> Result<Date, String> {
    Date::parse(text).ok_or_else(|| "want a day as 2027-03-01".to_owned())
}

/// `gleak baseline prune`.
#[derive(Debug, Args)]
#[command(after_help = "\
An entry that much the same finding has left under another fingerprint (`moved?` in the gate) stays.
Entries stay all together when an input could not be read in full, or nothing was checked: give
--require-run where a part of a run must not count as the whole.

Example:
  gleak baseline prune gleak-baseline.json target/gleak --require-run 84")]
pub(crate) struct BaselinePrune {
    /// The file of known findings
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Dumps, findings files, folders of *.ndjson, or `-` [default: target/gleak]
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Drop nothing unless at least N processes reported
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) require_run: u64,
    /// What is left out.
    #[command(flatten)]
    pub(crate) suppress: Suppress,
    /// Where names come from.
    #[command(flatten)]
    pub(crate) names: Names,
}

/// `gleak baseline explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without an INPUT nothing is looked at but FILE; with some, each entry says whether they have it.
The first digits of a fingerprint are enough; without one, all entries are told.

Examples:
  gleak baseline explain gleak-baseline.json
  gleak baseline explain gleak-baseline.json gk1:02b7 target/gleak")]
pub(crate) struct BaselineExplain {
    /// The file of known findings
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Which entries (gk1:...), and what to look at
    #[arg(value_name = "FINGERPRINT|INPUT")]
    pub(crate) named: Vec<Named>,
    /// How text is laid out.
    #[command(flatten)]
    pub(crate) layout: Layout,
    /// What is left out.
    #[command(flatten)]
    pub(crate) suppress: Suppress,
    /// Where names come from.
    #[command(flatten)]
    pub(crate) names: Names,
}
