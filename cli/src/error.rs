//! What can go wrong, and the exit code of each.
//!
//! Invariants:
//! 1. Every message is one line, `<what>: <why>`, and holds no control character: names of files
//!    come from outside.
//! 2. Each failure has its exit code in one exhaustive match.

use std::fmt;
use std::io;

use crate::baseline::BaselineFault;
use crate::exit_code;
use crate::input::InputFault;
use crate::plain::plain;
use crate::suppress::SuppressionsFault;

/// Why a command could not do its job.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Arguments that do not go together.
    Usage {
        /// Which argument.
        what: String,
        /// Why it cannot be.
        why: String,
    },
    /// A file that is there already and would be lost.
    WouldOverwrite(String),
    /// A baseline that cannot be used.
    Baseline {
        /// The file.
        path: String,
        /// What is the matter with it.
        fault: BaselineFault,
    },
    /// Suppressions that cannot be used.
    Suppressions {
        /// The file.
        path: String,
        /// What is the matter with it.
        fault: SuppressionsFault,
    },
    /// An input that cannot be used, or not in full.
    Input {
        /// The file, or `stdin`.
        name: String,
        /// What is the matter with it.
        fault: InputFault,
    },
    /// Several inputs cannot be used; each has been named before.
    Inputs(usize),
    /// Nothing to judge.
    NothingChecked(String),
    /// A picture could not be drawn.
    Picture(io::Error),
    /// The answer could not be written.
    Output {
        /// The file, or `stdout`.
        to: String,
        /// What the system says.
        error: io::Error,
    },
}

impl Failure {
    /// Its exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Failure::Usage { .. }
            | Failure::WouldOverwrite(_)
            | Failure::Baseline { .. }
            | Failure::Suppressions { .. } => exit_code::USAGE,
            Failure::Input { .. } | Failure::Inputs(_) => exit_code::UNREADABLE,
            Failure::NothingChecked(_) => exit_code::NOTHING_CHECKED,
            Failure::Picture(_) | Failure::Output { .. } => exit_code::OUTPUT,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage { what, why } => write!(f, "{}: {}", plain(what), plain(why)),
            Failure::WouldOverwrite(path) => {
                write!(f, "{}: exists; --force overwrites it", plain(path))
            }
            Failure::Baseline { path, fault } => {
                write!(f, "{}: {}", plain(path), plain(&fault.to_string()))
            }
            Failure::Suppressions { path, fault } => {
                write!(f, "{}: {}", plain(path), plain(&fault.to_string()))
            }
            Failure::Input { name, fault } => {
                write!(f, "{}: {}", plain(name), plain(&fault.to_string()))
            }
            Failure::Inputs(count) => write!(f, "{count} inputs could not be read in full"),
            Failure::NothingChecked(why) => write!(f, "nothing checked: {}", plain(why)),
            Failure::Picture(error) => {
                write!(f, "flame graph: {}", plain(&error.to_string()))
            }
            Failure::Output { to, error } => write!(f, "{}: {}", plain(to), reason(error)),
        }
    }
}

/// What the system says, without its error number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    let mut words = text[..end].to_string();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    plain(&words).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_has_no_escape() {
        let failure = Failure::WouldOverwrite("a\x1b[31m\nb".into());
        assert_eq!(failure.to_string(), "a\\u{1b}[31m\\nb: exists; --force overwrites it");
    }

    #[test]
    fn system_errors_lose_their_number() {
        let error = io::Error::from_raw_os_error(2);
        assert_eq!(reason(&error), "no such file or directory");
    }
}
