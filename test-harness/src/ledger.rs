//! What the trials of a run leave for the end of it: who was charged, what was found, how much ran.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gleak_runtime::report::detector::survey::Survey;
use gleak_runtime::report::detector::{Exception, Finding, Report};
use gleak_runtime::report::snapshot::{RegionId, Snapshot, TaskId};

/// Shared by all trials of a run.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Trials that will run, and threads that run them.
    planned: AtomicU64,
    width: AtomicU64,
    /// Trials that have started, have ended, and whose tasks are all asleep.
    started: AtomicU64,
    ended: AtomicU64,
    resting: AtomicU64,
    /// Names of those that have started and not ended, and of open guards.
    under_way: Mutex<Vec<String>>,
    /// Kernel ids of the threads that run trials, and of the main thread.
    threads: Mutex<BTreeSet<u32>>,
    /// Tasks that some test has answered for: their region may be gone when they are seen again.
    charged: Mutex<BTreeSet<TaskId>>,
    /// By test.
    findings: Mutex<Vec<(String, Vec<Finding>)>>,
    /// What was left, where that is counted.
    survey: Mutex<Survey>,
    /// What the exceptions for all tests did.
    exceptions: Mutex<Vec<Exception>>,
    /// What those of one test did, by test.
    own_exceptions: Mutex<Vec<(String, Vec<Exception>)>>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        let ledger = Ledger {
            planned: AtomicU64::new(0),
            width: AtomicU64::new(1),
            started: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            resting: AtomicU64::new(0),
            under_way: Mutex::default(),
            threads: Mutex::default(),
            charged: Mutex::default(),
            findings: Mutex::default(),
            survey: Mutex::default(),
            exceptions: Mutex::default(),
            own_exceptions: Mutex::default(),
        };
        ledger.note_thread();
        ledger
    }

    /// The calling thread is the harness's: it wakes no task.
    pub(crate) fn note_thread(&self) {
        locked(&self.threads).extend(this_thread());
    }

    /// The calling thread gives a guard's verdict, which counts as a test's, and wakes no task until the
    /// value goes.
    pub(crate) fn wait_here(&self) -> Waiting<'_> {
        let fresh = this_thread().filter(|tid| locked(&self.threads).insert(*tid));
        self.started.fetch_add(1, Ordering::SeqCst);
        self.ended.fetch_add(1, Ordering::SeqCst);
        Waiting { ledger: self, fresh }
    }

    /// The process's main thread is libtest's: it waits for its tests and wakes no task.
    pub(crate) fn note_main_thread(&self) {
        locked(&self.threads).insert(std::process::id());
    }

    /// Trials that have started.
    pub(crate) fn started(&self) -> u64 {
        self.started.load(Ordering::SeqCst)
    }

    pub(crate) fn is_harness_thread(&self, tid: u32) -> bool {
        locked(&self.threads).contains(&tid)
    }

    /// A test has its verdict: its tasks, and what was found.
    pub(crate) fn charge(&self, test: &str, region: RegionId, seen: &Snapshot, found: &[Finding]) {
        let own = seen.tasks.iter().filter(|task| task.region == Some(region)).map(|task| task.id);
        locked(&self.charged).extend(own);
        self.found(test, found);
    }

    /// What was found on a test.
    pub(crate) fn found(&self, test: &str, found: &[Finding]) {
        if !found.is_empty() {
            locked(&self.findings).push((test.to_owned(), found.to_vec()));
        }
    }

    /// Counts what a test has left.
    pub(crate) fn count(&self, test: &str, report: &Report) {
        let alive = report.findings.iter().filter(|finding| !finding.key.rule.is_event());
        let groups = alive.flat_map(|it| it.groups.iter().chain(&it.dependents));
        locked(&self.survey).add_left(test, groups);
    }

    /// What was counted.
    pub(crate) fn survey(&self) -> Survey {
        locked(&self.survey).clone()
    }

    /// What exceptions did at a verdict: those for all tests, and a test's own.
    pub(crate) fn note(&self, of_all: Vec<Exception>, own: Option<(&str, Vec<Exception>)>) {
        Exception::add_all(&mut locked(&self.exceptions), of_all);
        locked(&self.own_exceptions).extend(own.map(|(test, own)| (test.to_owned(), own)));
    }

    /// What [`Ledger::note`] was told of all tests, and of each, by name.
    pub(crate) fn exceptions(&self) -> (Vec<Exception>, Vec<(String, Vec<Exception>)>) {
        let mut own = locked(&self.own_exceptions).clone();
        own.sort_by(|(a, _), (b, _)| a.cmp(b));
        (locked(&self.exceptions).clone(), own)
    }

    /// How many trials will run, and on how many threads.
    pub(crate) fn plan(&self, trials: u64, width: u64) {
        self.planned.store(trials, Ordering::SeqCst);
        self.width.store(width, Ordering::SeqCst);
    }

    /// The calling thread runs the trial of this name until the value goes.
    pub(crate) fn trial(&self, name: &str) -> Trial<'_> {
        self.note_thread();
        self.started.fetch_add(1, Ordering::SeqCst);
        Trial { ledger: self, _name: self.name(name) }
    }

    /// A test of this name is under way until the value goes.
    pub(crate) fn name(&self, name: &str) -> UnderWay<'_> {
        locked(&self.under_way).push(name.to_owned());
        UnderWay { ledger: self, name: name.to_owned() }
    }

    /// Names of the tests under way, sorted.
    pub(crate) fn under_way(&self) -> Vec<String> {
        let mut names = locked(&self.under_way).clone();
        names.sort();
        // A guard in a test may have the test's name.
        names.dedup();
        names
    }

    /// The caller's trial rests until the value goes.
    pub(crate) fn rest(&self) -> Rest<'_> {
        self.resting.fetch_add(1, Ordering::SeqCst);
        Rest(self)
    }

    /// Whether all trials under way rest and no other can start: then the harness's own threads do
    /// nothing but wait for these trials.
    pub(crate) fn all_rest(&self) -> bool {
        let ended = self.ended.load(Ordering::SeqCst);
        let started = self.started.load(Ordering::SeqCst);
        let running = started.saturating_sub(ended);
        let no_other = started >= self.planned.load(Ordering::SeqCst)
            || running >= self.width.load(Ordering::SeqCst);
        no_other && self.resting.load(Ordering::SeqCst) >= running
    }

    pub(crate) fn charged(&self) -> BTreeSet<TaskId> {
        locked(&self.charged).clone()
    }

    /// All findings, in the order of the tests' names, whoever ended first.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut by_test = locked(&self.findings).clone();
        by_test.sort_by(|(a, _), (b, _)| a.cmp(b));
        by_test.into_iter().flat_map(|(_, findings)| findings).collect()
    }
}

