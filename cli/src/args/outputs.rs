//! Where the answers of one run go, when there may be several: `--format FMT=FILE`, and `-o`.
//!
//! Invariant: what stands before `=` is a format as `--format` alone takes it, with the same proposals.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::{Arg, Args, Command, Error, ValueEnum};

/// A format, and the file that it was asked for in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Wanted<F> {
    /// How to say it.
    pub(crate) format: F,
    /// Where; none is where answers go.
    pub(crate) file: Option<PathBuf>,
}

/// Where answers go.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// Write to FILE instead of standard output; a file that exists is kept
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite files that exist
    #[arg(long)]
    pub(crate) force: bool,
}

/// Reads `FMT` and `FMT=FILE`.
pub(super) fn wanted<F: ValueEnum + Clone + Send + Sync + 'static>() -> WantedParser<F> {
    WantedParser(EnumValueParser::new())
}

/// See [`wanted`].
#[derive(Clone, Debug)]
pub(crate) struct WantedParser<F: ValueEnum + Clone + Send + Sync + 'static>(EnumValueParser<F>);

impl<F: ValueEnum + Clone + Send + Sync + 'static> TypedValueParser for WantedParser<F> {
    type Value = Wanted<F>;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, Error> {
        let parted = value.to_str().and_then(|text| text.split_once('='));
        let (format, file) = match parted {
            Some((format, file)) => (OsStr::new(format), Some(PathBuf::from(file))),
            None => (value, None),
        };
        Ok(Wanted { format: self.0.parse_ref(command, arg, format)?, file })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.0.possible_values()
    }
}
