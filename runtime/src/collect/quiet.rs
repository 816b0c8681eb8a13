//! What could still act: workers, queues, timers, threads that are not ours.
//!
//! The order proves the answer. The epoch is read first and last; in between come the states of
//! outside threads, then the queues, then the threads' tickets again. A thread that filled a queue
//! after the queue was looked at was not parked in one wait the whole time, and a worker that took
//! from a queue has changed the epoch. `scheduler/README.md` has the argument in full.

use std::collections::HashMap;

use gleak_snapshot::{Activity, Task, TaskState, Thread};

use crate::machine::process;
use crate::records::state::{State, Word};
use crate::records::table::Ref;
use crate::records::waiter::{THREAD, WAITERS};
use crate::scheduler::activity;
use crate::scheduler::monitor;
use crate::scheduler::{runtime, seat};
use crate::sync::Ordering;

/// What was seen before the snapshot's first read.
pub(super) struct Before {
    epoch: u64,
    idle: bool,
    /// Outside threads that wait, by kernel id.
    waiting: HashMap<u32, (Ref, Word)>,
    queued: usize,
}

pub(super) fn begin() -> Before {
    let epoch = activity::epoch();
    let idle = activity::awake() == 0;
    let waiting = waiting_threads();
    let queued = runtime::queued_everywhere();
    Before { epoch, idle, waiting, queued }
}

fn waiting_threads() -> HashMap<u32, (Ref, Word)> {
    WAITERS
        .live()
        .filter(|(_, record)| record.has(THREAD))
        .filter_map(|(reference, record)| {
            let word = record.state.load();
            let tid = record.place.load(Ordering::Relaxed);
            (word.state() == State::Waiting).then_some((tid, (reference, word)))
        })
        .collect()
}

impl Before {
    /// What was seen after the last read, together with before.
    pub(super) fn end(self, tasks: &[Task]) -> Activity {
        let timed = tasks.iter().filter(|task| has_timer(task)).count() as u64;
        // A timer of a wait that moved meanwhile still wakes its worker.
        let armed = seat::all().filter(|worker| worker.is_timed()).count() as u64;
        let threads = if self.idle { process::threads().ok() } else { None };
        let threads_known = threads.is_some();
        let waiting = waiting_threads();
        let others: Vec<Thread> = threads
            .unwrap_or_default()
            .into_iter()
            .filter(|thread| !monitor::is_known(thread.tid))
            .filter(|thread| {
                let before = self.waiting.get(&thread.tid);
                before.is_none() || before != waiting.get(&thread.tid)
            })
            .map(|thread| Thread { tid: thread.tid, name: thread.name })
            .collect();
        let queued = self.queued.max(runtime::queued_everywhere()) as u64;
        let still = self.idle && activity::awake() == 0 && activity::epoch() == self.epoch;
        Activity {
            still,
            queued,
            timers: timed.max(armed),
            threads: if still { others } else { Vec::new() },
            threads_known: still && threads_known,
        }
    }
}

fn has_timer(task: &Task) -> bool {
    match &task.state {
        TaskState::Waiting(wait) => wait.until_ns.is_some(),
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => false,
    }
}
