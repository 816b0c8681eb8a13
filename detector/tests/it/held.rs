//! Held workers: a fact in reports, and never a finding.

use gleak_detector::render::{self, TextOptions};
use gleak_detector::snapshot::{SnapshotBuilder, TaskId, WorkerId};
use gleak_detector::{Question, Report, Rule, analyze};

use crate::support::{MS, bank, found, golden, named, process, region};

/// `t1` has held worker 1 for 230 ms; `t2` is ready behind it, `t3` and `t4` wait; `t5` waits on
/// worker 0.
fn crunching() -> SnapshotBuilder {
    let mut b = SnapshotBuilder::new();
    b.taken_at(300 * MS);
    b.header_mut().program = "ingestd".to_owned();
    b.header_mut().pid = 4711;
    let jobs = b.channel("src/a.rs:1", Some(0));
    let (other, worker) = (b.worker(), b.worker());
    let cruncher = b.task("src/main.rs:7", "app::crunch").running().name("cruncher").id();
    b.held(worker, cruncher, 70 * MS);
    let _ = b.task("src/a.rs:2", "app::work").runnable().started_on(worker).id();
    for _ in 0..2 {
        let task = b.task("src/a.rs:2", "app::work").receives(jobs, "src/a.rs:3");
        let _ = task.started_on(worker).id();
    }
    let _ = b.task("src/a.rs:2", "app::work").receives(jobs, "src/a.rs:3").started_on(other).id();
    let _ = b.task("src/a.rs:4", "app::late").fresh().id();
    b
}

fn lines(report: &Report) -> Vec<String> {
    let text = render::text(report, &TextOptions { width: 300, ..TextOptions::default() });
    text.lines().filter(|line| line.contains("held by")).map(str::to_owned).collect()
}

#[test]
fn a_held_worker_is_one_line_and_no_finding() {
    let report = process(&crunching().build());
    assert_eq!(found(&report), []);
    let held = &report.held[0];
    assert_eq!((held.worker, held.by.task), (WorkerId(1), TaskId(1)));
    assert_eq!((held.held_ns, held.started, held.ready), (230 * MS, 3, 1));
    assert_eq!(
        lines(&report),
        ["worker 1 has been held by t1 \"cruncher\" for 230 ms (spawned at src/main.rs:7); \
          3 started tasks wait behind it, 1 ready to run"]
    );
    assert_eq!(render::held_workers(&report), lines(&report));
    for width in [80, 120] {
        let options = TextOptions { width, ..TextOptions::default() };
        golden(&format!("testdata/held-{width}.txt"), &render::text(&report, &options));
    }
}

#[test]
fn json_has_it_only_when_there_is_one() {
    let held = process(&crunching().build());
    let text = render::json(&held);
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), held);
    assert!(text.contains("\"held_ns\": 230000000"), "{text}");
    assert!(!render::json(&process(&bank().build())).contains("\"held\""));
}

#[test]
fn less_than_ten_milliseconds_is_not_worth_a_word() {
    for (since, worth) in [(290 * MS, true), (290 * MS + 1, false), (900 * MS, false)] {
        let mut b = crunching();
        b.held(WorkerId(1), TaskId(1), since);
        assert_eq!(!process(&b.build()).held.is_empty(), worth, "since {since}");
    }
}

#[test]
fn who_blocks_its_thread_is_shown_with_its_wait() {
    let mut b = SnapshotBuilder::new();
    b.taken_at(300 * MS);
    let lock = b.mutex("src/a.rs:1");
    let worker = b.worker();
    let blocks = b.task("src/a.rs:2", "app::f").locks(lock, "src/a.rs:3").id();
    b.held(worker, blocks, 0);
    assert_eq!(
        lines(&process(&b.build())),
        ["worker 0 has been held by t1 for 300 ms (spawned at src/a.rs:2), \
          which waits for lock #1 at src/a.rs:3 without leaving it"]
    );
}

