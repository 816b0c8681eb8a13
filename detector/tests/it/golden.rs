//! Rendered reports, compared with `testdata/`; `BLESS=1` rewrites them.

use gleak_detector::render::{self, TextOptions};
use gleak_detector::snapshot::{
    Arm, Endpoint, LastUse, ObjectDetail, SnapshotBuilder, TaskId, Touched, WaitOp, WaitReason,
};
use gleak_detector::{Question, Report, analyze};

use crate::support::{MS, bank, golden, named, process, region};

fn at(width: usize) -> TextOptions {
    TextOptions { width, ..TextOptions::default() }
}

fn check(name: &str, report: &Report) {
    for width in [80, 120] {
        golden(&format!("testdata/{name}-{width}.txt"), &render::text(report, &at(width)));
    }
}

/// Two workers and a feeder that a failing test leaves behind.
fn pool() -> (SnapshotBuilder, gleak_detector::snapshot::RegionId) {
    let mut b = SnapshotBuilder::new();
    b.taken_at(12 * MS);
    b.header_mut().program = "pool-6fe1".to_owned();
    let own = b.region("pool::drains_on_error");
    let jobs = b.channel("src/pool.rs:38", Some(0));
    let stop = b.channel("src/pool.rs:39", Some(1));
    b.object_mut(jobs).name = Some("jobs".to_owned());
    for channel in [jobs, stop] {
        b.object_mut(channel).touched = Touched::Only(own);
    }
    let start = "pool::Pool<u32>::start::{{closure}}";
    for _ in 0..2 {
        let task = b.task("src/pool.rs:41", start).region(own);
        let _ = task.receives(jobs, "src/pool.rs:58").id();
    }
    let feeder = b.task("src/pool.rs:49", start).region(own).name("feeder").parent(TaskId(1));
    let feeder = feeder.receives(stop, "src/pool.rs:73").since(MS).id();
    let (sent, received) = (b.site("src/pool.rs:70"), b.site("src/pool.rs:58"));
    b.object_mut(jobs).detail = ObjectDetail::Channel {
        capacity: Some(0),
        len: 0,
        closed: false,
        sender: Endpoint { handles: Some(1), last: Some(LastUse { task: feeder, site: sent }) },
        receiver: Endpoint {
            handles: Some(2),
            last: Some(LastUse { task: TaskId(1), site: received }),
        },
    };
    let _ = b.task("src/other.rs:1", "pool::stranger").running().id();
    (b, own)
}

#[test]
fn a_cycle_beside_others() {
    let mut b = bank();
    let long =
        "bank::ledger::<impl bank::Service for bank::ledger::Journal<u64>>::replay_all_entries";
    for _ in 0..841 {
        let _ = b.task("src/ledger/journal.rs:120", long).running().id();
    }
    check("cycle", &process(&b.build()));
}

#[test]
fn all_asleep_with_a_cycle() {
    let mut b = bank();
    let ticks = b.channel("src/tick.rs:3", None);
    let ticker = b.task("src/main.rs:20", "bank::ticker").name("ticker");
    let _ = ticker.receives(ticks, "src/tick.rs:14").since(9 * MS).id();
    let group = b.wait_group("src/main.rs:12", 2);
    let main = b.task("src/main.rs:9", "bank::main").main();
    let _ = main.waits_group(group, "src/main.rs:20").id();
    b.still();
    check("asleep", &process(&b.build()));
}

#[test]
fn a_test_that_leaks() {
    let (b, own) = pool();
    let report = region(&b.build(), own);
    check("leak", &report);
    for width in [80, 120] {
        let text = render::failure(&report, &named("pool::drains_on_error"), &at(width));
        assert!(
            text.starts_with("Error: gleak: 3 tasks outlived this test (2 groups)\n"),
            "{text}"
        );
        golden(&format!("testdata/failure-{width}.txt"), &text);
    }
}

#[test]
fn structural_abandoned_and_panicked() {
    let mut b = SnapshotBuilder::new();
    b.taken_at(5_000 * MS);
    let lock = b.mutex("src/cfg.rs:7");
    b.owned_by_finished(lock, TaskId(90), "src/cfg.rs:20", 800 * MS);
    let waits = b.task("src/cfg.rs:30", "app::reload").locks(lock, "src/cfg.rs:21").id();
    let _ = b.task("src/main.rs:3", "app::watch").joins(waits, "src/main.rs:8").id();
    let never = Arm::never(WaitOp::Receive);
    let task =
        b.task("src/stop.rs:3", "app::stop").waits(WaitReason::Receive, &[never], "src/stop.rs:4");
    let _ = task.since(4_000 * MS).id();
    let site = b.site("src/decode.rs:212");
    let panic = b.panic(TaskId(77), "src/in.rs:5", "app::decode", "length 10, index 12");
    panic.site = Some(site);
    panic.name = Some("decode-3".to_owned());
    check("mixed", &process(&b.build()));
}