/// See [`Ledger::trial`].
#[derive(Debug)]
pub(crate) struct Trial<'l> {
    ledger: &'l Ledger,
    _name: UnderWay<'l>,
}

/// See [`Ledger::name`].
#[derive(Debug)]
pub(crate) struct UnderWay<'l> {
    ledger: &'l Ledger,
    name: String,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut names = locked(&self.ledger.under_way);
        if let Some(own) = names.iter().position(|name| *name == self.name) {
            names.swap_remove(own);
        }
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        self.ledger.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// See [`Ledger::wait_here`].
#[derive(Debug)]
pub(crate) struct Waiting<'l> {
    ledger: &'l Ledger,
    /// Not known as the harness's before.
    fresh: Option<u32>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(tid) = self.fresh {
            locked(&self.ledger.threads).remove(&tid);
        }
    }
}

/// Elsewhere than on Linux there is nothing to read, and no other thread is known either.
fn this_thread() -> Option<u32> {
    let path = fs::read_link("/proc/thread-self").ok()?;
    path.file_name()?.to_str()?.parse().ok()
}

/// See [`Ledger::rest`].
#[derive(Debug)]
pub(crate) struct Rest<'l>(&'l Ledger);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        self.0.resting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Nothing that is done under these locks can panic half-way.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harness_waits_when_every_trial_rests_and_no_other_can_start() {
        let ledger = Ledger::new();
        ledger.plan(3, 2);
        let first = ledger.trial("first");
        let first_rests = ledger.rest();
        assert!(!ledger.all_rest(), "a second thread may start a trial");
        let second = ledger.trial("second");
        assert_eq!(ledger.under_way(), ["first", "second"]);
        assert!(!ledger.all_rest(), "the second trial runs");
        let second_rests = ledger.rest();
        assert!(ledger.all_rest(), "both threads wait");
        drop((second_rests, second));
        assert!(!ledger.all_rest(), "the third may start");
        let third = ledger.trial("third");
        assert_eq!(ledger.under_way(), ["first", "third"]);
        drop((third, first_rests));
        assert!(!ledger.all_rest(), "the first runs again");
        let _rests = ledger.rest();
        assert!(ledger.all_rest(), "it is the last");
        drop(first);
    }
}
