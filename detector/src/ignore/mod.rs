//! Exceptions that people make: which tasks no finding is made on, and why.
//!
//! One text grammar for test code, command lines and files (`grammar`), one look at a task
//! wherever its facts come from (`subject`), one account of what each exception did (`exception`).
//!
//! Invariants:
//! 1. An exception only ever takes away: no finding is added by it, and none becomes more certain.
//! 2. Each has a reason, which is told wherever it had an effect.
//! 3. What cannot be seen does not match: a missing stack hides no finding.

mod exception;
mod grammar;
mod keys;
mod subject;

use std::collections::BTreeSet;
use std::fmt;

use gleak_snapshot::TaskId;

pub use exception::{Exception, ExceptionKind};
pub use grammar::GrammarError;
pub(crate) use grammar::{Entry, What, entry, is_fingerprint, quoted_if};
pub(crate) use subject::{Calls, FrameName, Place, Subject, glob};

/// A filter on tasks, and why it is there.
///
/// As text it is `MATCHER because REASON`, see [`Matcher`]; a [`std::str::FromStr`] reads it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ignore {
    /// Which tasks.
    pub matcher: Matcher,
    /// Why no finding is to be made on them.
    pub reason: String,
}

/// Which tasks.
///
/// The text is compared whole; `*` in it stands for any text. Functions are written as reports show
/// them: without generic arguments and hashes, and `{closure}` may be left out.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Matcher {
    /// `name=metrics-*`: by the name given at spawn.
    Name(String),
    /// `label.tenant=42`: by the value of a label.
    Label(String, String),
    /// `spawn=src/pool.rs` or `spawn=src/pool.rs:49`: by the place of the spawn.
    Spawn {
        /// As in [`crate::FindingKey::spawn_file`].
        file: String,
        /// Any when none.
        line: Option<u32>,
    },
    /// `entry=pool::start`: by the spawned function, as in [`crate::FindingKey::entry`].
    Entry(String),
    /// `creator=server::accept`: by the spawned function of an ancestor, as far as snapshots keep
    /// them.
    Creator(String),
    /// `crate=hyper`: by the crate of the spawned function.
    Crate(String),
    /// `innermost=pool::read`: by the program's own call that the task stands in. Needs stacks.
    InnermostFrame(String),
    /// `frame=pool::*`: by any of the program's own calls on its stack. Needs stacks.
    AnyFrame(String),
    /// Those that were there at some moment. Has no text: no file knows a moment.
    Current(BTreeSet<TaskId>),
}

impl Matcher {
    /// Whether it looks at stacks, so that a snapshot without them is of no use to it.
    #[must_use]
    pub fn needs_stacks(&self) -> bool {
        match self {
            Matcher::InnermostFrame(_) | Matcher::AnyFrame(_) => true,
            Matcher::Name(_)
            | Matcher::Label(..)
            | Matcher::Spawn { .. }
            | Matcher::Entry(_)
            | Matcher::Creator(_)
            | Matcher::Crate(_)
            | Matcher::Current(_) => false,
        }
    }

    /// Whether it takes an OS thread of which nothing is known but its name.
    #[must_use]
    pub fn takes_thread(&self, name: &str) -> bool {
        match self {
            Matcher::Name(pattern) => glob(pattern, name),
            Matcher::Label(..)
            | Matcher::Spawn { .. }
            | Matcher::Entry(_)
            | Matcher::Creator(_)
            | Matcher::Crate(_)
            | Matcher::InnermostFrame(_)
            | Matcher::AnyFrame(_)
            | Matcher::Current(_) => false,
        }
    }
}

impl fmt::Display for Ignore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} because {}", self.matcher, self.reason)
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pair = |key: &str, value: &str| write!(f, "{key}={}", grammar::value(value));
        match self {
            Matcher::Name(name) => pair("name", name),
            Matcher::Label(key, value) => pair(&format!("label.{}", grammar::key(key)), value),
            Matcher::Spawn { file, line: None } => pair("spawn", file),
            Matcher::Spawn { file, line: Some(line) } => pair("spawn", &format!("{file}:{line}")),
            Matcher::Entry(entry) => pair("entry", entry),
            Matcher::Creator(entry) => pair("creator", entry),
            Matcher::Crate(name) => pair("crate", name),
            Matcher::InnermostFrame(function) => pair("innermost", function),
            Matcher::AnyFrame(function) => pair("frame", function),
            Matcher::Current(_) => f.write_str("current"),
        }
    }
}
