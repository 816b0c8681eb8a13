//! Who could still wake a test's tasks from outside of the test: threads, and tasks of no test.
//!
//! A test that rests is only judged stuck when nobody is left who could act on it. Tasks without a
//! test count while they can go on by themselves; what they wait for would have to come from a
//! thread or from another such task, and those count. Tasks of other tests could act only through
//! something that they have never used so far: they delay the judgement and do not prevent it, or a
//! test that spins would keep another one's deadlock from being found.
//!
//! Invariant: in doubt somebody could act.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use gleak_runtime::report::detector::can_go_on;
use gleak_runtime::report::snapshot::{
    RegionId, RegionKind, Snapshot, Task, TaskId, TaskState, WaiterKind,
};
use gleak_runtime::report::{self, Taken};

use crate::ledger::Ledger;

/// A snapshot, and who could act on a test from outside at the time.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) taken: Taken,
    /// In words; nobody when none.
    pub(crate) outsider: Option<String>,
}

impl Seen {
    /// Looks. Threads are listed before the snapshot and after it: one that woke a task and ended
    /// in between was there before, and one that the task then made is there after.
    pub(crate) fn now(ledger: &Ledger) -> Self {
        Seen::by(ledger, None)
    }

    /// As [`Seen::now`], by a task that does nothing else.
    pub(crate) fn by(ledger: &Ledger, looks: Option<TaskId>) -> Self {
        let spawned = report::spawned_threads();
        let before = threads();
        let taken = Taken::now();
        let snapshot = &taken.snapshot;
        // A thread of a test is as its tasks are: it delays a judgement on others, and prevents none.
        let of_tests = spawned.iter().filter(|thread| of_a_test(snapshot, thread.region));
        let of_tests: BTreeSet<u32> = of_tests.map(|thread| thread.tid).collect();
        let counts = |tid: u32| !of_tests.contains(&tid) && !ledger.is_harness_thread(tid);
        let unknown = |listed: Vec<(u32, String)>| {
            let counted = listed.into_iter().filter(|(tid, _)| counts(*tid));
            unknown_name(&counted.map(|(_, name)| name).collect::<Vec<_>>())
        };
        let thread = if snapshot.activity.still && snapshot.activity.threads_known {
            // Exact: the snapshot vouches that no thread woke anybody while it was taken.
            let mut threads = snapshot.activity.threads.iter();
            threads.find(|thread| counts(thread.tid)).map(|it| it.name.clone())
        } else {
            unknown(before).or_else(|| unknown(threads()))
        };
        let outsider = thread
            .map(|name| format!("thread \"{}\"", name.escape_debug()))
            .or_else(|| free_task(snapshot, looks))
            .or_else(|| untold_task(snapshot));
        Seen { taken, outsider }
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.taken.snapshot
    }

    /// Whether a task of the test can go on, on another runtime than the test's own, or may be about to.
    pub(crate) fn goes_on(&self, own: RegionId) -> bool {
        let mut tasks = self.snapshot().tasks.iter();
        !shows_all(self.snapshot(), own)
            || tasks.any(|task| task.region == Some(own) && can_go_on(task))
    }

    /// Whether a task of another test than this can go on, also one that is not shown.
    pub(crate) fn others_go_on(&self, own: RegionId) -> bool {
        let snapshot = self.snapshot();
        snapshot.tasks.iter().any(|task| task.region != Some(own) && can_go_on(task))
            || snapshot.regions.iter().any(|region| region.id != own && region.unsettled)
    }

    /// For how long all tasks of a test have waited; none when one of them does not wait.
    pub(crate) fn rested(&self, own: RegionId) -> Option<Duration> {
        let since = |task: &Task| match &task.state {
            TaskState::Waiting(wait) => Some(wait.since_ns),
            TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => None,
        };
        let own = self.snapshot().tasks.iter().filter(|task| task.region == Some(own));
        let last = own.map(since).try_fold(0, |last, since| Some(last.max(since?)))?;
        Some(Duration::from_nanos(self.snapshot().header.taken_ns.saturating_sub(last)))
    }
}

