//! What became of an exception: how much it took away, or why it took nothing.
//!
//! Invariant: an exception that took nothing is no fault; it is told, and nothing fails by it.

use serde::{Deserialize, Serialize};

/// How an exception was made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExceptionKind {
    /// A filter on tasks, before anything is judged by them.
    Ignore,
    /// A line of a file, on findings.
    Suppression,
}

impl ExceptionKind {
    /// Its word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            ExceptionKind::Ignore => "ignore",
            ExceptionKind::Suppression => "suppression",
        }
    }
}

/// What became of an ignore or a suppression.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Exception {
    /// Which of both.
    pub kind: ExceptionKind,
    /// The matcher, or the fingerprint, as text.
    pub what: String,
    /// Why it is there.
    pub reason: String,
    /// How many tasks it took away. Those that two exceptions match count for both.
    pub tasks: u64,
    /// How many findings it took away; an ignore takes tasks.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub findings: u64,
    /// How many tasks it could not look at, since it needs stacks and they have none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub without_stack: u64,
    /// Its last day, when that is over: then it takes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired: Option<String>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Exception {
    /// Whether it took anything away.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.tasks > 0 || self.findings > 0
    }

    /// Adds what exceptions did elsewhere, in another test or process.
    pub fn add_all(all: &mut Vec<Exception>, more: impl IntoIterator<Item = Exception>) {
        for exception in more {
            match all.iter_mut().find(|known| known.is_same(&exception)) {
                None => all.push(exception),
                Some(known) => {
                    known.tasks += exception.tasks;
                    known.findings += exception.findings;
                    known.without_stack += exception.without_stack;
                    known.expired = known.expired.take().or(exception.expired);
                }
            }
        }
    }

    fn is_same(&self, other: &Exception) -> bool {
        (self.kind, &self.what, &self.reason) == (other.kind, &other.what, &other.reason)
    }
}
