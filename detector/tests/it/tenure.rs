//! Background tasks and daemons: what is held against them.

use gleak_detector::snapshot::{Arm, SnapshotBuilder, TaskId, Tenure, WaitOp, WaitReason};
use gleak_detector::{Asleep, Question, Rule, Scope, analyze};

use crate::support::{bank, dependents, found, process};

#[test]
fn daemons_alone_are_no_deadlock_and_never_asleep_with_others() {
    let mut b = SnapshotBuilder::new();
    let jobs = b.channel("src/a.rs:1", Some(0));
    let _ = b.task("src/a.rs:2", "app::d").tenure(Tenure::Daemon).receives(jobs, "src/a.rs:3").id();
    let _ = b.thread("main").waits(WaitReason::Host, &[], "src/a.rs:4").id();
    b.still();
    let report = process(&b.clone().build());
    assert_eq!((report.asleep.clone(), found(&report)), (Asleep::No, vec![]));
    let background = b.task("src/a.rs:5", "app::b").tenure(Tenure::Background);
    let _ = background.receives(jobs, "src/a.rs:6").id();
    let report = process(&b.clone().build());
    assert_eq!(report.asleep, Asleep::Certain);
    assert_eq!(found(&report), [(Rule::Asleep, vec![3])]);
}

#[test]
fn a_daemon_may_wait_where_nothing_comes_unless_somebody_waits_for_it() {
    let mut b = SnapshotBuilder::new();
    let never = [Arm::never(WaitOp::Receive)];
    let daemon = b.task("src/a.rs:1", "app::d").tenure(Tenure::Daemon);
    let daemon = daemon.waits(WaitReason::Receive, &never, "src/a.rs:2").id();
    assert_eq!(found(&process(&b.clone().build())), []);
    let _ = b.task("src/a.rs:3", "app::joins").joins(daemon, "src/a.rs:4").id();
    let report = process(&b.clone().build());
    assert_eq!(found(&report), [(Rule::Structural, vec![1])]);
    assert_eq!(dependents(&report.findings[0]), [2]);
}

#[test]
fn a_daemon_that_asks_for_more_permits_than_there_are_is_wrong() {
    let mut b = SnapshotBuilder::new();
    let limit = b.semaphore("src/a.rs:1", 3);
    let daemon = b.task("src/a.rs:2", "app::d").tenure(Tenure::Daemon);
    let _ = daemon.acquires(limit, 4, "src/a.rs:3").id();
    assert_eq!(found(&process(&b.build())), [(Rule::Structural, vec![1])]);
}

#[test]
fn a_circle_of_daemons_is_one() {
    let mut b = bank();
    for task in [1, 2] {
        let _ = b.task_mut(TaskId(task)).tenure(Tenure::Daemon).id();
    }
    assert_eq!(found(&process(&b.clone().build())), [(Rule::Cycle, vec![1, 2])]);
}

#[test]
fn being_alive_is_held_against_ordinary_tasks_only() {
    let mut b = SnapshotBuilder::new();
    for tenure in [Tenure::Ordinary, Tenure::Background, Tenure::Daemon] {
        let _ = b.task("src/a.rs:1", "app::t").tenure(tenure).running().id();
    }
    let question = Question { scope: Scope::NewSince(Default::default()), ..Question::default() };
    assert_eq!(found(&analyze(&b.build(), &question)), [(Rule::Outlived, vec![1])]);
}
