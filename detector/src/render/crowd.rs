//! How many tasks and threads there are of something, in words: threads are spoken of as threads.

use std::fmt;

use gleak_snapshot::WaiterKind;

use crate::Group;
use crate::words::count;

/// How many of both kinds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Crowd {
    pub(super) tasks: usize,
    pub(super) threads: usize,
}

impl Crowd {
    pub(super) fn of<'g>(groups: impl IntoIterator<Item = &'g Group>) -> Self {
        let mut crowd = Crowd::default();
        groups.into_iter().for_each(|group| crowd.add(group.kind, group.members.len()));
        crowd
    }

    pub(super) fn add(&mut self, kind: WaiterKind, count: usize) {
        match kind {
            WaiterKind::Task => self.tasks += count,
            WaiterKind::Thread => self.threads += count,
        }
    }

    pub(super) fn all(self) -> usize {
        self.tasks + self.threads
    }

    /// What is leaked where these are left over: threads only where there is nothing else.
    pub(super) fn leak(self) -> &'static str {
        if self.tasks == 0 && self.threads > 0 { "thread leak" } else { "task leak" }
    }
}

impl std::ops::AddAssign for Crowd {
    fn add_assign(&mut self, other: Self) {
        self.tasks += other.tasks;
        self.threads += other.threads;
    }
}

/// `3 tasks`, `1 thread`, or both.
impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match *self {
            Crowd { tasks, threads: 0 } => count(tasks, "task"),
            Crowd { tasks: 0, threads } => count(threads, "thread"),
            Crowd { tasks, threads } => {
                format!("{} and {}", count(tasks, "task"), count(threads, "thread"))
            }
        })
    }
}

/// Who is in a table: `3 tasks and 2 waiting threads`; `2 threads` where one of those does not wait.
pub(super) fn in_table(groups: &[Group]) -> String {
    let Crowd { tasks, threads } = Crowd::of(groups);
    let waits = |group: &Group| group.reason.is_some();
    let noun = if groups.iter().filter(|it| is_threads(it)).all(waits) {
        "waiting thread"
    } else {
        "thread"
    };
    match (tasks, threads) {
        (tasks, 0) => count(tasks, "task"),
        (0, threads) => count(threads, noun),
        (tasks, threads) => format!("{} and {}", count(tasks, "task"), count(threads, noun)),
    }
}

/// Whether a group is of threads: spawned through the runtime, or known since they have waited in it.
pub(super) fn is_threads(group: &Group) -> bool {
    group.kind == WaiterKind::Thread
}
