//! A suspicion that is only had on request: waiting for long.

use gleak_detector::snapshot::{ObjectDetail, Snapshot, SnapshotBuilder, Tenure};
use gleak_detector::{Certainty, Question, Report, Rule, Suspect, analyze};

use crate::support::{MS, dependents, found, process};

const MINUTE: u64 = 60_000 * MS;

fn longer(snapshot: &Snapshot, longer_ns: u64) -> Report {
    let suspect = Suspect { longer_ns: Some(longer_ns), ..Suspect::default() };
    analyze(snapshot, &Question { suspect, ..Question::default() })
}

#[test]
fn who_waits_for_long_is_named_on_request() {
    let mut b = SnapshotBuilder::new();
    b.taken_at(20 * MINUTE);
    let jobs = b.channel("src/a.rs:1", Some(0));
    let other = b.channel("src/a.rs:2", Some(0));
    let _ = b.task("src/a.rs:3", "app::worker").receives(jobs, "src/a.rs:4").since(MINUTE).id();
    let recent = b.task("src/a.rs:5", "app::other").receives(other, "src/a.rs:6");
    let _ = recent.since(11 * MINUTE).id();
    let snapshot = b.build();
    assert_eq!(found(&process(&snapshot)), [], "nobody has asked");
    let report = longer(&snapshot, 10 * MINUTE);
    assert_eq!(found(&report), [(Rule::WaitingLong, vec![1])]);
    assert_eq!(report.findings[0].certainty, Certainty::Weak);
    assert_eq!(found(&longer(&snapshot, 19 * MINUTE)), [], "not longer than that");
    assert_eq!(found(&longer(&snapshot, 21 * MINUTE)), [], "longer than the process is old");
}

/// All of them have waited since the first millisecond.
#[test]
fn who_may_wait_for_long() {
    let mut b = SnapshotBuilder::new();
    b.taken_at(20 * MINUTE);
    let jobs = b.channel("src/a.rs:1", Some(0));
    let used = b.channel("src/a.rs:2", Some(0));
    let lock = b.mutex("src/a.rs:3");
    let listener = b.socket("src/a.rs:4", 7);
    b.object_mut(listener).detail =
        ObjectDetail::Socket { descriptor: 7, peer: None, listens: true };
    let task = |b: &mut SnapshotBuilder| b.task("src/a.rs:5", "app::task").id();
    let _ = b.thread("io").receives(jobs, "src/a.rs:6").since(MS).id();
    for tenure in [Tenure::Background, Tenure::Daemon] {
        let id = task(&mut b);
        let _ = b.task_mut(id).tenure(tenure).receives(jobs, "src/a.rs:6").since(MS).id();
    }
    let sleeper = task(&mut b);
    let _ = b.task_mut(sleeper).sleeps(90 * MINUTE, "src/a.rs:7").since(MS).id();
    let accepts = task(&mut b);
    let _ = b.task_mut(accepts).reads_socket(listener, "src/a.rs:8").since(MS).id();
    // Its neighbour in the pool had a job not long ago.
    for since in [MS, 19 * MINUTE] {
        let worker = task(&mut b);
        let _ = b.task_mut(worker).receives(used, "src/a.rs:9").since(since).id();
    }
    let owner = task(&mut b);
    let _ = b.task_mut(owner).running().id();
    b.owns(lock, owner, "src/a.rs:10", 19 * MINUTE);
    let locks = task(&mut b);
    let _ = b.task_mut(locks).locks(lock, "src/a.rs:11").since(MS).id();
    let joins = task(&mut b);
    let _ = b.task_mut(joins).joins(owner, "src/a.rs:12").since(MS).id();
    let timed = task(&mut b);
    let _ = b.task_mut(timed).receives(jobs, "src/a.rs:6").since(MS).until(90 * MINUTE).id();
    let helped = task(&mut b);
    let _ = b.task_mut(helped).blocks(None, "src/a.rs:13").since(MS).id();
    let polls = task(&mut b);
    let _ = b.task_mut(polls).drives_future("src/a.rs:14").since(MS).id();
    let more = task(&mut b);
    let _ = b.task_mut(more).receives(jobs, "src/a.rs:6").since(MS).unlisted(1).id();
    assert_eq!(found(&longer(&b.build(), 10 * MINUTE)), []);
}

/// Who waits for the end of others is named behind them or not at all: that of an accept loop is nobody's
/// fault.
#[test]
fn who_joins_is_as_idle_as_whom_it_waits_for() {
    let mut b = SnapshotBuilder::new();
    b.taken_at(20 * MINUTE);
    let listener = b.socket("src/a.rs:4", 7);
    b.object_mut(listener).detail =
        ObjectDetail::Socket { descriptor: 7, peer: None, listens: true };
    let jobs = b.channel("src/a.rs:1", Some(0));
    let accepts = b.task("src/a.rs:5", "app::accepts").reads_socket(listener, "src/a.rs:8");
    let accepts = accepts.since(MS).id();
    let waits = b.task("src/a.rs:6", "app::waits").receives(jobs, "src/a.rs:9").since(MS).id();
    let main = b.task("src/a.rs:2", "app::main").main().joins(accepts, "src/a.rs:10");
    let _ = main.since(MS).id();
    let joins = b.task("src/a.rs:7", "app::joins").joins(waits, "src/a.rs:11").since(MS).id();
    let _ = b.task("src/a.rs:7", "app::joins").joins(joins, "src/a.rs:11").since(MS).id();
    // It has just come.
    let recent = b.task("src/a.rs:7", "app::joins").joins(joins, "src/a.rs:11");
    let _ = recent.since(19 * MINUTE).id();
    let report = longer(&b.build(), 10 * MINUTE);
    assert_eq!(found(&report), [(Rule::WaitingLong, vec![2])]);
    assert_eq!(dependents(&report.findings[0]), [4, 5]);
}

#[test]
fn a_lock_that_is_held_for_long_and_a_peer_that_is_silent_for_long() {
    let mut b = SnapshotBuilder::new();
    b.taken_at(20 * MINUTE);
    let (lock, socket) = (b.mutex("src/a.rs:3"), b.socket("src/a.rs:4", 7));
    let owner = b.task("src/a.rs:5", "app::owner").running().id();
    b.owns(lock, owner, "src/a.rs:10", MINUTE);
    let _ = b.task("src/a.rs:5", "app::locks").locks(lock, "src/a.rs:11").since(2 * MINUTE).id();
    let reads = b.task("src/a.rs:6", "app::reads").reads_socket(socket, "src/a.rs:12");
    let _ = reads.since(MS).id();
    let mut all: Vec<_> = found(&longer(&b.build(), 10 * MINUTE));
    all.sort();
    assert_eq!(all, [(Rule::WaitingLong, vec![2]), (Rule::WaitingLong, vec![3])]);
}

/// Nothing is found twice.
#[test]
fn what_can_never_go_on_does_not_wait_for_long_besides() {
    let mut b = SnapshotBuilder::new();
    b.taken_at(20 * MINUTE);
    let _ = b.task("src/a.rs:2", "app::main").running().id();
    let never = b.task("src/a.rs:5", "app::selects").select(&[], "src/a.rs:11");
    let _ = never.since(MS).id();
    assert_eq!(found(&longer(&b.build(), 10 * MINUTE)), [(Rule::Structural, vec![2])]);
}
