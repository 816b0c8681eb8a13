//! Suspicions that are only had on request: waiting for long, and growing from sample to sample.

use gleak_detector::snapshot::{Arm, ObjectDetail, Snapshot, SnapshotBuilder, Tenure, WaitOp};
use gleak_detector::{Certainty, History, Question, Report, Rule, Suspect, analyze, growth};

use crate::support::{MS, found, members, process};

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
    let more = task(&mut b);
    let _ = b.task_mut(more).receives(jobs, "src/a.rs:6").since(MS).unlisted(1).id();
    assert_eq!(found(&longer(&b.build(), 10 * MINUTE)), []);
}

/// How the samples of a program differ.
#[derive(Clone, Copy)]
struct Shape {
    /// Each waits on a channel of its own, or all on one.
    shared: bool,
    op: WaitOp,
    tenure: Tenure,
    until: Option<u64>,
}

const LEAK: Shape =
    Shape { shared: false, op: WaitOp::Receive, tenure: Tenure::Ordinary, until: None };

/// A sample taken after so many seconds, in which tasks wait since these seconds.
fn sample(at_s: u64, since_s: &[u64], shape: Shape) -> Snapshot {
    let second = 1000 * MS;
    let mut b = SnapshotBuilder::new();
    b.taken_at(at_s * second);
    b.header_mut().wall_s = 1_000_000 + at_s;
    let _ = b.task("src/main.rs:1", "app::main").main().running().id();
    let jobs = b.channel("src/main.rs:2", Some(0));
    let barrier = b.barrier("src/main.rs:3", 99);
    for since in since_s {
        let on = match (shape.op, shape.shared) {
            (WaitOp::Barrier, _) => barrier,
            (_, true) => jobs,
            (_, false) => b.channel("src/request.rs:5", Some(0)),
        };
        let task = b.task("src/request.rs:6", "app::serve::{{closure}}").tenure(shape.tenure);
        let task = match shape.op {
            WaitOp::Send => task.sends(on, "src/request.rs:8"),
            WaitOp::Barrier => task.waits_barrier(on, "src/request.rs:8"),
            _ => task.receives(on, "src/request.rs:8"),
        };
        let task = task.since(since * second);
        let _ = match shape.until {
            Some(until) => task.until(until * second).id(),
            None => task.id(),
        };
    }
    b.build()
}

fn samples(sinces: &[&[u64]], shape: Shape) -> Vec<Snapshot> {
    let at = (1..).map(|number| 10 * number);
    at.zip(sinces).map(|(at, since)| sample(at, since, shape)).collect()
}

const RISING: &[&[u64]] = &[&[1, 2], &[1, 2, 11], &[1, 2, 11, 21, 22]];

#[test]
fn a_leak_per_request_is_named_by_its_spawn() {
    let mut all = samples(RISING, LEAK);
    let findings = growth(&all);
    assert_eq!(findings.len(), 1);
    let finding = &findings[0];
    assert_eq!((finding.key.rule, finding.certainty), (Rule::Growing, Certainty::Weak));
    assert_eq!(members(finding), [2, 3, 4, 5, 6]);
    let spawn = finding.groups[0].spawn.as_ref().map(ToString::to_string);
    assert_eq!(spawn.as_deref(), Some("src/request.rs:6"));
    assert_eq!(finding.facts[0], "2, 3, 5 tasks in 3 samples over 20 s");
    all.rotate_left(1);
    assert_eq!(growth(&all), findings, "the order does not matter");
    assert_eq!(growth(&all[..2]), [], "two samples show no trend");
}

#[test]
fn tasks_that_all_want_to_send_on_one_channel_grow_too() {
    let shape = Shape { shared: true, op: WaitOp::Send, ..LEAK };
    assert_eq!(growth(&samples(RISING, shape)).len(), 1);
}

