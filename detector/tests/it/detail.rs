//! One task, object or finding in full, and views in another order.

use gleak_detector::detail::{Detail, Id, TaskView, detail};
use gleak_detector::filter::RegionNames;
use gleak_detector::render::{self, TextOptions};
use gleak_detector::snapshot::{
    Arm, Completeness, Endpoint, HoldMode, LastUse, ObjectDetail, Snapshot, SnapshotBuilder,
    TaskId, Tenure, Touched, WaitOp, WaitReason,
};
use gleak_detector::view::{Ask, Sort, View};
use gleak_detector::{Question, analyze};

use crate::support::{MS, bank, golden, stack};

fn show(snapshot: &Snapshot, id: &str) -> Result<Detail, String> {
    let report = analyze(snapshot, &Question::default());
    detail(snapshot, &report, &id.parse().expect(id))
}

fn task(snapshot: &Snapshot, id: u64) -> TaskView {
    match show(snapshot, &format!("t{id}")) {
        Ok(Detail::Task(view)) => *view,
        other => panic!("t{id}: {other:?}"),
    }
}

fn check(snapshot: &Snapshot, name: &str, id: &str) {
    let found = show(snapshot, id).expect(id);
    for width in [80, 120] {
        let options = TextOptions { width, ..TextOptions::default() };
        golden(&format!("testdata/{name}-{width}.txt"), &render::detail(&found, &options));
    }
}

/// A task that has all that a task can have, and others around it.
fn rich() -> Snapshot {
    let mut b = SnapshotBuilder::new();
    b.taken_at(90_000 * MS);
    let own = b.region("db::reconnects");
    let jobs = b.channel("src/db.rs:5", Some(8));
    b.object_mut(jobs).name = Some("jobs".to_owned());
    b.object_mut(jobs).touched = Touched::Only(own);
    let stop = b.context("src/db.rs:6");
    let pool = b.rwlock("src/db.rs:7");
    let worker = b.worker();
    let boss = b.task("src/main.rs:3", "app::main").main().running().id();
    let arms = [Arm::object(WaitOp::Receive, jobs), Arm::object(WaitOp::Cancel, stop)];
    let entry = "app::db::Pool<u8>::keep::{{closure}}";
    let keeper = b.task("src/db.rs:20", entry).parent(boss).region(own).name("keeper");
    let keeper = keeper.label("shard", "7").label("tenant", "42").tenure(Tenure::Background);
    let keeper = keeper.select(&arms, "src/db.rs:33").since(30_000 * MS).until(120_000 * MS);
    let keeper = keeper.stack(256 * 1024, 12 * 1024).started_on(worker);
    let keeper = keeper.select(&arms, "src/db.rs:33").since(30_000 * MS).until(120_000 * MS).id();
    b.reads(pool, keeper);
    let entry = "app::db::writer";
    let _ = b.task("src/db.rs:21", entry).name("writer").locks(pool, "src/db.rs:50").id();
    let _ = b.task("src/db.rs:22", "app::db::close").joins(keeper, "src/db.rs:60").id();
    let _ = b.thread("reactor").receives(jobs, "src/io.rs:9").id();
    let sent = LastUse { task: TaskId(99), site: b.site("src/db.rs:70") };
    b.object_mut(jobs).detail = ObjectDetail::Channel {
        capacity: Some(8),
        len: 0,
        closed: false,
        sender: Endpoint { handles: Some(1), last: Some(sent) },
        receiver: Endpoint { handles: Some(2), last: None },
    };
    let mut snapshot = b.build();
    let frames = ["gleak_runtime::select", "app::db::Pool<u8>::next at /p/src/db.rs:33"];
    let frames = [&frames[..], &["app::db::Pool<u8>::keep::{{closure}} at /p/src/db.rs:24"]];
    let stands = stack(&mut snapshot, &frames.concat());
    snapshot.tasks[1].backtrace = Some(stands);
    snapshot
}

#[test]
fn a_task_an_object_and_a_finding_are_laid_out() {
    let rich = rich();
    check(&rich, "show-keeper", "t2");
    check(&rich, "show-writer", "t3");
    check(&rich, "show-thread", "t5");
    check(&rich, "show-channel", "#1");
    check(&rich, "show-rwlock", "3");
    check(&bank().build(), "show-cycle", "t1");
    check(&bank().build(), "show-cycle-finding", "gk1:");
}

