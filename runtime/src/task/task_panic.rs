//! A panic of a task in words, told by whoever its region left it to.

use std::fmt::Write;

use gleak_snapshot::WaiterKind;

use crate::records::statics::Site;
use crate::records::tags::{self, Key};
use crate::records::waiter::{Current, HELPER, SPAWNED, TAGGED};
use crate::sync::{AtomicBool, Ordering};
use crate::task::panic::PanicRecord;

const NOTE: &str = "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace";

/// Once in a process, as the standard library has it.
static NOTED: AtomicBool = AtomicBool::new(false);

/// A panic of a task, or of a thread that was spawned through the runtime.
#[derive(Clone, Debug)]
pub struct TaskPanic {
    task: u64,
    kind: WaiterKind,
    name: Option<String>,
    spawned: Option<Site>,
    panic: PanicRecord,
}

impl TaskPanic {
    #[cfg(test)]
    pub(crate) fn new(task: u64, panic: PanicRecord) -> TaskPanic {
        TaskPanic { task, kind: WaiterKind::Task, name: None, spawned: None, panic }
    }

    /// That of who runs here, which is the task that a helper acts for.
    pub(crate) fn of(who: Current, panic: PanicRecord) -> TaskPanic {
        let is_helper = who.record.has(HELPER);
        let task = if is_helper { who.record.parent.get() } else { who.record.id() };
        let tags = (is_helper || who.record.has(TAGGED)).then(|| tags::get(Key::Task(task)));
        let name = tags.flatten().and_then(|tags| tags.name);
        let kind = if who.record.has(SPAWNED) { WaiterKind::Thread } else { WaiterKind::Task };
        TaskPanic { task, kind, name, spawned: who.record.origin.site.get(), panic }
    }

    /// Which task or thread it was, for a line below what the standard library says.
    pub(crate) fn whose(&self) -> String {
        let spawned = self.spawned.map_or(String::new(), |site| format!(", spawned at {site}"));
        format!("note: that was {}{spawned}", self.who())
    }

    fn who(&self) -> String {
        let noun = match self.kind {
            WaiterKind::Task => "task",
            WaiterKind::Thread => "thread",
        };
        match &self.name {
            Some(name) => format!("{noun} t{} \"{name}\"", self.task),
            None => format!("{noun} t{}", self.task),
        }
    }

    /// The id of the task.
    #[must_use]
    pub fn task(&self) -> u64 {
        self.task
    }

    /// What the panic said; of a payload that is not text, that it is none.
    #[must_use]
    pub fn message(&self) -> &str {
        self.panic.message()
    }

    /// As the standard library's panic hook tells a panic, with the task in place of the thread: with
    /// its stack if `RUST_BACKTRACE` asks for one. To resolve names takes milliseconds.
    #[must_use]
    pub fn told(&self) -> String {
        let mut text = self.who();
        text.push_str(" panicked");
        if let Some((file, line, column)) = self.panic.site() {
            let _ = write!(text, " at {file}:{line}:{column}");
        }
        let _ = write!(text, ":\n{}", self.message());
        let asked = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
        if asked {
            text.push_str("\nstack backtrace:");
            for (number, frame) in self.panic.frames().iter().enumerate() {
                let _ = write!(text, "\n{number:4}: {}", frame.function);
                if let Some(file) = &frame.file {
                    let line = frame.line.map_or(String::new(), |line| format!(":{line}"));
                    let _ = write!(text, "\n             at {file}{line}");
                }
            }
        } else if !NOTED.swap(true, Ordering::Relaxed) {
            let _ = write!(text, "\n{NOTE}");
        }
        text
    }
}
