//! One task, object or finding in full: all that a snapshot tells of it, as data.
//!
//! Invariants:
//! 1. Nothing is judged here: findings come from the report on the same snapshot.
//! 2. What is not recorded is said to be unknown, never guessed.
//! 3. Lists that a process can make long are cut, with their number.

mod object;
mod task;

use std::str::FromStr;

use gleak_snapshot::{ObjectId, Snapshot, TaskId};
use serde::Serialize;

use crate::index::{Index, wait_of};
use crate::{Finding, Report, words};

pub use object::ObjectView;
pub use task::{Ancestor, FindingOn, Held, TaskView, WaitView};

/// Names in a list, at most.
const NAMED: usize = 8;

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Id {
    /// `t7`
    Task(TaskId),
    /// `#4`, or `4`
    Object(ObjectId),
    /// `gk1:5d02`: the beginning of a fingerprint.
    Finding(String),
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Id, String> {
        let number = |digits: &str| digits.parse::<u64>().ok();
        if text.starts_with("gk1:") {
            return Ok(Id::Finding(text.to_owned()));
        }
        let task = text.strip_prefix('t').and_then(number).map(|id| Id::Task(TaskId(id)));
        let object = number(text.strip_prefix('#').unwrap_or(text));
        task.or(object.map(|id| Id::Object(ObjectId(id)))).ok_or_else(|| {
            "no id: want a task (t7), an object (#4) or a fingerprint (gk1:...)".to_owned()
        })
    }
}

/// All that is known of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    /// A task or a thread.
    Task(Box<TaskView>),
    /// An object.
    Object(Box<ObjectView>),
    /// A finding, and its number in the report.
    Finding {
        /// 1-based.
        number: usize,
        /// All of it.
        finding: Box<Finding>,
    },
}

/// Why there is nothing to show: in one line, with what there is nearby.
pub type NotFound = String;

/// All that the snapshot, and the report on it, tell of one thing.
///
/// # Errors
///
/// When it is not in there.
pub fn detail(snapshot: &Snapshot, report: &Report, id: &Id) -> Result<Detail, NotFound> {
    let index = Index::new(snapshot);
    match id {
        Id::Task(task) => match index.task(*task) {
            Some(number) => Ok(Detail::Task(Box::new(task::view(&index, report, number)))),
            None => Err(no_task(&index, *task)),
        },
        Id::Object(object) => match index.object(*object) {
            Some(found) => Ok(Detail::Object(Box::new(object::view(&index, found)))),
            None => {
                let ids = index.objects.iter().map(|object| object.id.0);
                Err(absent("object", "#", object.0, ids))
            }
        },
        Id::Finding(print) => finding(report, print),
    }
}

fn no_task(index: &Index<'_>, id: TaskId) -> NotFound {
    let mut why = absent("task", "t", id.0, index.tasks.iter().map(|task| task.id.0));
    if index.snapshot.panics.iter().any(|panic| panic.task == id) {
        why.push_str("; it has panicked, and `gleak report` tells of that");
    }
    why
}

fn absent(noun: &str, sign: &str, id: u64, ids: impl Iterator<Item = u64>) -> NotFound {
    const NEAREST: usize = 3;
    let mut ids: Vec<u64> = ids.collect();
    let all = words::count(ids.len(), noun);
    ids.sort_by_key(|other| (other.abs_diff(id), *other));
    ids.truncate(NEAREST);
    ids.sort_unstable();
    let near: Vec<String> = ids.iter().map(|id| format!("{sign}{id}")).collect();
    match near.is_empty() {
        true => format!("the dump has no {noun}"),
        false => format!("not among the {all} of the dump; the nearest: {}", near.join(", ")),
    }
}

fn finding(report: &Report, print: &str) -> Result<Detail, NotFound> {
    let mut found =
        report.findings.iter().enumerate().filter(|(_, it)| it.fingerprint.0.starts_with(print));
    let prints = |of: Vec<&str>| match of.is_empty() {
        true => "there is no finding".to_owned(),
        false => format!("there is {}", of.join(", ")),
    };
    match (found.next(), found.next()) {
        (Some((at, finding)), None) => {
            Ok(Detail::Finding { number: at + 1, finding: Box::new(finding.clone()) })
        }
        (Some((_, one)), Some((_, other))) => {
            Err(format!("begins {}, {} and perhaps more", one.fingerprint, other.fingerprint))
        }
        (None, _) => {
            let all = report.findings.iter().map(|it| &*it.fingerprint.0);
            let near = crate::near(print, all.clone());
            let listed = near.map_or_else(|| all.take(NAMED).collect(), |near| vec![near]);
            Err(format!("no finding has this fingerprint; {}", prints(listed)))
        }
    }
}

/// Some names, and how many more.
fn some(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = names.collect();
    if all.len() > NAMED {
        let more = all.len() - NAMED;
        all.truncate(NAMED);
        all.push(format!("{} more", words::thousands(more)));
    }
    all
}

/// Who a task is and what it does now: `t9 "feeder", waiting to receive on channel #6 at src/a.rs:7`.
fn who_now(index: &Index<'_>, id: TaskId) -> String {
    let who = index.who(id);
    let Some(task) = index.task(id).map(|number| index.tasks[number]) else {
        return format!("{who} (finished)");
    };
    match wait_of(task) {
        None => format!("{who}, {}", words::WaitClass::of(&task.state).text()),
        Some(wait) => {
            let site = index.site(wait.site);
            format!("{who}, waiting {} at {site}", words::waits_for(index, &[wait]))
        }
    }
}
