//! Joins of several tasks, at the end of a scope: all of them are needed.

use gleak_detector::snapshot::{Arm, HoldMode, SnapshotBuilder, TaskId, WaitReason};
use gleak_detector::{Certainty, Rule};

use crate::support::{dependents, found, process};

/// A parent, task 1, that holds a lock and waits for tasks 2 and 3; who goes on, is said.
fn scope(second_runs: bool) -> SnapshotBuilder {
    let mut b = SnapshotBuilder::new();
    let lock = b.mutex("src/a.rs:1");
    let arms = [Arm::task(TaskId(2)), Arm::task(TaskId(3))];
    let parent =
        b.task("src/a.rs:2", "app::parent").waits(WaitReason::Join, &arms, "src/a.rs:3").id();
    b.owns(lock, parent, "src/a.rs:4", 0);
    let second = b.task("src/a.rs:5", "app::second");
    let _ = if second_runs { second.running().id() } else { second.locks(lock, "src/a.rs:6").id() };
    let _ = b.task("src/a.rs:7", "app::third").locks(lock, "src/a.rs:8").id();
    b
}

#[test]
fn one_stuck_child_is_enough_while_others_run() {
    let snapshot = scope(true).build();
    assert_eq!(snapshot.validate(), Ok(()));
    let report = process(&snapshot);
    assert_eq!(found(&report), [(Rule::Cycle, vec![1, 3])]);
    let finding = &report.findings[0];
    assert_eq!(finding.certainty, Certainty::Certain);
    assert_eq!(finding.chain.len(), 2, "{finding:#?}");
    assert_eq!(finding.groups[0].waits_for, "for the end of t2 and for the end of t3");
}

#[test]
fn both_may_be_in_it() {
    assert_eq!(found(&process(&scope(false).build())), [(Rule::Cycle, vec![1, 2, 3])]);
}

#[test]
fn children_that_go_on_or_are_not_known_are_no_reason() {
    let mut b = scope(true);
    let _ = b.task_mut(TaskId(3)).runnable().id();
    assert_eq!(found(&process(&b.build())), []);
    let mut b = SnapshotBuilder::new();
    let gone = [Arm::task(TaskId(90)), Arm::task(TaskId(91))];
    let _ = b.task("src/a.rs:1", "app::parent").waits(WaitReason::Join, &gone, "src/a.rs:2").id();
    assert_eq!(found(&process(&b.build())), []);
}

#[test]
fn who_waits_for_a_reader_that_waits_for_its_scope_is_behind_it() {
    let mut b = scope(true);
    let lock = b.rwlock("src/b.rs:1");
    b.reads(lock, TaskId(1));
    let _ = b.task("src/b.rs:2", "app::writer").locks(lock, "src/b.rs:3").id();
    let snapshot = b.build();
    let report = process(&snapshot);
    assert_eq!(found(&report), [(Rule::Cycle, vec![1, 3])]);
    assert_eq!(dependents(&report.findings[0]), [4]);
    let holds = &snapshot.tasks[0].holds;
    assert!(holds.iter().any(|hold| hold.mode == HoldMode::Shared));
}
