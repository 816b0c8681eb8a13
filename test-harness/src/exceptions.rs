//! What a run makes no findings on: ignores of its main, and the files of suppressions.
//!
//! Invariants:
//! 1. What is not understood fails, before the first test or with its own: a mistyped exception must
//!    not look like one that is never used.
//! 2. What was unused is told where that can be known, and fails nothing.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use gleak_runtime::report::Taken;
use gleak_runtime::report::detector::{
    Date, Exception, ExceptionKind, Ignore, Question, Report, Suppressions, render,
};
use gleak_runtime::report::snapshot::Snapshot;

use crate::options::Options;
use crate::verdict;

/// Exceptions for all tests of a run.
#[derive(Debug, Default)]
pub(crate) struct Exceptions {
    pub(crate) ignores: Vec<Ignore>,
    suppressions: Suppressions,
}

impl Exceptions {
    /// As the options and the environment say.
    ///
    /// # Errors
    /// One line, with the place of what is not understood.
    pub(crate) fn read(options: &Options) -> Result<Self, String> {
        let named = std::env::var_os("GLEAK_SUPPRESS").filter(|file| !file.is_empty());
        Exceptions::of(options, named.as_deref())
    }

    fn of(options: &Options, named: Option<&OsStr>) -> Result<Self, String> {
        let ignores = parse(options.ignore.iter().map(String::as_str))?;
        let mut suppressions = Suppressions::default();
        for file in options.suppress.iter().map(PathBuf::as_path).chain(named.map(Path::new)) {
            let told = |why: String| format!("gleak: {}: {why}", file.display());
            let bytes = read_file(file).map_err(|error| told(error.to_string()))?;
            let lines = Suppressions::read(&bytes).map_err(|error| told(error.to_string()))?;
            suppressions.extend(lines);
        }
        Ok(Exceptions { ignores, suppressions })
    }

    /// Judges, and takes away what is suppressed as of the day of the snapshot.
    pub(crate) fn judge(&self, snapshot: &Snapshot, question: &Question) -> Report {
        let mut report = verdict::judge(snapshot, question);
        self.suppress(&mut report, snapshot);
        report
    }

    /// As [`Exceptions::judge`], of a report that is made already.
    pub(crate) fn suppress(&self, report: &mut Report, snapshot: &Snapshot) {
        self.suppressions.apply(report, Date::of_unix_seconds(snapshot.header.wall_s));
    }

    /// Splits what a report says of exceptions: those of all tests, and those of one.
    pub(crate) fn split(&self, report: &Report) -> (Vec<Exception>, Vec<Exception>) {
        let is_ours = |(at, exception): (usize, &Exception)| {
            at < self.ignores.len() || exception.kind == ExceptionKind::Suppression
        };
        let (mut ours, mut own) = (Vec::new(), Vec::new());
        for (at, exception) in report.exceptions.iter().enumerate() {
            let list = if is_ours((at, exception)) { &mut ours } else { &mut own };
            list.push(exception.clone());
        }
        (ours, own)
    }
}

/// No more of it than what shows that it is too large: it may have no end.
fn read_file(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(Suppressions::LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads ignores.
///
/// # Errors
/// One line on the first that is not understood.
pub(crate) fn parse<'t>(texts: impl Iterator<Item = &'t str>) -> Result<Vec<Ignore>, String> {
    let read = |text: &str| text.parse().map_err(|error| format!("gleak: \"{text}\": {error}"));
    texts.map(read).collect()
}

/// Adds stacks to a snapshot where somebody ignores tasks by them.
pub(crate) fn add_stacks_for(ignores: &[Ignore], taken: &mut Taken) {
    if ignores.iter().any(|ignore| ignore.matcher.needs_stacks()) {
        taken.add(gleak_runtime::report::Detail::REPORT);
    }
}

/// What is said at the end of those that took nothing.
pub(crate) fn unused(of: &str, exceptions: &[Exception]) -> Vec<String> {
    render::unused(exceptions).into_iter().map(|line| format!("gleak: {of}{line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_told() {
        let fault = |options: Options, file: Option<&str>| {
            Exceptions::of(&options, file.map(OsStr::new)).expect_err("a fault")
        };
        assert_eq!(
            fault(Options::new().ignore("nmae=a because b"), None),
            "gleak: \"nmae=a because b\": line 1, column 1: `nmae` is not known; is `name` meant?"
        );
        let absent = fault(Options::new(), Some("no/such/file"));
        assert!(absent.starts_with("gleak: no/such/file: "), "{absent}");
        assert_eq!(fault(Options::new().suppress("no/such/file"), None), absent);
    }
}