#[test]
fn what_could_end_a_wait_is_told_for_every_reason() {
    let mut b = SnapshotBuilder::new();
    b.taken_at(9_000 * MS);
    let chan = b.channel("a.rs:1", Some(0));
    let lock = b.mutex("a.rs:1");
    let group = b.wait_group("a.rs:1", 2);
    let socket = b.socket("a.rs:1", 7);
    let cond = b.cond("a.rs:1", lock);
    let once = b.once("a.rs:1");
    let permits = b.semaphore("a.rs:1", 4);
    let barrier = b.barrier("a.rs:1", 3);
    let context = b.context("a.rs:1");
    let _ = b.task("a.rs:2", "a").sends(chan, "a.rs:3").id();
    let _ = b.task("a.rs:2", "a").receives(chan, "a.rs:3").id();
    let _ = b.task("a.rs:2", "a").locks(lock, "a.rs:3").id();
    let _ = b.task("a.rs:2", "a").waits_group(group, "a.rs:3").id();
    let _ = b.task("a.rs:2", "a").reads_socket(socket, "a.rs:3").id();
    let _ = b.task("a.rs:2", "a").writes_socket(socket, "a.rs:3").id();
    let _ = b.task("a.rs:2", "a").waits_cond(cond, "a.rs:3").id();
    let _ = b.task("a.rs:2", "a").waits_once(once, "a.rs:3").id();
    let _ = b.task("a.rs:2", "a").acquires(permits, 3, "a.rs:3").id();
    let _ = b.task("a.rs:2", "a").waits_barrier(barrier, "a.rs:3").id();
    let _ = b.task("a.rs:2", "a").waits_context(context, "a.rs:3").id();
    let _ = b.task("a.rs:2", "a").joins(TaskId(1), "a.rs:3").id();
    let _ = b.task("a.rs:2", "a").joins(TaskId(77), "a.rs:3").id();
    let _ = b.task("a.rs:2", "a").sleeps(10_000 * MS, "a.rs:3").id();
    let _ = b.task("a.rs:2", "a").drives_future("a.rs:3").id();
    let never = [Arm::never(WaitOp::Receive)];
    let _ = b.task("a.rs:2", "a").waits(WaitReason::Receive, &never, "a.rs:3").id();
    let _ = b.task("a.rs:2", "a").select(&[], "a.rs:3").id();
    let snapshot = b.build();
    let ends = |id: u64| task(&snapshot, id).wait.expect("it waits").ends_by.join(" | ");
    for (id, way) in [
        (1, "a receive on channel #1, or room in it"),
        (2, "a send on channel #1, or its close"),
        (3, "lock #2 given back"),
        (4, "wait group #3 counted down to 0"),
        (5, "data from the other side of socket #4, or its end"),
        (6, "the other side of socket #4 reading, or its end"),
        (7, "a notification of cond #5"),
        (8, "the end of the initialiser of once #6"),
        (9, "3 permits of semaphore #7 given back"),
        (10, "the others of the round at barrier #8"),
        (11, "a cancel of context #9, or its deadline"),
        (12, "the end of t1, waiting to send on channel #1 at a.rs:3"),
        (13, "the end of t77 (finished)"),
        (14, "a timer, due 1.0 s after the snapshot"),
        (15, "something outside of the records"),
        (16, "nothing: a never-channel is never ready"),
        (17, "nothing that is recorded"),
    ] {
        assert_eq!(ends(id), way, "t{id}");
    }
    assert_eq!(task(&snapshot, 1).joined_by, ["t12, join for 9.0 s at a.rs:3"]);
}

#[test]
fn what_is_not_there_is_told_with_what_is_nearby() {
    let mut b = bank();
    let _ = b.panic(TaskId(70), "src/p.rs:1", "app::bad", "one");
    let snapshot = b.build();
    for (id, words) in [
        ("t9", "not among the 3 tasks of the dump; the nearest: t1, t2, t3"),
        ("t70", "it has panicked"),
        ("#3", "not among the 2 objects of the dump; the nearest: #1, #2"),
        ("gk1:zz", "no finding has this fingerprint; there is gk1:"),
        ("gk1:", "begins gk1:"),
    ] {
        let why = show(&snapshot, id).expect_err(id);
        assert!(why.contains(words), "{id}: {why}");
    }
    let empty = SnapshotBuilder::new().build();
    assert_eq!(show(&empty, "t1"), Err("the dump has no task".to_owned()));
    for text in ["", "t", "#", "tx", "t-1", "7t", "gk2:00", "99999999999999999999"] {
        assert!(text.parse::<Id>().is_err(), "{text}");
    }
}

/// A file may claim what it likes.
#[test]
fn a_snapshot_that_contradicts_itself_is_shown_all_the_same() {
    let mut snapshot = rich();
    snapshot.sites.truncate(2);
    snapshot.spawns.truncate(1);
    snapshot.objects.remove(2);
    snapshot.regions.clear();
    snapshot.frames.clear();
    snapshot.tasks[2].parent = Some(TaskId(3));
    snapshot.tasks[1].holds[0].mode = HoldMode::Exclusive;
    snapshot.completeness = Completeness { cut: true, ..Completeness::default() };
    snapshot.header.taken_ns = 0;
    for id in ["t1", "t2", "t3", "t4", "t5", "#1", "#2"] {
        let found = show(&snapshot, id).expect(id);
        assert!(render::detail(&found, &TextOptions::default()).contains(id));
        assert!(render::detail_json(&found).contains("\"schema\": 1"));
    }
}

#[test]
fn groups_come_in_the_order_that_was_asked_for() {
    let mut b = SnapshotBuilder::new();
    b.taken_at(100 * MS);
    let chan = b.channel("a.rs:1", Some(0));
    let never = [Arm::never(WaitOp::Receive)];
    for _ in 0..3 {
        let _ = b.task("a.rs:2", "app::many").receives(chan, "a.rs:3").since(90 * MS).id();
    }
    let _ = b
        .task("a.rs:4", "app::one")
        .waits(WaitReason::Receive, &never, "a.rs:5")
        .since(50 * MS)
        .id();
    for _ in 0..2 {
        let _ = b.task("a.rs:6", "app::old").receives(chan, "a.rs:7").since(0).id();
    }
    let snapshot = b.build();
    let report = analyze(&snapshot, &Question::default());
    let order = |sort| {
        let ask = Ask { sort, ..Ask::default() };
        let view = View::of(&report, &RegionNames::default(), &ask);
        view.groups.iter().map(|group| group.entry.clone()).collect::<Vec<_>>()
    };
    assert_eq!(order(Sort::Count), ["app::many", "app::old", "app::one"]);
    assert_eq!(order(Sort::Age), ["app::old", "app::one", "app::many"]);
    assert_eq!(order(Sort::Verdict), ["app::one", "app::many", "app::old"]);
}
