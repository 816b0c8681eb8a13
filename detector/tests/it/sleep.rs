//! The rules on sleep: the whole process, and a region in it.

use gleak_detector::snapshot::{ObjectDetail, SnapshotBuilder, TaskId, Touched, WaitReason};
use gleak_detector::{Asleep, Finding, Rule};

use crate::support::{bank, dependents, found, members, process, region};

/// Three workers and a host thread; nothing else.
fn asleep() -> SnapshotBuilder {
    let mut b = SnapshotBuilder::new();
    let jobs = b.channel("src/a.rs:1", Some(0));
    for _ in 0..3 {
        let _ = b.task("src/a.rs:2", "app::worker").receives(jobs, "src/a.rs:3").id();
    }
    let _ = b.thread("main").waits(WaitReason::Host, &[], "src/a.rs:4").id();
    b.still();
    b
}

#[test]
fn all_asleep() {
    let report = process(&asleep().build());
    assert_eq!(report.asleep, Asleep::Certain);
    assert_eq!(found(&report), [(Rule::Asleep, vec![1, 2, 3])]);
    assert_eq!((report.totals.stuck, report.totals.threads), (3, 0));
    assert_eq!(report.groups.len(), 1);
}

#[test]
fn what_keeps_a_process_awake() {
    type Change = fn(&mut SnapshotBuilder);
    let changes: [(&str, Change); 12] = [
        ("not still", |b| b.activity_mut().still = false),
        ("queued", |b| b.activity_mut().queued = 1),
        ("timers", |b| b.activity_mut().timers = 1),
        ("threads not known", |b| b.activity_mut().threads_known = false),
        ("cut", |b| b.completeness_mut().cut = true),
        ("damaged", |b| b.completeness_mut().damaged_lines = 1),
        ("missing", |b| b.completeness_mut().missing_tasks = 1),
        ("unknown", |b| b.completeness_mut().unknown_lines = 1),
        ("moving", |b| b.completeness_mut().moving = 1),
        ("unsettled", |b| b.completeness_mut().unsettled_objects = 1),
        ("a fresh task", |b| {
            let _ = b.task_mut(TaskId(2)).fresh().id();
        }),
        ("a running thread", |b| {
            let _ = b.thread("other").running().id();
        }),
    ];
    for (name, change) in changes {
        let mut b = asleep();
        change(&mut b);
        let report = process(&b.build());
        assert_eq!((report.asleep.clone(), found(&report)), (Asleep::No, Vec::new()), "{name}");
    }
}

#[test]
fn foreign_threads_are_named() {
    let mut b = asleep();
    b.thread_outside(8, "zmq").thread_outside(7, "audio");
    let report = process(&b.build());
    assert_eq!(report.asleep, Asleep::UnlessThreads(vec!["audio".to_owned(), "zmq".to_owned()]));
    assert_eq!(found(&report), []);
}

#[test]
fn a_thread_that_runs_is_named_and_no_task() {
    let mut b = asleep();
    let _ = b.thread("feeder").running().id();
    b.thread_outside(8, "feeder");
    let report = process(&b.build());
    assert_eq!(report.asleep, Asleep::UnlessThreads(vec!["feeder".to_owned()]));
}

#[test]
fn a_deadline_that_nobody_waits_for_keeps_nobody_awake() {
    let mut b = asleep();
    let context = b.context("src/c.rs:1");
    b.object_mut(context).detail = ObjectDetail::Context {
        cancelled: false,
        cancelled_ns: None,
        by: None,
        deadline_ns: Some(9),
        parent: None,
    };
    assert_eq!(process(&b.build()).asleep, Asleep::Certain);
}

#[test]
fn nobody_waits_and_nothing_sleeps() {
    let mut b = SnapshotBuilder::new();
    let _ = b.thread("main").waits(WaitReason::Host, &[], "src/a.rs:4").id();
    b.still();
    assert_eq!(process(&b.build()).asleep, Asleep::No);
}

