//! The edge to the detector, the only module that knows it: what the process says of itself.
//!
//! Without the feature `report` nothing is judged and nothing is printed but counts.

mod exit;
#[cfg(feature = "report")]
mod left;

#[cfg(feature = "report")]
pub use gleak_detector as detector;

pub(crate) use self::exit::{arm, is_armed};
pub use self::exit::{on_exit, stand_down};

pub use crate::collect::{Detail, Taken};

use crate::collect;
use crate::records::region::{self, REGIONS};
use crate::records::table::Ref;
use crate::scheduler::monitor;
use crate::sync::Ordering;
use crate::time::clock;
pub use gleak_snapshot as snapshot;

/// How long a task that runs when main returns may take for its last steps.
const LAST_STEPS_NS: u64 = 10_000_000;
/// Fewer looks of a [`Watch`] show no trend.
#[cfg(feature = "report")]
const MIN_SAMPLES: usize = 3;

/// Everything known of the process right now, as a value.
#[must_use]
pub fn snapshot() -> gleak_snapshot::Snapshot {
    collect::collect(gleak_snapshot::Reason::Request)
}

/// As [`snapshot()`], with more.
#[must_use]
pub fn snapshot_with(detail: Detail) -> gleak_snapshot::Snapshot {
    collect::take(gleak_snapshot::Reason::Request).with(detail)
}

/// Bytes that are kept of a task, of an arm that it waits on, and of an object that is in use.
#[must_use]
pub fn record_bytes() -> [usize; 3] {
    use crate::records::{node::Node, object::ObjectRecord, waiter::WaiterRecord};
    [size_of::<WaiterRecord>(), size_of::<Node>(), size_of::<ObjectRecord>()]
}

/// The passes of a snapshot alone, for benches: the number of waiters that they read.
#[doc(hidden)]
#[must_use]
pub fn read_twice() -> usize {
    collect::read_twice()
}

/// What grows in the process, looked at from time to time: see [`watch`].
#[cfg(feature = "report")]
#[derive(Debug)]
pub struct Watch {
    seen: std::sync::Arc<Seen>,
    _sampler: crate::scheduler::sampler::Sampler,
}

/// What the looks of a [`Watch`] have shown so far.
#[cfg(feature = "report")]
#[derive(Debug, Default)]
struct Seen {
    samples: crate::sync::AtomicU64,
    growing: crate::sync::Lock<std::sync::Arc<Vec<gleak_detector::Finding>>>,
}

/// Looks at the process every `period`, on a thread of its own and without stacks, and compares the last
/// `samples` looks (three at least): which groups of tasks there were more of in each, while nobody in
/// them went on. That is how a task leak per request looks after some of them; choose a period in which
/// requests end. Between two looks counts are kept and no tasks.
///
/// Stops when the value goes.
///
/// # Errors
/// When no thread can be made.
#[cfg(feature = "report")]
pub fn watch(period: std::time::Duration, samples: usize) -> std::io::Result<Watch> {
    use gleak_detector::{History, Question, Rule, Suspect, analyze};

    let seen = std::sync::Arc::new(Seen::default());
    let shown = seen.clone();
    let mut history = History::default();
    let look = move || {
        let snapshot = collect::collect(gleak_snapshot::Reason::Request);
        history.note(&snapshot);
        history.keep(samples.max(MIN_SAMPLES));
        let mut growing = Vec::new();
        if history.len() >= samples && history.grows() {
            let suspect = Suspect { history: history.clone(), ..Suspect::default() };
            growing = analyze(&snapshot, &Question { suspect, ..Question::default() }).findings;
            growing.retain(|finding| finding.key.rule == Rule::Growing);
        }
        let before = std::mem::replace(&mut *shown.growing.lock(), std::sync::Arc::new(growing));
        drop(before);
        shown.samples.fetch_add(1, Ordering::Release);
    };
    let sampler = crate::scheduler::sampler::start(period, look)?;
    Ok(Watch { seen, _sampler: sampler })
}

#[cfg(feature = "report")]
impl Watch {
    /// How many looks there were.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.seen.samples.load(Ordering::Acquire)
    }

    /// Findings of the rule `growing` at the last look; none before there were enough of them.
    #[must_use]
    pub fn growing(&self) -> Vec<gleak_detector::Finding> {
        let last = self.seen.growing.lock().clone();
        last.to_vec()
    }
}

/// Whether there is any use in asking again soon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Judged {
    /// Said what there is to say, or something moves.
    Settled,
    /// Only threads that are not ours could still act.
    Open,
}

/// Writes a line for people. A closed stderr is no reason to fail.
#[expect(clippy::print_stderr, reason = "the one place where the runtime talks to people")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// Ends the process on behalf of the binary that called `run`.
#[expect(clippy::exit, reason = "policy of `run`: a verdict ends the process as in Go")]
pub(crate) fn exit(status: i32) -> ! {
    // Said already.
    stand_down();
    std::process::exit(status)
}

