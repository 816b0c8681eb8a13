//! What ended a process, in words: the signal, where, and the task that ran there.

use gleak_snapshot::{Crash, Snapshot, Task};

use crate::index::Index;
use crate::{Aside, AsideKind};

/// Calls of the task that are told: the program's own, innermost first.
const CALLS: usize = 12;

/// None of a process that was not ended by a signal, or of which that is not known.
pub(crate) fn aside(index: &Index<'_>) -> Option<Aside> {
    let snapshot = index.snapshot;
    let crash = snapshot.header.crash?;
    let Crash { code, address, thread, task, overflow, .. } = crash;
    let known = task.and_then(|id| {
        let at = snapshot.tasks.binary_search_by_key(&id, |it| it.id);
        at.ok().map(|at| &snapshot.tasks[at])
    });
    let mut line = signal(crash.signal);
    line.push_str(&match (address, code) {
        (Some(address), _) => format!(" at address {address:#x}"),
        // Sent by a process, or by the thread itself.
        (None, ..=0) => String::new(),
        (None, code) => format!(", code {code}"),
    });
    line.push_str(&match task {
        Some(id) => format!(", in task {id} on thread {thread}"),
        None => format!(", to thread {thread}, in no task"),
    });
    if overflow {
        line.push_str(": the task overflowed its stack");
    }
    let mut lines = vec![line];
    if let Some(task) = known {
        lines.extend(spawn(snapshot, task));
        let calls = task.backtrace.map(|stack| index.stacks.own_symbols(stack));
        let calls = calls.into_iter().flatten().take(CALLS);
        lines.extend(calls.map(|call| format!("in {call}")));
    }
    Some(Aside { kind: AsideKind::Signal, lines })
}

fn spawn(snapshot: &Snapshot, task: &Task) -> Option<String> {
    let point = &snapshot.spawns[task.spawn?.0 as usize];
    let site = &snapshot.sites[point.site.0 as usize];
    let name = task.name.as_deref().map(|name| format!(" \"{name}\",")).unwrap_or_default();
    Some(format!("task{name} {} spawned at {}:{}", point.entry, site.file, site.line))
}

/// Its name, as Linux numbers signals.
fn signal(number: i32) -> String {
    let name = match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        31 => "SIGSYS",
        _ => return format!("signal {number}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use gleak_snapshot::{SnapshotBuilder, TaskId};

    use super::*;

    fn lines(crash: Crash) -> Vec<String> {
        let mut b = SnapshotBuilder::new();
        b.task("src/main.rs:9", "app::worker").name("nine");
        let mut snapshot = b.build();
        snapshot.header.crash = Some(crash);
        aside(&Index::new(&snapshot)).expect("it crashed").lines
    }

    #[test]
    fn the_signal_comes_first_and_then_the_task_that_it_met() {
        let fault = Crash {
            signal: 11,
            code: 1,
            address: Some(0x10),
            thread: 7,
            task: Some(TaskId(1)),
            overflow: true,
        };
        let told = lines(fault);
        assert_eq!(
            told,
            [
                "SIGSEGV at address 0x10, in task t1 on thread 7: the task overflowed its stack",
                "task \"nine\", app::worker spawned at src/main.rs:9",
            ]
        );
        let sent =
            Crash { signal: 3, code: 0, address: None, task: None, overflow: false, ..fault };
        assert_eq!(lines(sent), ["SIGQUIT, to thread 7, in no task"]);
        let other = Crash { signal: 77, code: 5, ..sent };
        assert_eq!(lines(other), ["signal 77, code 5, to thread 7, in no task"]);
        // One that has ended by now is named all the same.
        let gone = Crash { task: Some(TaskId(9)), ..sent };
        assert_eq!(lines(gone), ["SIGQUIT, in task t9 on thread 7"]);
    }

    #[test]
    fn nobody_crashed_where_nobody_says_so() {
        assert_eq!(aside(&Index::new(&SnapshotBuilder::new().build())), None);
    }
}
