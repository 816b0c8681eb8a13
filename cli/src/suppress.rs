//! Files of suppressions, and the day as of which they count.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use gleak_detector::{Date, GrammarError, Suppressions};

use crate::error::{Failure, reason};

/// Reads all files, as if they were one.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Suppressions, Failure> {
    let mut all = Suppressions::default();
    for path in paths {
        let failed = |fault| Failure::Suppressions { path: path.display().to_string(), fault };
        let bytes = File::open(path)
            .and_then(Suppressions::bytes)
            .map_err(|error| failed(SuppressionsFault::Io(error)))?;
        let file = Suppressions::read(&bytes);
        all.extend(file.map_err(|error| failed(SuppressionsFault::Grammar(error)))?);
    }
    Ok(all)
}

/// The day, in UTC. A clock before 1970 counts as 1970.
pub(crate) fn today() -> Date {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Date::of_unix_seconds(since.as_secs())
}

/// Why a file of suppressions cannot be used.
#[derive(Debug)]
pub(crate) enum SuppressionsFault {
    /// It could not be read.
    Io(std::io::Error),
    /// A line is not understood.
    Grammar(GrammarError),
}

impl fmt::Display for SuppressionsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SuppressionsFault::Io(error) => {
                write!(f, "cannot read the suppressions, {}", reason(error))
            }
            SuppressionsFault::Grammar(error) => write!(f, "{error}"),
        }
    }
}
