//! Tasks that are left over: those that wait on after a cancel, those that wait for a silent peer, and
//! those of which no more can be said.

use gleak_detector::render::{TextOptions, json, text};
use gleak_detector::snapshot::{
    Arm, LastUse, ObjectDetail, ObjectId, RegionId, SnapshotBuilder, Target, TaskBuilder, TaskId,
    Tenure, WaitOp,
};
use gleak_detector::{Certainty, Question, Rule, Scope, analyze};

use crate::support::{MS, dependents, found, golden, process, region};

/// A region with a boss that runs, a context that the boss has cancelled after 20 of 1000 ms, and a
/// channel that somebody else uses too.
fn after_a_cancel() -> (SnapshotBuilder, RegionId, ObjectId, ObjectId) {
    let mut b = SnapshotBuilder::new();
    b.taken_at(1000 * MS);
    let own = b.region("stops");
    let boss = b.task("src/main.rs:3", "app::boss").running().id();
    let context = b.context("src/main.rs:5");
    b.cancelled(context, 20 * MS, boss, "src/main.rs:9");
    let jobs = b.channel("src/main.rs:6", Some(0));
    (b, own, context, jobs)
}

/// What a worker does, given its context and its jobs.
type Change = fn(TaskBuilder<'_>, ObjectId, ObjectId) -> TaskId;

fn rule_of_worker(change: Change) -> Vec<Rule> {
    let (mut b, own, context, jobs) = after_a_cancel();
    change(b.task("src/main.rs:7", "app::worker").region(own).asked(context), context, jobs);
    region(&b.build(), own).findings.iter().map(|finding| finding.key.rule).collect()
}

#[test]
fn who_waits_on_after_a_cancel_is_told_of_it() {
    let (mut b, own, context, jobs) = after_a_cancel();
    for _ in 0..2 {
        let worker = b.task("src/main.rs:7", "app::worker").region(own).asked(context);
        let _ = worker.receives(jobs, "src/work.rs:4").since(5 * MS).id();
    }
    let snapshot = b.build();
    let report = region(&snapshot, own);
    assert_eq!(found(&report), [(Rule::CancelIgnored, vec![2, 3])]);
    let finding = &report.findings[0];
    assert_eq!(finding.certainty, Certainty::Weak);
    assert_eq!(
        finding.facts[0],
        "it has asked context #1 made at src/main.rs:5; cancelled 980 ms ago at src/main.rs:9 by t1, \
         no deadline"
    );
    assert_eq!(
        finding.groups[0].block.as_ref().map(ToString::to_string).as_deref(),
        Some("src/work.rs:4")
    );
    assert_eq!(found(&process(&snapshot)), [], "being alive is no fault of a process");
}

#[test]
fn a_deadline_that_nobody_has_seen_pass_is_a_cancel_too() {
    let (mut b, own, context, jobs) = after_a_cancel();
    b.object_mut(context).detail = ObjectDetail::Context {
        cancelled: false,
        cancelled_ns: None,
        by: None,
        deadline_ns: Some(400 * MS),
        parent: None,
    };
    let worker = b.task("src/main.rs:7", "app::worker").region(own).asked(context);
    let _ = worker.receives(jobs, "src/work.rs:4").id();
    let report = region(&b.clone().build(), own);
    assert_eq!(found(&report), [(Rule::CancelIgnored, vec![2])]);
    assert!(report.findings[0].facts[0].contains("over 600 ms ago, with a deadline"));
    b.taken_at(399 * MS);
    assert_eq!(found(&region(&b.build(), own)), [(Rule::Outlived, vec![2])], "not yet");
}

#[test]
fn what_came_after_the_end_is_held_against_nobody() {
    let (mut b, own, context, jobs) = after_a_cancel();
    let socket = b.socket("src/net.rs:1", 7);
    let worker = b.task("src/main.rs:7", "app::worker").region(own).asked(context);
    let _ = worker.receives(jobs, "src/work.rs:4").id();
    let reader = b.task("src/main.rs:8", "app::reader").region(own);
    let _ = reader.reads_socket(socket, "src/net.rs:2").since(20 * MS).id();
    let snapshot = b.build();
    let ask = |settled_ns| {
        let question = Question { scope: Scope::Region(own), settled_ns, ..Question::default() };
        found(&analyze(&snapshot, &question))
    };
    let both = [(Rule::CancelIgnored, vec![2]), (Rule::SilentPeer, vec![3])];
    assert_eq!([ask(0), ask(980 * MS)], [both.to_vec(), both.to_vec()]);
    let rules = ask(981 * MS).into_iter().map(|(rule, _)| rule).collect::<Vec<_>>();
    assert_eq!(rules, [Rule::Outlived, Rule::Outlived]);
}

/// Each is left over all the same, but not for that reason.
#[test]
fn who_does_not_ignore_a_cancel() {
    let cases: [(&str, Change); 7] = [
        ("is still at it", |task, _, _| task.running().id()),
        ("ends by a timer", |task, _, jobs| {
            task.receives(jobs, "src/work.rs:4").until(2000 * MS).id()
        }),
        ("waits for a child", |task, _, _| task.joins(TaskId(1), "src/work.rs:4").id()),
        ("waits for a child or a job", |task, _, jobs| {
            let child = Arm { op: WaitOp::Join, on: Target::Task(TaskId(1)), place: None };
            let arms = [Arm::object(WaitOp::Receive, jobs), child];
            task.select(&arms, "src/work.rs:4").id()
        }),
        ("waits for its context", |task, context, jobs| {
            let arms = [Arm::object(WaitOp::Receive, jobs), Arm::object(WaitOp::Cancel, context)];
            task.select(&arms, "src/work.rs:4").id()
        }),
        ("may wait for more", |task, _, jobs| {
            task.receives(jobs, "src/work.rs:4").unlisted(1).id()
        }),
        ("blocks its thread", |task, _, _| task.blocks(None, "src/work.rs:4").id()),
    ];
    for (name, change) in cases {
        assert_eq!(rule_of_worker(change), [Rule::Outlived], "{name}");
    }
    let kept = rule_of_worker(|task, _, jobs| {
        task.tenure(Tenure::Background).receives(jobs, "src/work.rs:4").id()
    });
    assert_eq!(kept, []);
}

/// Those are in nobody's way: whom they wait for is.
#[test]
fn who_waits_for_a_lock_or_a_group_ignores_nothing() {
    let (mut b, own, context, jobs) = after_a_cancel();
    let (lock, once) = (b.mutex("src/main.rs:11"), b.once("src/main.rs:12"));
    let group = b.wait_group("src/main.rs:13", 1);
    for object in [lock, once] {
        b.owns(object, TaskId(1), "src/main.rs:14", 0);
    }
    let worker = |b: &mut SnapshotBuilder| {
        b.task("src/main.rs:7", "app::worker").region(own).asked(context).id()
    };
    let (locks, inits, counts) = (worker(&mut b), worker(&mut b), worker(&mut b));
    let either = worker(&mut b);
    let arms = [Arm::object(WaitOp::Receive, jobs), Arm::object(WaitOp::WaitGroup, group)];
    let _ = b.task_mut(either).select(&arms, "src/work.rs:4").id();
    let _ = b.task_mut(locks).locks(lock, "src/work.rs:1").id();
    let _ = b.task_mut(inits).waits_once(once, "src/work.rs:2").id();
    let _ = b.task_mut(counts).waits_group(group, "src/work.rs:3").id();
    let report = region(&b.build(), own);
    assert_eq!(report.totals.tasks, 5);
    assert!(!report.findings.is_empty());
    assert!(report.findings.iter().all(|it| it.key.rule == Rule::Outlived), "{report:?}");
}

#[test]
fn who_has_cancelled_its_own_context_is_done_with_it() {
    let (mut b, own, context, jobs) = after_a_cancel();
    let worker = b.task("src/main.rs:7", "app::worker").region(own).asked(context);
    let worker = worker.receives(jobs, "src/work.rs:4").id();
    let site = b.site("src/work.rs:3");
    let ObjectDetail::Context { by: Some(by), .. } = &mut b.object_mut(context).detail else {
        panic!("it was cancelled")
    };
    (by.task, by.site) = (worker, site);
    assert_eq!(found(&region(&b.build(), own)), [(Rule::Outlived, vec![2])]);
}

#[test]
fn a_context_that_is_not_over_is_ignored_by_nobody() {
    let (mut b, own, _, jobs) = after_a_cancel();
    let other = b.context("src/main.rs:20");
    let worker = b.task("src/main.rs:7", "app::worker").region(own).asked(other);
    let _ = worker.receives(jobs, "src/work.rs:4").id();
    assert_eq!(found(&region(&b.build(), own)), [(Rule::Outlived, vec![2])]);
}

/// A region in which one task reads from a peer, one accepts, one reads with a timeout, one writes.
fn sockets() -> (SnapshotBuilder, RegionId) {
    let mut b = SnapshotBuilder::new();
    b.taken_at(1000 * MS);
    let own = b.region("serves");
    let (stream, listener) = (b.socket("src/net.rs:1", 7), b.socket("src/net.rs:2", 8));
    let peer = Some("10.0.0.7:443".to_owned());
    b.object_mut(stream).detail = ObjectDetail::Socket { descriptor: 7, peer, listens: false };
    b.object_mut(listener).detail =
        ObjectDetail::Socket { descriptor: 8, peer: None, listens: true };
    let entry = "app::net::serve";
    let _ = b.task("src/net.rs:3", entry).region(own).reads_socket(stream, "src/net.rs:5").id();
    let _ = b.task("src/net.rs:4", entry).region(own).reads_socket(listener, "src/net.rs:6").id();
    let timed = b.task("src/net.rs:9", entry).region(own).reads_socket(stream, "src/net.rs:7");
    let _ = timed.until(2000 * MS).id();
    let _ = b.task("src/net.rs:9", entry).region(own).writes_socket(stream, "src/net.rs:8").id();
    (b, own)
}

#[test]
fn a_peer_that_says_nothing() {
    let (b, own) = sockets();
    let snapshot = b.build();
    let report = region(&snapshot, own);
    let silent = report.findings.iter().filter(|it| it.key.rule == Rule::SilentPeer);
    let silent: Vec<_> = silent.map(|it| (it.certainty, it.because.clone())).collect();
    // One identity: a read in one file by one function.
    assert_eq!(silent.len(), 1);
    assert_eq!(silent[0].0, Certainty::Weak);
    assert!(silent[0].1.contains("and nothing comes"), "{silent:?}");
    let facts = report.findings[0].facts.join("\n");
    assert!(facts.contains("descriptor 7; the other side is 10.0.0.7:443"), "{facts}");
    assert!(facts.contains("descriptor 8; it waits for connections"), "{facts}");
    let others = report.findings.iter().filter(|it| it.key.rule == Rule::Outlived).count();
    assert_eq!(others, 2, "one has a timeout, one writes");
    assert_eq!(found(&process(&snapshot)), [], "a server waits for its clients");
}

#[test]
fn a_listener_alone_has_its_own_words() {
    let mut b = SnapshotBuilder::new();
    let own = b.region("serves");
    let listener = b.socket("src/net.rs:2", 8);
    b.object_mut(listener).detail =
        ObjectDetail::Socket { descriptor: 8, peer: None, listens: true };
    let _ = b
        .task("src/net.rs:4", "app::serve")
        .region(own)
        .reads_socket(listener, "src/net.rs:6")
        .id();
    let report = region(&b.build(), own);
    assert_eq!(found(&report), [(Rule::SilentPeer, vec![1])]);
    assert!(report.findings[0].because.starts_with("it waits for connections"));
}

#[test]
fn a_daemon_may_read_for_ever() {
    let (mut b, own) = sockets();
    for task in 1..=4 {
        let _ = b.task_mut(TaskId(task)).tenure(Tenure::Daemon).id();
    }
    assert_eq!(found(&region(&b.build(), own)), []);
}

#[test]
fn what_is_printed_of_those_left() {
    let (mut b, own) = sockets();
    let context = b.context("src/main.rs:5");
    b.cancelled(context, 20 * MS, TaskId(4), "src/main.rs:9");
    let jobs = b.channel("src/main.rs:6", Some(0));
    let worker = b.task("src/main.rs:7", "app::worker").region(own).asked(context);
    let _ = worker.receives(jobs, "src/work.rs:4").id();
    let report = region(&b.build(), own);
    for width in [80, 120] {
        let options = TextOptions { width, ..TextOptions::default() };
        golden(&format!("testdata/left-{width}.txt"), &text(&report, &options));
    }
}

/// One finding a root cause: who waits for a lock that such a task holds is told behind it.
#[test]
fn who_waits_behind_them_is_told_with_them() {
    let (mut b, own, context, jobs) = after_a_cancel();
    let (lock, table) = (b.mutex("src/main.rs:11"), b.mutex("src/main.rs:12"));
    let socket = b.socket("src/net.rs:1", 7);
    let worker = b.task("src/main.rs:7", "app::worker").region(own).asked(context);
    let worker = worker.receives(jobs, "src/work.rs:4").id();
    b.owns(lock, worker, "src/work.rs:3", 10 * MS);
    let reader = b.task("src/main.rs:8", "app::reader").region(own);
    let reader = reader.reads_socket(socket, "src/net.rs:2").id();
    b.owns(table, reader, "src/net.rs:1", 10 * MS);
    for wanted in [lock, lock, table] {
        let _ = b.task("src/main.rs:9", "app::other").region(own).locks(wanted, "src/o.rs:1").id();
    }
    // In no region, so not asked about.
    let _ = b.task("src/main.rs:9", "app::other").locks(lock, "src/o.rs:1").id();
    let report = region(&b.build(), own);
    assert_eq!(
        found(&report),
        [(Rule::CancelIgnored, vec![2]), (Rule::SilentPeer, vec![3])],
        "{report:?}"
    );
    assert_eq!(dependents(&report.findings[0]), [4, 5]);
    assert_eq!(dependents(&report.findings[1]), [6]);
}

/// As those that are new since a moment, and not those that were there.
#[test]
fn only_who_is_asked_about_is_told_of() {
    let (mut b, own, context, jobs) = after_a_cancel();
    let worker = |b: &mut SnapshotBuilder| {
        let worker = b.task("src/main.rs:7", "app::worker").asked(context);
        worker.receives(jobs, "src/work.rs:4").id()
    };
    let (known, _new) = (worker(&mut b), worker(&mut b));
    let snapshot = b.build();
    let scope = Scope::NewSince([TaskId(1), known].into());
    let report = analyze(&snapshot, &Question { scope, ..Question::default() });
    assert_eq!(found(&report), [(Rule::CancelIgnored, vec![3])]);
    assert_eq!(found(&region(&snapshot, own)), []);
}

/// How many handles there are of each end, and who used it last: help, and no proof.
#[test]
fn the_ends_of_a_channel_are_told_in_text_and_in_json() {
    let (mut b, own, context, jobs) = after_a_cancel();
    let (sent, received) = (b.site("src/main.rs:15"), b.site("src/work.rs:4"));
    let ObjectDetail::Channel { sender, receiver, .. } = &mut b.object_mut(jobs).detail else {
        panic!("a channel")
    };
    sender.handles = Some(1);
    sender.last = Some(LastUse { task: TaskId(99), site: sent });
    receiver.handles = Some(2);
    receiver.last = Some(LastUse { task: TaskId(1), site: received });
    let worker = b.task("src/main.rs:7", "app::worker").region(own).asked(context);
    let _ = worker.receives(jobs, "src/work.rs:4").id();
    let report = region(&b.build(), own);
    let ends = "last sent at src/main.rs:15 by t99 (finished); 1 sender exists; \
                last received at src/work.rs:4 by t1; 2 receivers exist";
    assert!(report.findings[0].facts[1].contains(ends), "{:?}", report.findings[0].facts);
    let wide = TextOptions { width: 400, ..TextOptions::default() };
    assert!(text(&report, &wide).contains(ends));
    let page = json(&report);
    assert!(page.contains(ends) && page.contains("it has asked context #1"), "{page}");
}
