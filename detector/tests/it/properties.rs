//! What never changes a report.

use gleak_detector::render::{TextOptions, json, text};
use gleak_detector::snapshot::{Snapshot, SnapshotBuilder, TaskId, Touched};
use gleak_detector::{Question, Scope, analyze};
use proptest::prelude::*;

use crate::support::{MS, bank, process, stack, symbol};

/// A little of everything, in two regions.
fn mixed() -> SnapshotBuilder {
    let mut b = bank();
    let own = b.region("mixed");
    let jobs = b.channel("src/a.rs:1", Some(4));
    b.object_mut(jobs).touched = Touched::Only(own);
    for number in 0..6 {
        let place = format!("src/a.rs:{}", 10 + number % 2);
        let task = b.task(&place, "app::worker").region(own).receives(jobs, "src/a.rs:20");
        let _ = task.since(number * MS).id();
    }
    let _ = b.task("src/a.rs:3", "app::boss").region(own).joins(TaskId(4), "src/a.rs:4").id();
    let _ = b.task("src/a.rs:5", "app::own").joins(TaskId(11), "src/a.rs:6").id();
    let _ = b.panic(TaskId(70), "src/p.rs:1", "app::bad", "one");
    let _ = b.panic(TaskId(71), "src/p.rs:1", "app::bad", "two");
    let _ = b.thread("io").receives(jobs, "src/a.rs:30").id();
    b
}

fn questions() -> [Question; 2] {
    let region = Scope::Region(gleak_detector::snapshot::RegionId(1));
    [Question::default(), Question { scope: region, ..Question::default() }]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_the_input_does_not_matter(
        tasks in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle(),
        turn in any::<bool>(),
    ) {
        let snapshot = mixed().build();
        let mut other = Snapshot { tasks: Vec::new(), ..snapshot.clone() };
        prop_assert_eq!(tasks.len(), snapshot.tasks.len());
        other.tasks = tasks.iter().map(|&task| snapshot.tasks[task].clone()).collect();
        if turn {
            other.objects.reverse();
            other.panics.reverse();
        }
        for question in questions() {
            let reports = [&snapshot, &other].map(|snapshot| analyze(snapshot, &question));
            prop_assert_eq!(json(&reports[0]), json(&reports[1]));
        }
    }

    #[test]
    fn a_healthy_stranger_adds_no_finding(kind in 0_u8..4) {
        let before = mixed().build();
        let mut b = mixed();
        let other = b.channel("src/z.rs:1", None);
        let stranger = b.task("src/z.rs:2", "app::stranger");
        let _ = match kind {
            0 => stranger.running().id(),
            1 => stranger.fresh().id(),
            2 => stranger.receives(other, "src/z.rs:3").id(),
            _ => stranger.sleeps(9 * MS, "src/z.rs:3").id(),
        };
        let after = b.build();
        for question in questions() {
            prop_assert_eq!(
                analyze(&before, &question).findings,
                analyze(&after, &question).findings
            );
        }
    }

    #[test]
    fn hostile_names_stay_harmless(name in "\\PC*|[\\x00-\\x1f\\x7f-\\x9f\u{202e};\"<>]{0,40}", width in 0_usize..140) {
        let mut b = mixed();
        b.header_mut().program.clone_from(&name);
        let _ = b.task_mut(TaskId(1)).name(&name).id();
        b.object_mut(gleak_detector::snapshot::ObjectId(1)).name = Some(name.clone());
        let _ = b.panic(TaskId(72), "src/p.rs:9", &name, &name);
        let options = TextOptions { width, ..TextOptions::default() };
        let mut snapshot = b.build();
        let named = format!("{name} at {name}:7");
        let id = stack(&mut snapshot, &[&named, &format!("0x1f in /lib/{name}"), &format!("<{name}>::f")]);
        snapshot.panics[0].stack.push(symbol(&named));
        snapshot.tasks[0].backtrace = Some(id);
        snapshot.tasks[0].spawn_backtrace = Some(id);
        let report = process(&snapshot);
        let failure = gleak_detector::render::failure(&report, &crate::support::named(&name), &options);
        let lines = gleak_detector::render::cut_off(&report).join("\n");
        for text in [text(&report, &options), failure, lines] {
            prop_assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'));
            prop_assert!(text.lines().all(|line| line.trim_end() == line), "{}", text);
        }
        let escapes = json(&report).contains('\u{1b}');
        prop_assert!(!escapes);
    }
}