#[test]
fn the_longest_comes_first_and_a_busy_machine_is_cut_short() {
    let mut b = SnapshotBuilder::new();
    b.taken_at(1_000 * MS);
    for number in 0..10 {
        let worker = b.worker();
        let task = b.task("src/a.rs:1", "app::crunch").running().id();
        b.held(worker, task, (900 - number) * MS);
    }
    let report = process(&b.build());
    assert_eq!((report.held.len(), report.held[0].worker), (10, WorkerId(9)));
    let text = render::text(&report, &TextOptions::default());
    assert_eq!(lines(&report).len(), 8);
    assert!(text.contains("\nand 2 more held workers\n"), "{text}");
}

#[test]
fn a_region_is_told_of_its_own_and_of_who_keeps_it_back() {
    let mut b = crunching();
    let [holds, waits, nothing] = ["holds", "waits", "nothing"].map(|name| b.region(name));
    let _ = b.task_mut(TaskId(1)).region(holds).id();
    let _ = b.task_mut(TaskId(3)).region(waits).id();
    let _ = b.task_mut(TaskId(5)).region(nothing).id();
    let snapshot = b.build();
    let told = [holds, waits, nothing].map(|own| region(&snapshot, own).held.len());
    assert_eq!(told, [1, 1, 0]);
    let failure =
        render::failure(&region(&snapshot, holds), &named("holds"), &TextOptions::default());
    assert!(failure.contains("worker 1 has been held by t1"), "{failure}");
    let ignore = vec!["entry=app::* because of the test".parse().expect("an ignore")];
    let ignored = analyze(&snapshot, &Question { ignore, ..Question::default() });
    assert_eq!(ignored.held, []);
}

/// The same findings with the same identity, whoever holds a worker: only the facts say more.
#[test]
fn findings_are_what_they_are_without_it() {
    let build = |held: bool| {
        let mut b = bank();
        b.taken_at(500 * MS);
        if held {
            let worker = b.worker();
            for task in 1..=3 {
                let _ = b.task_mut(TaskId(task)).started_on(worker).id();
            }
            let cruncher = b.task("src/main.rs:20", "bank::crunch").running().id();
            b.held(worker, cruncher, 0);
        } else {
            let _ = b.task("src/main.rs:20", "bank::crunch").running().id();
        }
        process(&b.build())
    };
    let (with, without) = (build(true), build(false));
    assert_eq!(with.held.len(), 1);
    assert_eq!(with.findings, without.findings);
    assert_eq!((with.totals, with.asleep), (without.totals, without.asleep));
}

#[test]
fn a_ready_task_behind_a_held_worker_is_alive() {
    let mut b = SnapshotBuilder::new();
    b.taken_at(300 * MS);
    let lock = b.mutex("src/a.rs:1");
    let worker = b.worker();
    let cruncher = b.task("src/a.rs:2", "app::crunch").running().name("cruncher").id();
    b.held(worker, cruncher, 100 * MS);
    let owner = b.task("src/a.rs:3", "app::own").runnable().started_on(worker).id();
    b.owns(lock, owner, "src/a.rs:4", 0);
    let own = b.region("waits");
    let _ = b.task("src/a.rs:5", "app::wait").locks(lock, "src/a.rs:6").region(own).id();
    let snapshot = b.build();
    assert_eq!(found(&process(&snapshot)), []);

    let left = region(&snapshot, own);
    assert_eq!(found(&left), [(Rule::Outlived, vec![3])]);
    let facts = left.findings[0].facts.join("\n");
    let why = "(ready to run behind t1 \"cruncher\", which has held worker 0 for 200 ms)";
    assert!(facts.contains(why), "{facts}");
}

#[test]
fn the_other_end_is_told_to_hold_its_worker() {
    let mut b = crunching();
    let own = b.region("waits");
    let sent = b.site("src/a.rs:9");
    if let gleak_detector::snapshot::ObjectDetail::Channel { sender, .. } =
        &mut b.object_mut(gleak_detector::snapshot::ObjectId(1)).detail
    {
        sender.last = Some(gleak_detector::snapshot::LastUse { task: TaskId(1), site: sent });
    }
    let _ = b.task_mut(TaskId(5)).region(own).id();
    let report = region(&b.build(), own);
    let facts = report.findings[0].facts.join("\n");
    let why = "by t1 \"cruncher\" (it has held worker 1 for 230 ms)";
    assert!(facts.contains(why), "{facts}");
}