/// After so many looks at a test whose tasks come and go all the time, the last one counts.
const LOOKS: u32 = 8;

/// A look that shows all tasks of a test, as far as that can be had.
pub(crate) fn look_at(own: RegionId) -> Taken {
    let mut looks = (1..LOOKS).map(|_| Taken::now());
    looks.find(|taken| shows_all(&taken.snapshot, own)).unwrap_or_else(Taken::now)
}

/// Whether the snapshot shows all tasks of a test.
pub(crate) fn shows_all(snapshot: &Snapshot, own: RegionId) -> bool {
    snapshot.regions.iter().all(|region| region.id != own || !region.unsettled)
}

/// Of no test, and not shown: some came or went during the look.
fn untold_task(snapshot: &Snapshot) -> Option<String> {
    let mut regions = snapshot.regions.iter();
    let untold = snapshot.completeness.unsettled_uncharged
        || regions.any(|region| region.unsettled && !of_a_test(snapshot, Some(region.id)));
    untold.then(|| "a task of no test".to_owned())
}

fn free_task(snapshot: &Snapshot, looks: Option<TaskId>) -> Option<String> {
    let task = snapshot.tasks.iter().find(|task| {
        task.kind == WaiterKind::Task
            && Some(task.id) != looks
            && !of_a_test(snapshot, task.region)
            && can_go_on(task)
    })?;
    Some(format!("{}, a task of no test,", task.id))
}

/// Whether what is charged to this region is answered for by a test or a guard.
pub(crate) fn of_a_test(snapshot: &Snapshot, region: Option<RegionId>) -> bool {
    region.is_some_and(|region| match kind(snapshot, region) {
        Some(RegionKind::Test | RegionKind::Guard) => true,
        Some(RegionKind::Run | RegionKind::Thread) | None => false,
    })
}

fn kind(snapshot: &Snapshot, region: RegionId) -> Option<RegionKind> {
    snapshot.regions.iter().find(|it| it.id == region).map(|it| it.kind)
}

/// All threads, as they are while others run: then the snapshot lists none.
fn threads() -> Vec<(u32, String)> {
    let Ok(entries) = fs::read_dir("/proc/self/task") else {
        return vec![(0, "unknown".to_owned())];
    };
    let tids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    // A thread that ends between the two reads acts no more.
    let name = |tid: u32| fs::read_to_string(format!("/proc/self/task/{tid}/comm")).ok();
    tids.filter_map(|tid| Some((tid, name(tid)?.trim_end().to_owned()))).collect()
}

/// The first name that is not a runtime thread's. A thread without a name of its own has that of the
/// thread that made it, so each of the runtime's names stands for one thread only.
fn unknown_name(names: &[String]) -> Option<String> {
    let mut runtime = BTreeSet::new();
    names.iter().find(|name| !is_runtime_name(name) || !runtime.insert(*name)).cloned()
}

fn is_runtime_name(name: &str) -> bool {
    name.strip_prefix("gleak-").is_some_and(|rest| {
        // A helper without a job; one with a job has another name.
        let number = rest.strip_prefix("idle").unwrap_or(rest);
        matches!(rest, "monitor" | "signals")
            || (!number.is_empty() && number.bytes().all(|it| it.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::unknown_name;

    #[track_caller]
    fn check(names: &[&str], unknown: Option<&str>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(unknown_name(&names).as_deref(), unknown);
    }

    #[test]
    fn threads_are_told_from_the_runtimes_by_name() {
        check(&[], None);
        check(&["gleak-0", "gleak-monitor", "gleak-11", "gleak-signals"], None);
        check(&["gleak-0", "logger"], Some("logger"));
        check(&["gleak-0", "gleak-0"], Some("gleak-0"));
        check(&["gleak-"], Some("gleak-"));
        check(&["gleak-tool"], Some("gleak-tool"));
        check(&["gleak-0", "gleak-idle0", "gleak-idle12"], None);
        check(&["gleak-idle"], Some("gleak-idle"));
        check(&["gleak-helper0"], Some("gleak-helper0"));
    }
}