#[test]
fn the_cycle_is_told_apart_from_the_rest() {
    let mut b = bank();
    let ticks = b.channel("src/tick.rs:3", None);
    let _ = b.task("src/main.rs:20", "bank::ticker").receives(ticks, "src/tick.rs:14").id();
    b.still();
    let report = process(&b.build());
    assert_eq!(found(&report), [(Rule::Cycle, vec![1, 2]), (Rule::Asleep, vec![4])]);
    assert_eq!(dependents(&report.findings[0]), [3]);
}

/// A test whose two tasks wait on a channel of their own, beside a running stranger.
fn quiet_test() -> SnapshotBuilder {
    let mut b = SnapshotBuilder::new();
    let own = b.region("pool::drains");
    let jobs = b.channel("src/a.rs:1", Some(0));
    b.object_mut(jobs).touched = Touched::Only(own);
    let worker = b.task("src/a.rs:2", "app::worker").region(own).receives(jobs, "src/a.rs:3").id();
    let _ = b.task("src/a.rs:4", "app::boss").region(own).joins(worker, "src/a.rs:5").id();
    let _ = b.task("src/z.rs:1", "app::stranger").running().id();
    b
}

#[test]
fn a_region_asleep() {
    let own = gleak_detector::snapshot::RegionId(1);
    let snapshot = quiet_test().build();
    let report = region(&snapshot, own);
    assert_eq!(found(&report), [(Rule::AsleepInRegion, vec![1])]);
    assert_eq!(dependents(&report.findings[0]), [2]);
    assert_eq!(report.findings[0].regions, ["pool::drains"]);
    assert_eq!(found(&process(&snapshot)), [], "no end was asked for");
}

#[test]
fn a_region_that_may_go_on_has_outlived() {
    type Change = fn(&mut SnapshotBuilder);
    let own = gleak_detector::snapshot::RegionId(1);
    let changes: [(&str, Change); 6] = [
        ("shared", |b| {
            b.object_mut(gleak_detector::snapshot::ObjectId(1)).touched = Touched::Shared;
        }),
        ("unsettled", |b| {
            b.object_mut(gleak_detector::snapshot::ObjectId(1)).unsettled = true;
        }),
        ("timer", |b| {
            let _ = b.task_mut(TaskId(1)).until(9).id();
        }),
        ("join of a stranger", |b| {
            let _ = b.task_mut(TaskId(2)).joins(TaskId(3), "src/a.rs:5").id();
        }),
        ("a running task", |b| {
            let _ = b.task_mut(TaskId(2)).running().id();
        }),
        ("cut", |b| b.completeness_mut().cut = true),
    ];
    for (name, change) in changes {
        let mut b = quiet_test();
        change(&mut b);
        let report = region(&b.build(), own);
        let outlived = |finding: &Finding| finding.key.rule == Rule::Outlived;
        assert!(report.findings.iter().all(outlived), "{name}");
        let mut all: Vec<u64> =
            report.findings.iter().flat_map(|it| [members(it), dependents(it)].concat()).collect();
        all.sort_unstable();
        assert_eq!(all, [1, 2], "{name}");
    }
}

#[test]
fn who_keeps_a_worker_while_it_waits_is_told() {
    let waits = |b: SnapshotBuilder| process(&b.build()).groups[0].waits_for.clone();
    for (holders, told) in [
        (&[][..], "to receive on channel #1"),
        (&[2], "to receive on channel #1 (some hold their workers)"),
        (&[1, 2, 3], "to receive on channel #1 (each holds its worker)"),
    ] {
        let mut b = asleep();
        for task in holders {
            let _ = b.task_mut(TaskId(*task)).holds_worker().id();
        }
        assert_eq!(waits(b), told);
    }
    let mut b = SnapshotBuilder::new();
    let _ = b.task("src/a.rs:2", "app::worker").sleeps(7, "src/a.rs:3").holds_worker().id();
    assert_eq!(waits(b), "for a timer (holds its worker)");
}