#[test]
fn what_grows_and_is_healthy() {
    let pool = Shape { shared: true, ..LEAK };
    let timed = Shape { until: Some(90), ..LEAK };
    let daemons = Shape { tenure: Tenure::Daemon, ..LEAK };
    let barrier = Shape { op: WaitOp::Barrier, ..LEAK };
    let cases: [(&str, &[&[u64]], Shape); 9] = [
        ("a pool that fills up", RISING, pool),
        ("requests with a timeout", RISING, timed),
        ("daemons", RISING, daemons),
        ("a barrier that fills up", RISING, barrier),
        ("a pool that breathes", &[&[1, 2], &[1, 2, 3], &[1, 2], &[1, 2, 3, 4]], LEAK),
        ("a standstill", &[&[1, 2], &[1, 2, 11], &[1, 2, 11]], LEAK),
        ("load: others each time", &[&[8], &[18, 19], &[28, 29, 29]], LEAK),
        ("one has gone on", &[&[1, 2], &[1, 2, 11], &[1, 12, 21, 22, 23]], LEAK),
        ("not there at first", &[&[], &[11], &[11, 21]], LEAK),
    ];
    for (name, sinces, shape) in cases {
        assert_eq!(growth(&samples(sinces, shape)), [], "{name}");
    }
}

#[test]
fn samples_of_several_processes_show_nothing() {
    let change: [fn(&mut Snapshot); 3] = [
        |it| it.header.pid = 7,
        |it| it.header.program = "other".to_owned(),
        // The process id is used again, as that of a container is.
        |it| it.header.wall_s += 60,
    ];
    for change in change {
        for at in 0..3 {
            let mut all = samples(RISING, LEAK);
            change(&mut all[at]);
            assert_eq!(growth(&all), []);
        }
    }
    let mut more = samples(RISING, LEAK);
    more[0].header.pid = 7;
    more.extend(samples(RISING, LEAK));
    assert_eq!(growth(&more).len(), 1, "strangers do no harm, nor does one that comes twice");
}

#[test]
fn a_sample_that_is_cut_counts_for_nothing() {
    for at in 0..3 {
        let mut all = samples(RISING, LEAK);
        all[at].completeness.cut = true;
        assert_eq!(growth(&all), [], "{at}");
    }
}

/// Nothing is found twice: what can never go on is not suspected besides.
#[test]
fn what_is_certain_is_not_suspected() {
    let never = |at_s: u64, count: usize| {
        let mut b = SnapshotBuilder::new();
        b.taken_at(at_s * 1000 * MS);
        b.header_mut().wall_s = at_s;
        let _ = b.task("src/main.rs:1", "app::main").running().id();
        for _ in 0..count {
            let task = b.task("src/request.rs:6", "app::serve");
            let _ = task.select(&[Arm::never(WaitOp::Receive)], "src/request.rs:8").since(0).id();
        }
        b.build()
    };
    let all = [never(1, 1), never(2, 2), never(3, 3)];
    assert_eq!(growth(&all), []);
    assert_eq!(found(&process(&all[2])), [(Rule::Structural, vec![2, 3, 4])]);
}

#[test]
fn a_history_keeps_as_many_samples_as_it_is_told() {
    let mut history = History::default();
    for snapshot in samples(&[&[1], &[1], &[1, 21], &[1, 21, 31]], LEAK) {
        history.note(&snapshot);
    }
    assert_eq!((history.len(), history.grows()), (4, false));
    history.keep(3);
    assert_eq!((history.len(), history.grows()), (3, true));
    let last = sample(40, &[1, 21, 31], LEAK);
    let ask = |history: &History| {
        let suspect = Suspect { history: history.clone(), ..Suspect::default() };
        found(&analyze(&last, &Question { suspect, ..Question::default() }))
    };
    assert_eq!(ask(&history), [(Rule::Growing, vec![2, 3, 4])]);
    history.note(&sample(50, &[1, 21, 31, 41], LEAK));
    assert_eq!(ask(&history), [], "it is of another moment");
    history.note(&sample(45, &[1], LEAK));
    assert_eq!(history.len(), 1, "time goes back: another process");
    assert!(!history.is_empty() && History::default().is_empty());
}
