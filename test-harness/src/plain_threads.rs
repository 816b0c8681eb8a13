//! The end verdict on OS threads that nobody has spawned through the runtime: a library's pool, or a thread
//! that nobody joined. The system tells that they are there, and nothing tells whose they are, or whether they
//! are meant to stay; so they are told, and fail a run only where its main asks for that.
//!
//! Invariants:
//! 1. Who was there before the first test is told of no more, nor is the harness itself, nor what an
//!    `ignore` takes by its name.
//! 2. Where the system lists no threads nothing is said.

use std::collections::BTreeSet;
use std::time::Duration;

use gleak_runtime::report::detector::render::{self, ToldBy};
use gleak_runtime::report::detector::{Exception, ExceptionKind, Ignore};
use gleak_runtime::report::snapshot::OsThread;
use gleak_runtime::report::{self, Look};

use crate::options::OnLeak;
use crate::suite::Suite;
use crate::wait::Latch;

/// For the last steps of threads that were joined: the kernel lists them a little longer.
const LAST_STEPS: Duration = Duration::from_millis(20);

/// Threads that are no matter of the tests: by id, and when they were made, since ids are used again.
#[derive(Debug, Default)]
pub(crate) struct KnownThreads(BTreeSet<(u32, u64)>);

impl KnownThreads {
    /// Those that are there now.
    pub(crate) fn now() -> KnownThreads {
        let threads = report::other_threads().unwrap_or_default();
        KnownThreads(threads.iter().map(|thread| (thread.tid, thread.started_ticks)).collect())
    }
}

/// What becomes of them at the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Threads {
    /// What the options of the main say.
    Judged,
    /// They are told.
    Told,
    /// Nobody asks.
    Left,
}

/// What is left of them.
#[derive(Debug)]
pub(crate) struct Left {
    threads: Vec<OsThread>,
    told_by: ToldBy,
    /// What the ignores of all tests took of them.
    pub(crate) exceptions: Vec<Exception>,
}

/// Waits for those that are about to end, where they fail the run for as long as for tasks, and lists the rest.
/// None where nobody asks.
pub(crate) fn left(suite: &Suite, threads: Threads) -> Option<Left> {
    let told_by = match threads {
        Threads::Left => return None,
        Threads::Told => ToldBy::Exit,
        Threads::Judged => ToldBy::Main { fails: suite.options.on_thread == OnLeak::Fail },
    };
    let fails = told_by == ToldBy::Main { fails: true };
    let limit = if fails { suite.options.settle() } else { LAST_STEPS };
    let ignores = &suite.exceptions.ignores;
    // Nobody tells of their end.
    let pause = |time| Latch::default().pause(time);
    let all = report::settle(limit, pause, || {
        let all = there(suite);
        let may_finish = all.iter().any(|thread| !is_ignored(ignores, thread));
        Look { may_finish, due: None, seen: all }
    });
    let exceptions = ignores.iter().filter_map(|ignore| taken(ignore, &all)).collect();
    let threads = all.into_iter().filter(|thread| !is_ignored(ignores, thread)).collect();
    Some(Left { threads, told_by, exceptions })
}

fn there(suite: &Suite) -> Vec<OsThread> {
    let mut threads = report::other_threads().unwrap_or_default();
    threads.retain(|thread| {
        !suite.ledger.is_harness_thread(thread.tid)
            && !suite.known_threads.0.contains(&(thread.tid, thread.started_ticks))
    });
    threads
}

fn is_ignored(ignores: &[Ignore], thread: &OsThread) -> bool {
    ignores.iter().any(|ignore| ignore.matcher.takes_thread(&thread.name))
}

/// The account of an ignore, if it took any.
fn taken(ignore: &Ignore, threads: &[OsThread]) -> Option<Exception> {
    let takes = |thread: &&OsThread| ignore.matcher.takes_thread(&thread.name);
    let tasks = threads.iter().filter(takes).count() as u64;
    (tasks > 0).then(|| Exception {
        kind: ExceptionKind::Ignore,
        what: ignore.matcher.to_string(),
        reason: ignore.reason.clone(),
        tasks,
        findings: 0,
        without_stack: 0,
        expired: None,
    })
}

impl Left {
    /// Whether they fail the run.
    pub(crate) fn fails(&self) -> bool {
        self.told_by == ToldBy::Main { fails: true } && !self.threads.is_empty()
    }

    /// The section on stderr; none when there is nothing to tell.
    pub(crate) fn section(&self) -> Option<String> {
        render::plain_threads(&self.threads, self.told_by)
    }
}