#[test]
fn many_groups_and_a_cut_dump() {
    let mut b = SnapshotBuilder::new();
    b.taken_at(2_460_000 * MS);
    b.header_mut().program = "ingestd".to_owned();
    let channels: Vec<_> = (0..5).map(|_| b.channel("src/ingest.rs:12", Some(64))).collect();
    let done = b.wait_group("src/ingest.rs:90", 3);
    for number in 0..1_200_u64 {
        let since = number * 2_000 * MS;
        let accept = "ingestd::ingest::Acceptor<tls::Stream<tcp::Tcp>>::accept::{{closure}}";
        let jobs = channels[usize::try_from(number % 5).unwrap()];
        let task = b.task("src/ingest.rs:131", accept);
        let _ = task.receives(jobs, "src/ingest.rs:30").since(since).id();
        if number % 3 == 0 {
            let task = b.task("src/ingest.rs:133", accept);
            let _ = task.waits_group(done, "src/ingest.rs:133").since(since).id();
        }
        if number % 40 == 0 {
            let line = format!("src/http/routes_generated.rs:{}", 20 + number);
            let arms =
                [Arm::object(WaitOp::Receive, channels[0]), Arm::object(WaitOp::Send, channels[1])];
            let task = b.task(&line, "ingestd::http::serve");
            let _ = task.select(&arms, "src/http/routes_generated.rs:88").since(since).id();
        }
    }
    b.completeness_mut().cut = true;
    b.completeness_mut().damaged_lines = 1;
    b.completeness_mut().missing_tasks = 12;
    check("many", &process(&b.build()));
}

#[test]
fn a_healthy_process() {
    let mut b = SnapshotBuilder::new();
    let jobs = b.channel("src/a.rs:1", None);
    let _ = b.task("src/a.rs:2", "app::work").receives(jobs, "src/a.rs:3").id();
    let _ = b.task("src/a.rs:4", "app::tick").sleeps(9 * MS, "src/a.rs:5").id();
    let _ = b.task("src/a.rs:6", "app::late").fresh().id();
    check("healthy", &process(&b.build()));
}

#[test]
fn one_line_verdicts() {
    let first = |b: SnapshotBuilder| {
        let text = render::text(&process(&b.build()), &TextOptions::default());
        text.lines().next().unwrap().split("  ").next().unwrap().to_owned()
    };
    assert_eq!(first(SnapshotBuilder::new()), "gleak: nothing found; no task is alive");
    let mut b = SnapshotBuilder::new();
    let jobs = b.channel("src/a.rs:1", None);
    let _ = b.task("src/a.rs:2", "app::work").receives(jobs, "src/a.rs:3").id();
    b.still();
    assert_eq!(first(b.clone()), "gleak: deadlock. The only task is asleep (0 runnable, 0 timers)");
    b.thread_outside(9, "audio");
    assert_eq!(first(b), "gleak: the only task is asleep unless thread \"audio\" acts");
}

#[test]
fn what_main_cut_off() {
    let mut b = SnapshotBuilder::new();
    let jobs = b.channel("src/a.rs:1", None);
    for _ in 0..2 {
        let _ = b.task("src/main.rs:4", "app::main::{{closure}}").fresh().id();
    }
    for _ in 0..3 {
        let _ = b.task("src/a.rs:3", "app::pool").receives(jobs, "src/a.rs:9").id();
    }
    let _ = b.task("src/a.rs:5", "app::spin").running().id();
    assert_eq!(
        render::cut_off(&process(&b.build())),
        [
            "3 tasks waiting to receive on channel #1 at src/a.rs:9, spawned at src/a.rs:3 (app::pool)",
            "2 tasks that never started, spawned at src/main.rs:4 (app::main)",
            "1 task running, spawned at src/a.rs:5 (app::spin)",
        ]
    );
}

#[test]
fn colour_changes_nothing_but_colour() {
    let report = process(&bank().build());
    let plain = render::text(&report, &at(100));
    let coloured = render::text(&report, &TextOptions { color: true, ..at(100) });
    assert!(coloured.contains("\u{1b}[31m") && !plain.contains('\u{1b}'));
    let mut bare = coloured;
    for code in ["0", "1", "2", "31"] {
        bare = bare.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(bare, plain);
}

#[test]
fn json_is_versioned() {
    let report = analyze(&bank().build(), &Question::default());
    let text = render::json(&report);
    assert!(text.starts_with("{\n  \"schema\": 1,\n") && text.ends_with("}\n"), "{text}");
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}
