//! What a run makes no findings on: ignores of its main, and the files of suppressions.
//!
//! Invariants:
//! 1. What is not understood fails, before the first test or with its own: a mistyped exception must
//!    not look like one that is never used.
//! 2. What was unused is told where that can be known, and fails nothing.

use gleak_runtime::report::detector::{
    Date, Exception, ExceptionKind, Ignore, Question, Report, Suppressions, render,
};
use gleak_runtime::report::snapshot::Snapshot;
use gleak_runtime::report::{self, Taken};

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
        let ignores = parse(options.ignore.iter().map(String::as_str))?;
        Ok(Exceptions { ignores, suppressions: report::suppressions(&options.suppress)? })
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
        let fault = |options: Options| Exceptions::read(&options).expect_err("a fault");
        assert_eq!(
            fault(Options::new().ignore("nmae=a because b")),
            "gleak: \"nmae=a because b\": line 1, column 1: `nmae` is not known; is `name` meant?"
        );
        let absent = fault(Options::new().suppress("no/such/file"));
        assert!(absent.starts_with("gleak: no/such/file: "), "{absent}");
    }
}
