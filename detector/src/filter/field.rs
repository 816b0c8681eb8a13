//! What a filter can ask of a task, and which values some of it can have.
//!
//! Invariant: a field has one name, the one that reports use for it where they have one.

use std::fmt;

use gleak_snapshot::WaitReason;

use crate::ignore::quoted_if;
use crate::{RULES, key};

/// What is text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TextField {
    /// `task=t7`: the id.
    Task,
    /// `state=waiting`: what it does.
    State,
    /// `wait=receive`: the class of its wait.
    Wait,
    /// `name=feeder`: the name given at spawn.
    Name,
    /// `label.tenant=42`: the value of a label.
    Label(String),
    /// `entry=pool::start`: the spawned function.
    Entry,
    /// `spawn=src/pool.rs` or `spawn=src/pool.rs:49`: the place of the spawn.
    Spawn,
    /// `blocked=src/pool.rs:73`: the place of the wait.
    Blocked,
    /// `region=pool::stops`: the test, guard or call that it is charged to.
    Region,
    /// `rule=cycle`: the rule of a finding on it, or before it.
    Rule,
    /// `fingerprint=gk1:…`: the identity of such a finding.
    Fingerprint,
}

/// What is a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberField {
    /// `age>5m`: for how long it has waited.
    Age,
    /// `tasks>=100`: how many are in its group.
    Tasks,
}

/// What a task does.
pub(crate) const WAITING: &str = "waiting";
pub(crate) const RUNNING: &str = "running";
pub(crate) const FRESH: &str = "fresh";

/// Names of fields, but of labels, which have a key.
pub(super) const NAMES: [&str; 14] = [
    "task",
    "state",
    "wait",
    "age",
    "name",
    "label.",
    "entry",
    "spawn",
    "blocked",
    "region",
    "certainty",
    "rule",
    "fingerprint",
    "tasks",
];

/// What other tools, and people, call them.
pub(super) const OTHER_NAMES: [(&str, &str); 13] = [
    ("block", "blocked"),
    ("count", "tasks"),
    ("file", "spawn"),
    ("fn", "entry"),
    ("fp", "fingerprint"),
    ("function", "entry"),
    ("id", "task"),
    ("kind", "rule"),
    ("label", "label."),
    ("reason", "wait"),
    ("since", "age"),
    ("test", "region"),
    ("tenant", "label."),
];

impl TextField {
    /// The field of this name; labels have none.
    pub(super) fn of(name: &str) -> Option<TextField> {
        Some(match name {
            "task" => TextField::Task,
            "state" => TextField::State,
            "wait" => TextField::Wait,
            "name" => TextField::Name,
            "entry" => TextField::Entry,
            "spawn" => TextField::Spawn,
            "blocked" => TextField::Blocked,
            "region" => TextField::Region,
            "rule" => TextField::Rule,
            "fingerprint" => TextField::Fingerprint,
            _ => return None,
        })
    }

    /// All values that it can have, where these are few.
    pub(super) fn values(&self) -> Option<Vec<&'static str>> {
        match self {
            TextField::State => Some(vec![WAITING, RUNNING, FRESH]),
            TextField::Rule => Some(RULES.iter().map(|info| info.rule.id()).collect()),
            TextField::Wait => {
                // No task waits as a thread does for its main task.
                let of_tasks = |reason: &WaitReason| *reason != WaitReason::Host;
                Some(WaitReason::ALL.into_iter().filter(of_tasks).map(key::class).collect())
            }
            TextField::Task
            | TextField::Name
            | TextField::Label(_)
            | TextField::Entry
            | TextField::Spawn
            | TextField::Blocked
            | TextField::Region
            | TextField::Fingerprint => None,
        }
    }
}

impl fmt::Display for TextField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TextField::Task => "task",
            TextField::State => "state",
            TextField::Wait => "wait",
            TextField::Name => "name",
            TextField::Entry => "entry",
            TextField::Spawn => "spawn",
            TextField::Blocked => "blocked",
            TextField::Region => "region",
            TextField::Rule => "rule",
            TextField::Fingerprint => "fingerprint",
            TextField::Label(key) => {
                let ends = |it: char| it.is_whitespace() || "=!~<>()\"\\".contains(it);
                return write!(f, "label.{}", quoted_if(key, ends));
            }
        })
    }
}

impl NumberField {
    pub(super) fn name(self) -> &'static str {
        match self {
            NumberField::Age => "age",
            NumberField::Tasks => "tasks",
        }
    }
}
