//! Dumps: a snapshot written where the operator will find it. Whoever wants one, a call, a panic, a
//! deadlock, a late test, a signal, comes through [`write`]; `docs/dumps.md` tells people.
//!
//! Invariants:
//! 1. What goes wrong costs the dump and nothing else.
//! 2. On standard error it is told once for each cause in a row; the others are counted.

mod file;
mod newest;
pub(crate) mod settings;

use std::io;
use std::path::{Path, PathBuf};

use gleak_snapshot::{Reason, Snapshot};

use crate::collect::{self, Detail};
use crate::dump::settings::{Keep, settings};
use crate::report;
use crate::sync::Lock;

/// Writes what is known of the process right now, and returns where.
///
/// # Errors
/// When the file cannot be made or written; a half-written one is removed.
pub fn dump() -> io::Result<PathBuf> {
    write(&collect::take(Reason::Request).with(Detail::DUMP))
}

/// As [`dump`], for a snapshot taken before.
pub(crate) fn write(snapshot: &Snapshot) -> io::Result<PathBuf> {
    let settings = settings();
    let path = file::write(snapshot, &settings.folder).map_err(|error| {
        let place = match settings.folder.to_str() {
            Some("") => "the working directory".to_owned(),
            _ => settings.folder.display().to_string(),
        };
        io::Error::new(error.kind(), format!("{place}: {error}"))
    })?;
    if let Keep::Newest(newest) = settings.keep {
        newest::keep(newest, &snapshot.header.program, &path);
    }
    Ok(path)
}

/// Where dumps go; empty for the working directory of the moment.
pub(crate) fn folder() -> &'static Path {
    &settings().folder
}

/// Whether one is to be written for this reason.
pub(crate) fn is_wanted(reason: Reason) -> bool {
    match reason {
        Reason::Panic | Reason::Asleep | Reason::Late => settings().unasked,
        Reason::Request
        | Reason::Signal
        | Reason::MainReturned
        | Reason::Region
        | Reason::Flight
        | Reason::Core
        | Reason::Crash => true,
    }
}

/// Writes one if it is wanted, and says what to tell of that, if anything.
pub(crate) fn written_for(snapshot: &Snapshot) -> Option<String> {
    is_wanted(snapshot.header.reason).then(|| TOLD.lock().line(&write(snapshot)))?
}

/// What was told of dumps that could not be written.
struct Told {
    cause: Option<String>,
    /// That have gone the same way since.
    more: u64,
}

static TOLD: Lock<Told> = Lock::new(Told { cause: None, more: 0 });

impl Told {
    /// What to tell people about a dump; nothing when they know.
    fn line(&mut self, written: &io::Result<PathBuf>) -> Option<String> {
        let cause = written.as_ref().err().map(io::Error::to_string);
        if cause.is_some() && cause == self.cause {
            self.more += 1;
            return None;
        }
        let more = match std::mem::take(&mut self.more) {
            0 => String::new(),
            more => format!("gleak: dumps that could not be written before: {more}\n"),
        };
        let line = match written {
            Ok(path) => {
                let path = path.display();
                format!("{more}gleak: dump written to {path}; read it with: gleak report {path}")
            }
            Err(error) => format!("{more}gleak: no dump written: {error}"),
        };
        self.cause = cause;
        Some(line)
    }
}

/// The main task has panicked.
pub(crate) fn after_panic() {
    if is_wanted(Reason::Panic) {
        let written = written_for(&collect::take(Reason::Panic).with(Detail::DUMP));
        written.iter().for_each(|line| report::say(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_cause_is_told_once_and_counted() {
        let mut told = Told { cause: None, more: 0 };
        let full = || Err(io::Error::other("/dumps: no space left"));
        let missing = || Err(io::Error::other("/dumps: no such folder"));
        let line = told.line(&full()).expect("the first one");
        assert_eq!(line, "gleak: no dump written: /dumps: no space left");
        assert_eq!((told.line(&full()), told.line(&full())), (None, None));
        let line = told.line(&missing()).expect("another cause");
        let more = "gleak: dumps that could not be written before: ";
        assert_eq!(line, format!("{more}2\ngleak: no dump written: /dumps: no such folder"));
        assert_eq!(told.line(&missing()), None);
        let line = told.line(&Ok(PathBuf::from("g"))).expect("one that is there");
        let whole = "gleak: dump written to g; read it with: gleak report g";
        assert_eq!(line, format!("{more}1\n{whole}"));
        assert_eq!(told.line(&Ok(PathBuf::from("g"))).as_deref(), Some(whole));
        assert!(told.line(&missing()).is_some(), "it was well in between");
    }
}
