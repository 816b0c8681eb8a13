//! The edge to the detector, the only module that knows it: what the process says of itself.
//!
//! Without the feature `report` nothing is judged and nothing is printed but counts.

#[cfg(feature = "report")]
mod asked;
#[cfg(feature = "report")]
mod cut_off;
#[cfg(feature = "report")]
mod evidence;
mod exit;
#[cfg(feature = "report")]
mod find;
#[cfg(feature = "report")]
mod layout;
#[cfg(feature = "report")]
mod left;
#[cfg(feature = "report")]
mod others;
#[cfg(feature = "report")]
mod settings;
#[cfg(feature = "report")]
mod settle;
mod threads;
#[cfg(feature = "report")]
mod watch;

#[cfg(feature = "report")]
pub use gleak_detector as detector;

#[cfg(feature = "report")]
pub(crate) use self::asked::of_signal;
#[cfg(feature = "report")]
pub use self::asked::{all_dumped, dumped, in_full, on_signals, without_verdict};
#[cfg(feature = "report")]
pub use self::cut_off::CutOff;
#[cfg(feature = "report")]
pub use self::evidence::write_evidence;
pub(crate) use self::exit::arm;
pub use self::exit::{Asked, asked, is_asked, on_exit, stand_down};
#[cfg(feature = "report")]
pub use self::find::{find, verify_none};
#[cfg(feature = "report")]
pub use self::layout::layout;
#[cfg(feature = "report")]
pub use self::left::{cut_off, surveyed};
#[cfg(feature = "report")]
pub use self::others::{Other, also, others};
#[cfg(feature = "report")]
pub use self::settings::{settle_time, suppressions};
#[cfg(feature = "report")]
pub use self::settle::{Look, Patience, settle, sleepers_due};
#[cfg(feature = "report")]
pub use self::watch::{Watch, watch};

pub use self::threads::{SpawnedThread, other_threads, spawned_threads};
pub use crate::collect::{Detail, Taken};
pub use crate::signals::Came;

use std::io::Write;

use crate::collect;
use crate::records::region::{self, REGIONS};
use crate::records::table::Ref;
use crate::scheduler::monitor;
use crate::sync::Ordering;
use crate::time::clock;
pub use gleak_snapshot as snapshot;

/// How long a task that runs when main returns may take for its last steps.
const LAST_STEPS_NS: u64 = 10_000_000;

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

/// As [`say`], from a thread of ours that goes on whatever becomes of stderr.
pub(crate) fn say_from_outside(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
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
    use gleak_detector::render::text;
    use gleak_detector::{Asleep, Question, analyze};

    let mut taken = collect::take(gleak_snapshot::Reason::Asleep);
    let report = analyze(&taken.snapshot, &Question::default());
    if report.asleep != Asleep::Certain {
        return short_of_certain(&report.asleep, &taken.snapshot);
    }
    // A dump is written of it.
    taken.add(Detail::DUMP);
    let report = analyze(&taken.snapshot, &Question::default());
    say(text(&report, &layout(&report)).trim_end());
    dumped(&taken.snapshot).iter().for_each(|line| say(line));
    if monitor::must_exit() {
        if is_asked() {
            left::asleep(&taken.snapshot, report.findings);
        }
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

#[cfg(not(feature = "report"))]
pub(crate) fn of_signal(came: Came) -> String {
    let snapshot = collect::take(gleak_snapshot::Reason::Signal).with(Detail::DUMP);
    let tasks = match snapshot.tasks.len() {
        1 => "1 task".to_owned(),
        many => format!("{many} tasks"),
    };
    let dump = crate::dump::written_for(&snapshot);
    let parts = [Some(format!("{} while there were {tasks}", came.head())), dump];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
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
