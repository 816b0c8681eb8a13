//! Tasks as a Go program prints its goroutines (`debug=2`), for tools that read such dumps.
//!
//! States are Go's words where Go has one for them, else ours. A function's name is whole, but for what
//! would end it in Go's grammar. What Go has no place for is left out: objects, holders, timers, tests.
//!
//! Invariants:
//! 1. Our own reader of Go's dumps reads every task with its number, its state and its whole minutes.
//! 2. Nothing steers a terminal, and no name ends a line or a header.

use std::fmt::Write;

use gleak_snapshot::{Snapshot, SpawnId, Target, Task, TaskId, TaskState, Wait, WaitReason};

use super::clean;
use crate::index::{Index, wait_of};
use crate::profile::Chosen;
use crate::{key, shorten};

const MINUTE_NS: u64 = 60_000_000_000;

/// What Go prints when nobody can go on.
const ALL_ASLEEP: &str = "fatal error: all goroutines are asleep - deadlock!\n\n";

/// A state that was told in Go's own words, by task.
pub type Said<'a> = &'a dyn Fn(TaskId) -> Option<String>;

/// These tasks of a snapshot. What `said` knows of a state counts.
#[must_use]
pub fn go(snapshot: &Snapshot, chosen: &Chosen<'_>, said: Said<'_>) -> String {
    let index = Index::new(snapshot);
    let mut out = String::new();
    if chosen.asleep {
        out.push_str(ALL_ASLEEP);
    }
    for (at, task) in index.tasks.iter().filter(|task| chosen.holds(task)).enumerate() {
        let gap = if at > 0 { "\n" } else { "" };
        out.push_str(gap);
        goroutine(&mut out, &index, task, said(task.id));
    }
    out
}

/// What Go calls a wait, where it has a word.
#[must_use]
pub fn go_state(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::Send => "chan send",
        WaitReason::Receive => "chan receive",
        WaitReason::Select => "select",
        WaitReason::Lock => "sync.Mutex.Lock",
        WaitReason::ReadLock => "sync.RWMutex.RLock",
        WaitReason::WriteLock => "sync.RWMutex.Lock",
        WaitReason::WaitGroup => "sync.WaitGroup.Wait",
        WaitReason::Cond => "sync.Cond.Wait",
        WaitReason::Semaphore => "semacquire",
        WaitReason::Sleep => "sleep",
        WaitReason::Read => "IO wait",
        WaitReason::Blocking => "syscall",
        WaitReason::Cancel
        | WaitReason::Join
        | WaitReason::Write
        | WaitReason::Once
        | WaitReason::Barrier
        | WaitReason::Future
        | WaitReason::Host => key::class(reason),
    }
}

fn state(task: &Task) -> String {
    let wait = match &task.state {
        TaskState::Running => return "running".to_owned(),
        TaskState::Fresh | TaskState::Runnable | TaskState::Moving => return "runnable".to_owned(),
        TaskState::Waiting(wait) => wait,
    };
    let never = |reason: WaitReason| {
        wait.reason == reason && matches!(&wait.arms[..], [arm] if arm.on == Target::Never)
    };
    let empty = wait.arms.is_empty() && wait.unlisted_arms == 0 && wait.until_ns.is_none();
    let mark = if never(WaitReason::Receive) || never(WaitReason::Send) {
        " (nil chan)"
    } else if wait.reason == WaitReason::Select && empty {
        " (no cases)"
    } else {
        ""
    };
    format!("{}{mark}", go_state(wait.reason))
}

// Writing to a string cannot fail.
fn goroutine(out: &mut String, index: &Index<'_>, task: &Task, said: Option<String>) {
    let state = said.unwrap_or_else(|| state(task));
    let _ = write!(out, "goroutine {} [{}", task.id.0, in_brackets(&state));
    let wait = wait_of(task);
    let taken_ns = index.snapshot.header.taken_ns;
    let waited = |wait: &Wait| taken_ns.saturating_sub(wait.since_ns) / MINUTE_NS;
    if let Some(minutes) = wait.map(waited).filter(|minutes| *minutes > 0) {
        let _ = write!(out, ", {minutes} minutes");
    }
    if wait.is_some_and(|wait| wait.on_thread) {
        out.push_str(", locked to thread");
    }
    let _ = writeln!(out, "]{}:", labels(task));
    calls(out, index, task);
    let Some(spawn) = task.spawn.filter(|_| !task.main || task.parent.is_some()) else { return };
    let parent = task.parent.and_then(|id| index.task(id)).map(|number| index.tasks[number]);
    let by: Option<SpawnId> = task.ancestry.first().copied().or(parent.and_then(|it| it.spawn));
    let by = by.map_or_else(|| "thread".to_owned(), |by| function(index.entry(by)));
    let _ = write!(out, "created by {by}");
    if let Some(parent) = task.parent {
        let _ = write!(out, " in goroutine {}", parent.0);
    }
    let site = index.spawn_site(spawn);
    let _ = writeln!(out, "\n\t{}", place(&site.file, site.line));
}

/// Where no stack was taken, what the task runs stands at the place of its wait.
fn calls(out: &mut String, index: &Index<'_>, task: &Task) {
    let stack = task.backtrace.map(|stack| index.stacks.own_symbols(stack)).unwrap_or_default();
    for call in &stack {
        let place = self::place(call.file.as_deref().unwrap_or("?"), call.line.unwrap_or(0));
        let _ = writeln!(out, "{}(...)\n\t{place}", function(&shorten(&call.function)));
    }
    if stack.is_empty() {
        let entry = task.spawn.map_or("?", |spawn| index.entry(spawn));
        let site = wait_of(task).map(|wait| index.site(wait.site));
        let place = site.map_or_else(|| place("?", 0), |site| place(&site.file, site.line));
        let _ =
            writeln!(out, "{}(...)\n\t{place}\n...additional frames elided...", function(entry));
    }
}

fn in_brackets(text: &str) -> String {
    clean(text).replace([']', '['], "_")
}

/// Blanks, quotes and the like are in no name of Go's.
fn function(name: &str) -> String {
    let ends = |letter: char| letter.is_whitespace() || "\"'`,;=".contains(letter);
    let name: String = clean(name).replace(ends, "_");
    let known = name.contains('.') || name.contains("::");
    match name.as_str() {
        "" | "?" => "unknown".to_owned(),
        bare if !known && !bare.chars().all(|it| it.is_ascii_alphanumeric() || it == '_') => {
            format!("unknown.{bare}")
        }
        _ => name,
    }
}

fn place(file: &str, line: u32) -> String {
    if file == "?" || file.is_empty() {
        return "??:0".to_owned();
    }
    let file = clean(file);
    let name = file.rsplit(['/', '\\']).next().unwrap_or_default();
    // As Go writes it, a place has an offset; without one only what looks like a file is taken as one.
    let offset = if name.contains('.') && !name.contains(' ') { "" } else { " +0x0" };
    format!("{file}:{line}{offset}")
}

/// ` {job: mail, "a b": c}`. Names are no labels: older readers pass over whoever has one.
fn labels(task: &Task) -> String {
    let pair = |(key, value): &(String, String)| format!("{}: {}", word(key), word(value));
    let pairs: Vec<String> = task.labels.iter().map(pair).collect();
    if pairs.is_empty() { String::new() } else { format!(" {{{}}}", pairs.join(", ")) }
}

fn word(text: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "_-./".contains(letter);
    let text = clean(text);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        serde_json::Value::from(text).to_string()
    }
}
