//! What a report for people ends with: where the dump comes from, and what to type next.
//!
//! Invariant: a command that is proposed works as it stands: files are quoted for a shell, and what
//! cannot be named again (standard input, one dump of several in a file) has none.

use std::path::Path;

use gleak_detector::snapshot::{Header, Reason, Snapshot};
use gleak_detector::{Date, Report};

use crate::plain::counted;

/// A word, and lines for it.
pub(super) type Closing = (&'static str, Vec<String>);

/// What a process keeps elsewhere than in its records.
const UNREAD: &str =
    "misuses, panics that nobody joined and the order of locks are not in it, so none is told";

/// When and why a dump was written, and of how many tasks.
pub(super) fn origin(snapshot: &Snapshot) -> Option<Closing> {
    let Header { reason, wall_s, counters, .. } = &snapshot.header;
    // A dump of a Go program tells no time.
    if *wall_s == 0 {
        return None;
    }
    let why = match reason {
        Reason::Flight => {
            let until =
                format!("flight file of a process that lived until {} at least", moment(*wall_s));
            let lacks = "who holds what is not in it, and who had been woken seems to wait still";
            return Some(("dump", vec![until, lacks.to_owned()]));
        }
        Reason::Core => {
            let written = format!("core file, written {}", moment(*wall_s));
            return Some(("dump", vec![written, UNREAD.to_owned()]));
        }
        Reason::Crash => {
            let written =
                format!("written {} by the process that the signal ended", moment(*wall_s));
            return Some(("dump", vec![written, UNREAD.to_owned()]));
        }
        Reason::Request => "on request",
        Reason::Asleep => "when nothing could run any more",
        Reason::Panic => "when the main task panicked",
        Reason::MainReturned => "when the main task had returned",
        Reason::Region => "for the verdict on a test or guard",
        Reason::Late => "when a test had not ended in its time",
        Reason::Signal => "for a signal",
    };
    let spawned = match counters.spawned {
        0 => String::new(),
        spawned => format!("; {} spawned so far", counted(spawned, "task")),
    };
    Some(("dump", vec![format!("written {} {why}{spawned}", moment(*wall_s))]))
}

/// What shows more of this, by commands.
pub(super) fn next(file: &str, report: &Report) -> Option<Closing> {
    let root = report.root()?;
    let stem = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
    let picture = quoted(&format!("{stem}.svg"));
    let file = quoted(file);
    let show = format!("gleak show {file} {root}");
    Some(("next", vec![show, format!("gleak flame {file} -o {picture}")]))
}

/// A word for a shell.
pub(super) fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._/+-".contains(letter);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn moment(seconds: u64) -> String {
    let (date, of_day) = (Date::of_unix_seconds(seconds), seconds % 86_400);
    format!("{date} {:02}:{:02}:{:02} UTC", of_day / 3_600, of_day / 60 % 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_split_or_read_them() {
        let words = ["a/b-1.ndjson", "my dump", "it's", "-x", "", "$(id)"];
        let shell = ["a/b-1.ndjson", "'my dump'", r"'it'\''s'", "'-x'", "''", "'$(id)'"];
        assert_eq!(words.map(quoted), shell);
    }

    #[test]
    fn a_moment_has_a_day_and_a_time() {
        assert_eq!(moment(1_795_300_447), "2026-11-21 22:34:07 UTC");
    }
}
