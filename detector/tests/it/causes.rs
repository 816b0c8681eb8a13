//! One finding a root cause: who only waits behind a task of the same finding is told as behind it.

use gleak_detector::snapshot::{
    Arm, ObjectId, SnapshotBuilder, TaskId, Tenure, Touched, WaitOp, WaitReason,
};
use gleak_detector::{Certainty, Ignore, Question, Rule, Scope, analyze};

use crate::support::{MS, dependents, found, process, region};

const WAITING: u64 = 47;

/// Task 1 sends with a lock held; 47 tasks want the lock, and one joins the last of them.
fn sender_with_a_lock(b: &mut SnapshotBuilder) -> (ObjectId, ObjectId) {
    let news = b.channel("src/a.rs:1", Some(0));
    let lock = b.mutex("src/a.rs:2");
    let sender = b.task("src/a.rs:3", "app::sender").sends(news, "src/a.rs:4").id();
    b.owns(lock, sender, "src/a.rs:5", 0);
    for _ in 0..WAITING {
        let _ = b.task("src/a.rs:6", "app::reader").locks(lock, "src/a.rs:7").id();
    }
    let last = TaskId(WAITING + 1);
    let _ = b.task("src/a.rs:8", "app::boss").joins(last, "src/a.rs:9").id();
    (news, lock)
}

fn behind(first: u64) -> Vec<u64> {
    (first..=WAITING + 2).collect()
}

#[test]
fn asleep_names_the_one_that_the_others_wait_behind() {
    let mut b = SnapshotBuilder::new();
    let _ = sender_with_a_lock(&mut b);
    b.still();
    let report = process(&b.build());
    assert_eq!(found(&report), [(Rule::Asleep, vec![1])]);
    let finding = &report.findings[0];
    assert_eq!((finding.certainty, dependents(finding)), (Certainty::Certain, behind(2)));
    assert_eq!(report.totals.stuck, WAITING + 2);
}

#[test]
fn a_region_that_sleeps_has_its_cause() {
    let mut b = SnapshotBuilder::new();
    let test = b.region("it");
    let (news, lock) = sender_with_a_lock(&mut b);
    for task in 1..=WAITING + 2 {
        let _ = b.task_mut(TaskId(task)).region(test).id();
    }
    for object in [news, lock] {
        b.object_mut(object).touched = Touched::Only(test);
    }
    let report = region(&b.build(), test);
    assert_eq!(found(&report), [(Rule::AsleepInRegion, vec![1])]);
    assert_eq!(dependents(&report.findings[0]), behind(2));
}

/// The holder sleeps and will go on: weak, but still one finding and not 48.
#[test]
fn who_outlives_behind_another_is_told_with_it() {
    let mut b = SnapshotBuilder::new();
    let test = b.region("it");
    let _ = sender_with_a_lock(&mut b);
    for task in 1..=WAITING + 2 {
        let _ = b.task_mut(TaskId(task)).region(test).id();
    }
    let _ = b.task_mut(TaskId(1)).sleeps(9_000 * MS, "src/a.rs:4").id();
    let report = region(&b.build(), test);
    assert_eq!(found(&report), [(Rule::Outlived, vec![1])]);
    assert_eq!(dependents(&report.findings[0]), behind(2));
    assert_eq!(report.findings[0].certainty, Certainty::Weak);
}

/// Behind somebody who is not charged to the region: each for itself, as nothing is known of him.
#[test]
fn a_cause_elsewhere_is_not_charged() {
    for tenure in [Tenure::Background, Tenure::Daemon] {
        let mut b = SnapshotBuilder::new();
        let test = b.region("it");
        let _ = sender_with_a_lock(&mut b);
        for task in 2..=WAITING + 2 {
            let _ = b.task_mut(TaskId(task)).region(test).id();
        }
        let _ = b.task_mut(TaskId(1)).tenure(tenure).id();
        let report = region(&b.build(), test);
        let all: Vec<u64> = found(&report).into_iter().flat_map(|(_, tasks)| tasks).collect();
        assert_eq!(all.len() as u64, WAITING + 1, "{tenure:?}: all of the region, nobody else");
        assert!(report.findings.iter().all(|finding| finding.dependents.is_empty()));
    }
}

/// The cause was there before: only the new ones are asked for.
#[test]
fn an_old_cause_is_not_new() {
    let mut b = SnapshotBuilder::new();
    let _ = sender_with_a_lock(&mut b);
    let scope = Scope::NewSince([TaskId(1)].into());
    let report = analyze(&b.build(), &Question { scope, ..Question::default() });
    let all: Vec<u64> = found(&report).into_iter().flat_map(|(_, tasks)| tasks).collect();
    assert!(!all.contains(&1), "{all:?}");
    assert_eq!(all.len() as u64, WAITING + 1);
}

/// A select that could end otherwise is behind nobody.
#[test]
fn another_way_on_makes_a_cause_of_its_own() {
    let mut b = SnapshotBuilder::new();
    let (news, _) = sender_with_a_lock(&mut b);
    let arms = [Arm::task(TaskId(1)), Arm::object(WaitOp::Receive, news)];
    let chooser = b.task("src/a.rs:10", "app::chooser").select(&arms, "src/a.rs:11").id();
    b.still();
    let report = process(&b.build());
    let roots: Vec<Vec<u64>> = found(&report).into_iter().map(|(_, tasks)| tasks).collect();
    assert_eq!(roots, [vec![1], vec![chooser.0]]);
}

/// The end of a scope waits for all of its tasks, and so is behind each that sleeps.
#[test]
fn the_end_of_a_scope_is_behind_its_tasks() {
    let mut b = SnapshotBuilder::new();
    let jobs = b.channel("src/a.rs:1", Some(0));
    let one = b.task("src/a.rs:2", "app::one").receives(jobs, "src/a.rs:3").id();
    let two = b.task("src/a.rs:2", "app::one").receives(jobs, "src/a.rs:3").id();
    let arms = [Arm::task(one), Arm::task(two)];
    let scope = b.task("src/a.rs:4", "app::main").waits(WaitReason::Join, &arms, "src/a.rs:5").id();
    b.still();
    let report = process(&b.build());
    assert_eq!(found(&report), [(Rule::Asleep, vec![one.0, two.0])]);
    assert_eq!(dependents(&report.findings[0]), [scope.0]);
}

#[test]
fn an_ignored_cause_keeps_what_waits_behind_it() {
    let mut b = SnapshotBuilder::new();
    let _ = sender_with_a_lock(&mut b);
    let _ = b.task_mut(TaskId(1)).name("pool").id();
    b.still();
    let ignore = vec!["name=pool because of the test".parse::<Ignore>().expect("an ignore")];
    let report = analyze(&b.build(), &Question { ignore, ..Question::default() });
    assert_eq!(dependents(&report.findings[0]), behind(2));
}
