//! The ignores of a question, applied to the tasks of a snapshot.
//!
//! Invariants:
//! 1. A task that is not asked for counts for no ignore: it was not taken away by it.
//! 2. A task counts once, in however many places a snapshot tells of it.

use std::collections::BTreeSet;

use gleak_snapshot::{PanicFact, SpawnId, StackId, Task, TaskId, TaskState, WaiterKind};

use crate::ignore::{Calls, Exception, ExceptionKind, FrameName, Ignore, Place, Subject};
use crate::index::Index;
use crate::key;

/// What a task has done, as far as it is told.
pub(crate) struct Event<'e> {
    pub(crate) task: TaskId,
    pub(crate) name: Option<&'e str>,
    /// None for threads.
    pub(crate) spawn: Option<SpawnId>,
    pub(crate) stack: Option<StackId>,
}

/// Decides task by task, and keeps the account.
pub(crate) struct Ignored<'a> {
    index: &'a Index<'a>,
    ignore: &'a [Ignore],
    /// By spawn point.
    files: Vec<String>,
    /// By function; empty unless somebody looks at stacks.
    functions: Vec<FrameName>,
    /// Of those that have ended: who has counted.
    counted: BTreeSet<TaskId>,
    exceptions: Vec<Exception>,
}

impl<'a> Ignored<'a> {
    pub(crate) fn new(index: &'a Index<'a>, ignore: &'a [Ignore]) -> Self {
        let spawns = if ignore.is_empty() { 0 } else { index.snapshot.spawns.len() };
        let file = |number| key::file(&index.spawn_site(spawn_id(number)).file);
        let wants_stacks = ignore.iter().any(|ignore| ignore.matcher.needs_stacks());
        let exceptions = ignore.iter().map(|ignore| Exception {
            kind: ExceptionKind::Ignore,
            what: ignore.matcher.to_string(),
            reason: ignore.reason.clone(),
            tasks: 0,
            findings: 0,
            without_stack: 0,
            expired: None,
        });
        Ignored {
            index,
            ignore,
            files: (0..spawns).map(file).collect(),
            functions: if wants_stacks { index.stacks.names() } else { Vec::new() },
            counted: BTreeSet::new(),
            exceptions: exceptions.collect(),
        }
    }

    /// Whether it is ignored; it counts if it would have been judged or shown.
    pub(crate) fn task(&mut self, task: &Task, counts: bool) -> bool {
        if self.ignore.is_empty() {
            return false;
        }
        let creators = task.ancestry.iter().map(|&spawn| self.index.entry(spawn));
        let stack = task.backtrace.filter(|_| !self.functions.is_empty());
        let subject = Subject {
            task: task.id,
            name: task.name.as_deref(),
            labels: &task.labels,
            spawn: task.spawn.map(|spawn| self.place(spawn)),
            creators: creators.collect(),
            stack: stack.map(|stack| self.names(self.index.stacks.own_calls(stack))),
        };
        // What never ran stands nowhere, and nobody unwinds the threads of others.
        let may_have = task.kind == WaiterKind::Task && task.state != TaskState::Fresh;
        let ignored = matching(self.ignore, &subject);
        self.note(&ignored, counts, may_have && task.backtrace.is_none())
    }

    /// As [`Ignored::task`], on a task that has ended.
    pub(crate) fn panic(&mut self, panic: &PanicFact, counts: bool) -> bool {
        if self.ignore.is_empty() {
            return false;
        }
        let has_stack = !panic.stack.is_empty() && !self.functions.is_empty();
        let calls = has_stack.then(|| self.index.stacks.own_calls_of(&panic.stack));
        let subject = Subject {
            task: panic.task,
            name: panic.name.as_deref(),
            labels: &[],
            spawn: Some(self.place(panic.spawn)),
            creators: Vec::new(),
            stack: calls.map(|calls| self.names(calls)),
        };
        let ignored = matching(self.ignore, &subject);
        let counts = counts && self.counted.insert(panic.task);
        self.note(&ignored, counts, panic.stack.is_empty())
    }

    /// As [`Ignored::task`], on one that may have ended. One that lives is ignored as it is elsewhere,
    /// and has counted there.
    pub(crate) fn event(&mut self, event: &Event<'_>, counts: bool) -> bool {
        if self.ignore.is_empty() {
            return false;
        }
        if let Some(number) = self.index.task(event.task) {
            return self.task(self.index.tasks[number], false);
        }
        let stack = event.stack.filter(|_| !self.functions.is_empty());
        let subject = Subject {
            task: event.task,
            name: event.name,
            labels: &[],
            spawn: event.spawn.map(|spawn| self.place(spawn)),
            creators: Vec::new(),
            stack: stack.map(|stack| self.names(self.index.stacks.own_calls(stack))),
        };
        let ignored = matching(self.ignore, &subject);
        let counts = counts && self.counted.insert(event.task);
        self.note(&ignored, counts, event.stack.is_none() && event.spawn.is_some())
    }

    /// What the ignores did.
    pub(crate) fn account(self) -> Vec<Exception> {
        self.exceptions
    }

    fn place(&self, spawn: SpawnId) -> Place<'_> {
        Place {
            file: self.files.get(spawn.0 as usize).map_or("?", String::as_str),
            line: self.index.spawn_site(spawn).line,
            entry: self.index.entry(spawn),
        }
    }

    fn names(&self, calls: Vec<usize>) -> Calls<'_> {
        Calls::of(calls.into_iter().filter_map(|number| self.functions.get(number)).collect())
    }

    fn note(&mut self, matching: &[bool], counts: bool, without_stack: bool) -> bool {
        for ((exception, ignore), &matches) in
            self.exceptions.iter_mut().zip(self.ignore).zip(matching).filter(|_| counts)
        {
            exception.tasks += u64::from(matches);
            exception.without_stack += u64::from(without_stack && ignore.matcher.needs_stacks());
        }
        matching.contains(&true)
    }
}

fn matching(ignore: &[Ignore], subject: &Subject<'_>) -> Vec<bool> {
    ignore.iter().map(|ignore| ignore.matcher.matches(subject)).collect()
}

fn spawn_id(number: usize) -> SpawnId {
    SpawnId(u32::try_from(number).unwrap_or(u32::MAX))
}
