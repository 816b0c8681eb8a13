//! Waits that end by what is in no record: descriptors, helper threads, futures.

use gleak_detector::snapshot::{ObjectId, SnapshotBuilder, TaskBuilder, TaskId, Touched};
use gleak_detector::{Asleep, Certainty, Rule};

use crate::support::{dependents, found, process, region};

const SOCKET: ObjectId = ObjectId(1);

/// Every way to wait for something outside. The socket is `#1`.
type Outside = fn(TaskBuilder<'_>) -> TaskId;
const OUTSIDE: [(&str, Outside); 4] = [
    ("read", |task| task.reads_socket(SOCKET, "src/net.rs:3").id()),
    ("write", |task| task.writes_socket(SOCKET, "src/net.rs:4").id()),
    ("blocking", |task| task.blocks(None, "src/net.rs:5").id()),
    ("future", |task| task.drives_future("src/net.rs:6").id()),
];

/// A still process with a socket and nobody who runs.
fn still() -> SnapshotBuilder {
    let mut b = SnapshotBuilder::new();
    assert_eq!(b.socket("src/net.rs:1", 7), SOCKET);
    b.still();
    b
}

#[test]
fn nobody_who_waits_for_something_outside_is_asleep() {
    for (name, wait) in OUTSIDE {
        let mut b = still();
        let jobs = b.channel("src/a.rs:1", Some(0));
        let _ = b.task("src/a.rs:2", "app::work").receives(jobs, "src/a.rs:3").id();
        assert_eq!(process(&b.clone().build()).asleep, Asleep::Certain, "{name}: without it");
        wait(b.task("src/net.rs:2", "app::serve"));
        let report = process(&b.build());
        assert_eq!((report.asleep.clone(), found(&report)), (Asleep::No, Vec::new()), "{name}");
    }
}

/// What it holds will be given back, and whoever joins it will go on.
#[test]
fn who_waits_for_something_outside_is_alive() {
    for (name, wait) in OUTSIDE {
        let mut b = still();
        let lock = b.mutex("src/a.rs:1");
        let serve = wait(b.task("src/net.rs:2", "app::serve"));
        b.owns(lock, serve, "src/net.rs:2", 0);
        let _ = b.task("src/a.rs:2", "app::wants").locks(lock, "src/a.rs:3").id();
        let _ = b.task("src/a.rs:4", "app::joins").joins(serve, "src/a.rs:5").id();
        assert_eq!(found(&process(&b.build())), [], "{name}");
    }
}

#[test]
fn a_region_that_waits_for_something_outside_has_outlived_and_does_not_sleep() {
    for (name, wait) in OUTSIDE {
        let mut b = still();
        let own = b.region("net::serves");
        b.object_mut(SOCKET).touched = Touched::Only(own);
        let jobs = b.channel("src/a.rs:1", Some(0));
        b.object_mut(jobs).touched = Touched::Only(own);
        let _ = b.task("src/a.rs:2", "app::work").region(own).receives(jobs, "src/a.rs:3").id();
        let rules = |b: &SnapshotBuilder| {
            let report = region(&b.clone().build(), own);
            report.findings.iter().map(|finding| finding.key.rule).collect::<Vec<_>>()
        };
        // Something runs outside of the region, so that the process is awake.
        let _ = b.task("src/z.rs:1", "app::stranger").running().id();
        assert_eq!(rules(&b), [Rule::AsleepInRegion], "{name}: without it");
        wait(b.task("src/net.rs:2", "app::serve").region(own));
        let first = if name == "read" { Rule::SilentPeer } else { Rule::Outlived };
        assert_eq!(rules(&b), [first, Rule::Outlived], "{name}");
    }
}

#[test]
fn a_region_to_which_somebody_not_shown_belongs_does_not_sleep() {
    let mut b = SnapshotBuilder::new();
    let own = b.region("cache::expires");
    let jobs = b.channel("src/a.rs:1", Some(0));
    b.object_mut(jobs).touched = Touched::Only(own);
    let _ = b.task("src/a.rs:2", "app::work").region(own).receives(jobs, "src/a.rs:3").id();
    let _ = b.task("src/z.rs:1", "app::stranger").running().id();
    let rules = |b: &SnapshotBuilder| {
        let report = region(&b.clone().build(), own);
        report.findings.iter().map(|finding| finding.key.rule).collect::<Vec<_>>()
    };
    assert_eq!(rules(&b), [Rule::AsleepInRegion]);
    b.region_mut(own).deferred = 1;
    assert_eq!(rules(&b), [Rule::Outlived]);
    b.region_mut(own).deferred = 0;
    assert_eq!(rules(&b), [Rule::AsleepInRegion]);
    // Whoever came or went while it was looked at may have been about to wake the task.
    b.region_mut(own).unsettled = true;
    assert_eq!(rules(&b), [Rule::Outlived]);
}

/// `t1` has given a closure to the helper `t2`, which wants what `t1` holds.
fn helper_behind_its_task() -> SnapshotBuilder {
    let mut b = SnapshotBuilder::new();
    let lock = b.mutex("src/a.rs:1");
    let task = b.task("src/a.rs:2", "app::work").id();
    let helper = b.thread("gleak-blocking-0").locks(lock, "src/a.rs:5").id();
    let _ = b.task_mut(task).blocks(Some(helper), "src/a.rs:4").id();
    b.owns(lock, task, "src/a.rs:3", 0);
    b
}

#[test]
fn a_helper_that_wants_its_tasks_lock_is_a_certain_cycle() {
    let mut b = helper_behind_its_task();
    let _ = b.task("src/a.rs:6", "app::joins").joins(TaskId(1), "src/a.rs:7").id();
    let report = process(&b.build());
    assert_eq!(found(&report), [(Rule::Cycle, vec![1, 2])]);
    let cycle = &report.findings[0];
    assert_eq!((cycle.certainty, dependents(cycle)), (Certainty::Certain, vec![3]));
}

#[test]
fn a_helper_that_can_go_on_lets_its_task_go_on() {
    let mut b = helper_behind_its_task();
    let _ = b.task_mut(TaskId(2)).running().id();
    assert_eq!(found(&process(&b.build())), []);
    // Nobody has taken the closure yet: some helper will.
    let mut b = helper_behind_its_task();
    let _ = b.task_mut(TaskId(1)).blocks(None, "src/a.rs:4").id();
    assert_eq!(found(&process(&b.build())), []);
}