/// Looks at the whole process and, if it sleeps for good, says so; ends it when `run` is under way.
#[cfg(feature = "report")]
pub(crate) fn judge_asleep() -> Judged {
    use gleak_detector::render::{TextOptions, text};
    use gleak_detector::{Asleep, Question, analyze};

    let mut taken = collect::take(gleak_snapshot::Reason::Asleep);
    let report = analyze(&taken.snapshot, &Question::default());
    if report.asleep != Asleep::Certain {
        return short_of_certain(&report.asleep, &taken.snapshot);
    }
    taken.add(Detail::REPORT);
    let report = analyze(&taken.snapshot, &Question::default());
    say(text(&report, &TextOptions::default()).trim_end());
    let written = crate::dump::write(&taken.snapshot);
    say(&crate::dump::outcome_line(&written));
    if monitor::must_exit() {
        exit(2);
    }
    Judged::Settled
}

/// A look that has found nothing certain: whether the next one may, although no worker wakes before.
#[cfg(feature = "report")]
fn short_of_certain(
    asleep: &gleak_detector::Asleep,
    snapshot: &gleak_snapshot::Snapshot,
) -> Judged {
    use gleak_detector::Asleep;

    let gleak_snapshot::Activity { still, threads, threads_known, .. } = &snapshot.activity;
    let completeness = &snapshot.completeness;
    // A thread of others, or one that was on its way into a wait, may be all there is left; and what
    // moved under the look, or was not read, says nothing.
    let in_flux = !still
        || !threads_known
        || !threads.is_empty()
        || completeness.moving > 0
        || completeness.unsettled_objects > 0;
    match asleep {
        Asleep::No if !in_flux => Judged::Settled,
        Asleep::No | Asleep::UnlessThreads(_) | Asleep::UnlessWorkers(_) | Asleep::Certain => {
            Judged::Open
        }
    }
}

#[cfg(not(feature = "report"))]
pub(crate) fn judge_asleep() -> Judged {
    let gleak_snapshot::Snapshot { activity, tasks, .. } =
        collect::collect(gleak_snapshot::Reason::Asleep);
    if !activity.still || !monitor::must_exit() {
        return Judged::Settled;
    }
    // What is queued will run, a timer will fire, and who was claimed is on its way: a worker is
    // about to wake for it.
    let parked =
        |task: &gleak_snapshot::Task| matches!(task.state, gleak_snapshot::TaskState::Waiting(_));
    if activity.queued > 0 || activity.timers > 0 || !tasks.iter().all(parked) {
        return Judged::Open;
    }
    if !activity.threads.is_empty() || !activity.threads_known {
        return Judged::Open;
    }
    say("gleak: all tasks are asleep");
    exit(2);
}

/// Names on stderr what is left of a region whose main has returned: one line a group. Comes back
/// with the number of tasks.
pub(crate) fn name_cut_off(region: Ref, returned: bool) -> u64 {
    let Some(record) = REGIONS.get(region) else { return 0 };
    // Who has handed main its last value may still be on the way out: that is nothing to tell.
    let end = clock::now_ns() + LAST_STEPS_NS;
    while region::is_running(region) && clock::now_ns() < end {
        std::thread::yield_now();
    }
    let left = region::live_tasks(region);
    if left == 0 {
        return 0;
    }
    let tasks = if left == 1 { "1 task" } else { &format!("{left} tasks") };
    let how = if returned { "returned" } else { "panicked" };
    let mut lines = vec![format!("gleak: main {how} and cut off {tasks}:")];
    lines.extend(groups(record.id.load(Ordering::Relaxed)));
    say(&lines.join("\n"));
    left
}

#[cfg(feature = "report")]
fn groups(region: u64) -> Vec<String> {
    use gleak_detector::{Question, Scope, analyze, render};

    let snapshot = collect::collect(gleak_snapshot::Reason::MainReturned);
    let scope = Scope::Region(gleak_snapshot::RegionId(region));
    let report = analyze(&snapshot, &Question { scope, ..Question::default() });
    render::cut_off(&report).iter().map(|line| format!("  {line}")).collect()
}

#[cfg(not(feature = "report"))]
fn groups(_: u64) -> Vec<String> {
    Vec::new()
}

#[cfg(all(test, feature = "report", not(loom)))]
mod tests {
    use gleak_detector::Asleep;
    use gleak_snapshot::SnapshotBuilder;

    use super::{Judged, short_of_certain};

    #[test]
    fn who_saw_something_move_asks_again() {
        let mut b = SnapshotBuilder::new();
        let channel = b.channel("src/a.rs:1", Some(0));
        let _ = b.task("src/a.rs:2", "app::worker").receives(channel, "src/a.rs:3").id();
        b.still();
        let at_rest = b.build();
        assert_eq!(short_of_certain(&Asleep::No, &at_rest), Judged::Settled);
        let changed = |change: fn(&mut gleak_snapshot::Snapshot)| {
            let mut snapshot = at_rest.clone();
            change(&mut snapshot);
            short_of_certain(&Asleep::No, &snapshot)
        };
        assert_eq!(changed(|it| it.activity.still = false), Judged::Open);
        assert_eq!(changed(|it| it.activity.threads_known = false), Judged::Open);
        assert_eq!(changed(|it| it.completeness.moving = 1), Judged::Open);
        assert_eq!(changed(|it| it.completeness.unsettled_objects = 1), Judged::Open);
        let unless = Asleep::UnlessThreads(vec!["logger".to_owned()]);
        assert_eq!(short_of_certain(&unless, &at_rest), Judged::Open);
    }
}
