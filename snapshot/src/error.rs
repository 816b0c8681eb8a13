//! Why a file could not be read as a dump at all. Damage inside of a dump is no error: it is
//! counted in [`crate::Completeness`].

use std::fmt;
use std::io;

/// Why a file could not be read as a dump.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The input could not be read.
    Io(io::Error),
    /// There is nothing in it.
    Empty,
    /// Its first line is no header.
    NotADump {
        /// The beginning of that line, escaped and shortened.
        seen: String,
    },
    /// It ends inside of its header, so that nothing is known of the process.
    HeaderCut,
    /// It is a flight file whose header is damaged, so that nothing of it can be believed.
    FlightHeader,
    /// It is of a major version that this reader does not know.
    Version {
        /// The version it names, shortened.
        found: String,
    },
    /// It has more records of one kind than a reader takes.
    TooMany {
        /// The kind of line.
        kind: &'static str,
        /// How many are taken.
        limit: usize,
    },
    /// It has a line that does not end within so many bytes.
    Endless {
        /// How many are passed over.
        limit: u64,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io(error) => write!(f, "cannot read the dump: {error}"),
            ReadError::Empty => f.write_str("the file is empty"),
            ReadError::NotADump { seen } => {
                write!(f, "this is no gleak dump: its first line begins with \"{seen}\"")
            }
            ReadError::HeaderCut => f.write_str("the dump is cut inside of its first line"),
            ReadError::FlightHeader => f.write_str("the header of the flight file is damaged"),
            ReadError::Version { found } => {
                write!(
                    f,
                    "the dump has format version {found}, this reader knows version {}",
                    crate::FORMAT_VERSION
                )
            }
            ReadError::TooMany { kind, limit } => {
                write!(f, "the dump has more than {limit} {kind} lines")
            }
            ReadError::Endless { limit } => {
                write!(f, "the dump has a line of more than {} MiB", limit >> 20)
            }
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReadError::Io(error) => Some(error),
            ReadError::Empty
            | ReadError::NotADump { .. }
            | ReadError::HeaderCut
            | ReadError::FlightHeader
            | ReadError::Version { .. }
            | ReadError::TooMany { .. }
            | ReadError::Endless { .. } => None,
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        ReadError::Io(error)
    }
}
