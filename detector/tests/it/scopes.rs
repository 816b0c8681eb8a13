//! Scopes and panics.

use std::collections::BTreeSet;

use gleak_detector::render::TextOptions;
use gleak_detector::snapshot::{SnapshotBuilder, TaskId, Tenure};
use gleak_detector::survey::{Standing, Survey};
use gleak_detector::{Certainty, Question, Rule, Scope, analyze, render};

use crate::support::{bank, found, process, region};

#[test]
fn only_what_is_new() {
    let mut b = SnapshotBuilder::new();
    for _ in 0..3 {
        let _ = b.task("src/a.rs:1", "app::worker").running().id();
    }
    let _ = b.thread("pool").running().id();
    let since = Scope::NewSince(BTreeSet::from([TaskId(1), TaskId(2)]));
    let report = analyze(&b.build(), &Question { scope: since, ..Question::default() });
    assert_eq!(found(&report), [(Rule::Outlived, vec![3])]);
    assert_eq!(report.findings[0].certainty, Certainty::Weak);
    assert_eq!(report.totals.tasks, 3);
}

#[test]
fn only_what_no_region_is_charged_with() {
    let mut b = SnapshotBuilder::new();
    let own = b.region("t");
    let _ = b.task("src/a.rs:1", "app::worker").region(own).running().id();
    let _ = b.task("src/a.rs:1", "app::worker").running().id();
    let _ = b.task("src/a.rs:1", "app::worker").tenure(Tenure::Daemon).running().id();
    let question = Question { scope: Scope::Uncharged, ..Question::default() };
    let report = analyze(&b.build(), &question);
    assert_eq!(found(&report), [(Rule::Outlived, vec![2])]);
    assert_eq!(report.totals.tasks, 3);
}

#[test]
fn a_survey_counts_and_makes_names_harmless() {
    let mut b = SnapshotBuilder::new();
    let own = b.region("pool::\u{1b}[31mdrains");
    let channel = b.channel("src/a.rs:2", Some(0));
    for _ in 0..2 {
        let _ =
            b.task("src/a.rs:1", "app::worker").region(own).receives(channel, "src/a.rs:3").id();
    }
    let _ = b.task("src/b.rs:1", "app::other").running().id();
    let snapshot = b.build();
    let report = analyze(&snapshot, &Question::default());
    let mut survey = Survey::default();
    survey.add_groups(&snapshot, &report.groups, |_| Standing::Left);
    let told = |width| render::survey(&survey, &TextOptions { width, ..TextOptions::default() });
    let wide = "   tasks  test                    spawned at               waits\n       \
         2  pool::\\u{1b}[31mdrains  src/a.rs:1  app::worker  receive at src/a.rs:3\n       \
         1  (none)                  src/b.rs:1  app::other   running\n";
    assert_eq!(told(100), wide);
    let narrow = "   tasks  test\n       2  pool::\\u{1b}[31mdrains\n            spawned  src/a.rs:1  \
         app::worker\n            waits    receive at src/a.rs:3\n       1  (none)\n            \
         spawned  src/b.rs:1  app::other\n            waits    running\n";
    assert_eq!(told(60), narrow);
    assert_eq!(render::survey(&Survey::default(), &TextOptions::default()), "");
}

#[test]
fn a_region_is_told_of_a_cycle_that_holds_it_up() {
    let mut b = bank();
    let (own, other) = (b.region("audits"), b.region("other"));
    let _ = b.task_mut(TaskId(3)).region(own).id();
    let _ = b.task("src/z.rs:1", "app::slow").region(other).running().id();
    let snapshot = b.build();
    assert_eq!(found(&region(&snapshot, own)), [(Rule::Cycle, vec![1, 2])]);
    assert_eq!(found(&region(&snapshot, other)), [(Rule::Outlived, vec![4])]);
}

#[test]
fn panics_that_nobody_joined() {
    let mut b = SnapshotBuilder::new();
    let own = b.region("decode");
    let site = b.site("src/decode.rs:212");
    for task in [7, 9] {
        let panic = b.panic(TaskId(task), "src/in.rs:5", "app::decode::{{closure}}", "index 12");
        panic.region = Some(own);
        panic.site = Some(site);
    }
    let _ = b.panic(TaskId(8), "src/in.rs:6", "app::other", "no region");
    let snapshot = b.build();
    assert_eq!(process(&snapshot).findings.len(), 2);
    let report = region(&snapshot, own);
    assert_eq!(found(&report), [(Rule::Panicked, vec![7, 9])]);
    let finding = &report.findings[0];
    assert_eq!((finding.certainty, &*finding.key.wait_class), (Certainty::Certain, "panicked"));
    assert_eq!(finding.facts[0], "t7 panicked at src/decode.rs:212: index 12");
    assert_eq!(report.totals.stuck, 0);
}
