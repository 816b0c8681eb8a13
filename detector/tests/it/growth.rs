//! Groups that grow from sample to sample.

use gleak_detector::snapshot::{Arm, Snapshot, SnapshotBuilder, Tenure, WaitOp};
use gleak_detector::{Certainty, History, Question, Rule, Suspect, analyze, growth};

use crate::support::{MS, found, members, process};

/// What the tasks of a sample wait for.
#[derive(Clone, Copy)]
enum Op {
    Barrier,
    Cond,
    Group,
    Receive,
    Send,
}

/// How the samples of a program differ.
#[derive(Clone, Copy)]
struct Shape {
    op: Op,
    /// Each waits on an object of its own, or all on one.
    shared: bool,
    tenure: Tenure,
    until: Option<u64>,
    unlisted: u32,
}

const LEAK: Shape =
    Shape { op: Op::Receive, shared: false, tenure: Tenure::Ordinary, until: None, unlisted: 0 };

/// A process after so many seconds.
fn after(at_s: u64) -> SnapshotBuilder {
    let mut b = SnapshotBuilder::new();
    b.taken_at(at_s * 1000 * MS);
    b.header_mut().wall_s = 1_000_000 + at_s;
    b
}

/// A sample taken after so many seconds, in which tasks wait since these seconds.
fn sample(at_s: u64, since_s: &[u64], shape: Shape) -> Snapshot {
    let second = 1000 * MS;
    let mut b = after(at_s);
    let _ = b.task("src/main.rs:1", "app::main").main().running().id();
    let jobs = b.channel("src/main.rs:2", Some(0));
    let barrier = b.barrier("src/main.rs:3", 99);
    let start = b.wait_group("src/main.rs:4", 1);
    let lock = b.mutex("src/main.rs:5");
    let signal = b.cond("src/main.rs:6", lock);
    for since in since_s {
        let fresh = (!shape.shared).then_some("src/request.rs:5");
        let on = match shape.op {
            Op::Barrier => barrier,
            Op::Cond => fresh.map_or(signal, |site| b.cond(site, lock)),
            Op::Group => fresh.map_or(start, |site| b.wait_group(site, 1)),
            Op::Receive | Op::Send => fresh.map_or(jobs, |site| b.channel(site, Some(0))),
        };
        let task = b.task("src/request.rs:6", "app::serve::{{closure}}").tenure(shape.tenure);
        let task = match shape.op {
            Op::Barrier => task.waits_barrier(on, "src/request.rs:8"),
            Op::Cond => task.waits_cond(on, "src/request.rs:8"),
            Op::Group => task.waits_group(on, "src/request.rs:8"),
            Op::Receive => task.receives(on, "src/request.rs:8"),
            Op::Send => task.sends(on, "src/request.rs:8"),
        };
        let task = task.since(since * second).unlisted(shape.unlisted);
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
fn whoever_waits_in_vain_grows() {
    let shape = Shape { shared: true, op: Op::Send, ..LEAK };
    assert_eq!(growth(&samples(RISING, shape)).len(), 1);
    for op in [Op::Group, Op::Cond] {
        assert_eq!(growth(&samples(RISING, Shape { op, ..LEAK })).len(), 1);
    }
}

/// Connections, each with a task that reads from it and one that waits for what to write; and besides
/// them so many leaks.
fn serving(at_s: u64, connections: u64, leaks: u64) -> Snapshot {
    let mut b = after(at_s);
    for number in 0..connections {
        let socket = b.socket("src/serve.rs:1", 7);
        let reads = b.task("src/serve.rs:2", "app::reads").reads_socket(socket, "src/serve.rs:3");
        let _ = reads.since(number * MS).id();
        let mailbox = b.channel("src/serve.rs:4", Some(8));
        let writes = b.task("src/serve.rs:5", "app::writes").receives(mailbox, "src/serve.rs:6");
        let _ = writes.since(number * MS).id();
    }
    for number in 0..leaks {
        let answer = b.channel("src/request.rs:5", Some(0));
        let leaks = b.task("src/request.rs:6", "app::serve").sends(answer, "src/request.rs:8");
        let _ = leaks.since(number * MS).id();
    }
    b.build()
}

#[test]
fn more_connections_are_no_leak() {
    let found = |of: [(u64, u64); 3]| {
        let all = (10..).step_by(10).zip(of);
        let all: Vec<_> = all.map(|(at_s, (open, leaks))| serving(at_s, open, leaks)).collect();
        growth(&all).into_iter().map(|it| it.key.entry).collect::<Vec<_>>()
    };
    assert_eq!(found([(10, 0), (20, 0), (30, 0)]), [""; 0]);
    assert_eq!(found([(10, 3), (10, 6), (10, 9)]), ["app::serve"], "as many as before");
    assert_eq!(found([(10, 3), (20, 6), (20, 9)]), ["app::serve"], "once more, then as many");
    assert_eq!(found([(10, 3), (11, 6), (12, 9)]), ["app::serve"], "fewer than leaks");
    assert_eq!(found([(10, 3), (9, 6), (2, 9)]), ["app::serve"], "fewer each time");
}

/// Tasks that compute, and one for each of them that waits for what comes of it.
#[test]
fn more_work_is_no_leak() {
    let all = [10, 20, 30].map(|count| {
        let mut b = after(count);
        for number in 0..count {
            let _ = b.task("src/work.rs:2", "app::computes").running().id();
            let result = b.channel("src/work.rs:4", Some(0));
            let waits = b.task("src/work.rs:5", "app::waits").receives(result, "src/work.rs:6");
            let _ = waits.since(number * MS).id();
        }
        b.build()
    });
    assert_eq!(growth(&all), []);
}

/// Each request is answered by a task that it waits for: whatever that one waits for, it is its matter.
#[test]
fn who_waits_for_the_end_of_others_grows_with_them() {
    let all = [1, 2, 3].map(|count| {
        let mut b = after(10 * count);
        for number in 0..count {
            let answer = b.channel("src/request.rs:5", Some(0));
            let answers = b.task("src/request.rs:6", "app::answers");
            let answers = answers.sends(answer, "src/request.rs:8").since(number * MS).id();
            let asks = b.task("src/request.rs:2", "app::asks").joins(answers, "src/request.rs:3");
            let _ = asks.since(number * MS).id();
        }
        b.build()
    });
    let entries: Vec<_> = growth(&all).into_iter().map(|it| it.key.entry).collect();
    assert_eq!(entries, ["app::answers"]);
}

#[test]
fn what_grows_and_is_healthy() {
    let pool = Shape { shared: true, ..LEAK };
    let timed = Shape { until: Some(90), ..LEAK };
    let daemons = Shape { tenure: Tenure::Daemon, ..LEAK };
    let barrier = Shape { op: Op::Barrier, ..LEAK };
    let start = Shape { shared: true, op: Op::Group, ..LEAK };
    let signal = Shape { shared: true, op: Op::Cond, ..LEAK };
    let cases: [(&str, &[&[u64]], Shape); 13] = [
        ("a pool that fills up", RISING, pool),
        ("requests with a timeout", RISING, timed),
        ("who waits for more than is seen", RISING, Shape { unlisted: 1, ..LEAK }),
        ("daemons", RISING, daemons),
        ("a barrier that fills up", RISING, barrier),
        ("all wait for the start", RISING, start),
        ("all wait for a signal", RISING, signal),
        ("a pool that breathes", &[&[1, 2], &[1, 2, 3], &[1, 2], &[1, 2, 3, 4]], LEAK),
        ("a standstill", &[&[1, 2], &[1, 2, 11], &[1, 2, 11]], LEAK),
        ("load: others each time", &[&[8], &[18, 19], &[28, 29, 29]], LEAK),
        ("one has gone on", &[&[1, 2], &[1, 2, 11], &[1, 12, 21, 22, 23]], LEAK),
        // The clock of waits is coarse, and stands at the moment of a sample for a while.
        ("one has gone on at once", &[&[1, 2], &[1, 10, 15], &[1, 10, 20, 21]], LEAK),
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
