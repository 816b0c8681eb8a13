//! Flags of `gleak convert`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Names, To};

/// `gleak convert`.
#[derive(Debug, Args)]
#[command(after_help = "\
All tasks of the dump are written, and nothing is judged: `gleak report` also picks by --where, and
says in a profile what was found. What a format has no place for is left out; see docs/interchange.md.

gleak   a dump of ours, whole: unpacked, or with names by --exe. Only from a dump of ours that is
        whole; a dump of a Go program has no objects and no owners to put there.
go      the text of a Go dump; not from a profile, which has no numbers of goroutines.

Names are looked up only if --exe or --debug-dir says where.

Examples:
  gleak convert gleak-4711-0.ndjson --to pprof -o tasks.pb.gz
  gleak convert gleak-4711-0.ndjson --to gleak --exe target/release/app -o named.ndjson
  gleak convert goroutine.pb.gz --to speedscope -o goroutines.speedscope.json
  curl -s host:6060/debug/pprof/goroutine?debug=2 | gleak convert - --to folded")]
pub(crate) struct Convert {
    /// A dump, or a dump or a profile of a Go program; `-` is standard input
    #[arg(value_name = "INPUT")]
    pub(crate) input: PathBuf,
    /// What comes out
    #[arg(long = "to", value_enum, value_name = "FORMAT")]
    pub(crate) format: ConvertFormat,
    /// Where names come from.
    #[command(flatten)]
    pub(crate) names: Names,
    /// Where to write.
    #[command(flatten)]
    pub(crate) to: To,
}

/// Formats of dumps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ConvertFormat {
    /// A dump of ours
    Gleak,
    /// As a Go program prints its goroutines
    Go,
    /// A compressed profile for pprof
    Pprof,
    /// One line a stack, for flame graph tools
    Folded,
    /// A file for speedscope
    Speedscope,
}
