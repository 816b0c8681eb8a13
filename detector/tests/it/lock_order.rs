//! Deadlocks that did not happen: what is a circle of locks, and what only looks like one.

use gleak_detector::snapshot::{
    HoldMode, Joined, LockPair, ObjectId, RegionId, SnapshotBuilder, TaskId,
};
use gleak_detector::{Certainty, Question, Report, Rule, Scope, analyze};

use crate::support::{bank, found, golden, ignore, members, process, region};

const TRANSFER: &str = "bank::transfer::{{closure}}";

/// So many mutexes, made at as many places.
fn locks(b: &mut SnapshotBuilder, count: usize) -> Vec<ObjectId> {
    (0..count).map(|number| b.mutex(&format!("src/bank.rs:{}", number + 1))).collect()
}

/// The task took `held` and then `wanted`.
fn took(b: &mut SnapshotBuilder, task: u64, held: ObjectId, wanted: ObjectId) -> &mut LockPair {
    let place = |lock: ObjectId, way: u64| format!("src/way{way}.rs:{}", 10 * task + lock.0);
    let spawn = (&*format!("src/main.rs:{task}"), TRANSFER);
    let witness = b.pair_witness(TaskId(task), spawn, &place(held, 1), &place(wanted, 2));
    b.lock_pair(held, wanted, witness)
}

fn orders(report: &Report) -> Vec<Vec<u64>> {
    assert!(report.findings.iter().all(|it| it.key.rule == Rule::LockOrder));
    report.findings.iter().map(members).collect()
}

#[track_caller]
fn check(b: SnapshotBuilder, expected: &[&[u64]]) {
    assert_eq!(orders(&process(&b.build())), expected);
}

#[test]
fn two_tasks_in_opposite_order() {
    let mut b = SnapshotBuilder::new();
    let ab = locks(&mut b, 2);
    took(&mut b, 7, ab[0], ab[1]);
    check(b.clone(), &[]);
    took(&mut b, 8, ab[1], ab[0]).wanted.name = Some("accounts".to_owned());
    let report = process(&b.clone().build());
    let finding = &report.findings[0];
    assert_eq!(finding.certainty, Certainty::Potential);
    assert_eq!((members(finding), finding.chain.len()), (vec![7, 8], 2));
    let links: Vec<String> = finding
        .chain
        .iter()
        .map(|it| format!("{} {} {} {}", it.task.task, it.wants, it.at, it.held_by))
        .collect();
    let expected = ["t7 lock #2 src/way2.rs:72 t8", "t8 lock #1 \"accounts\" src/way2.rs:81 t7"];
    assert_eq!(links, expected);
    assert_eq!(
        finding.chain[0].taken_at.as_ref().map(ToString::to_string).unwrap(),
        "src/way1.rs:82"
    );
    // Again by others: the same finding.
    took(&mut b, 9, ab[0], ab[1]).gates = vec![ObjectId(99)];
    check(b, &[&[7, 8]]);
}

#[test]
fn one_task_alone_meets_nobody() {
    let mut b = SnapshotBuilder::new();
    let ab = locks(&mut b, 2);
    took(&mut b, 7, ab[0], ab[1]);
    took(&mut b, 7, ab[1], ab[0]);
    check(b.clone(), &[]);
    // The first one kept is not the only one.
    let mut other = took(&mut b.clone(), 8, ab[0], ab[1]).witnesses.remove(0);
    other.held_at = b.site("src/way1.rs:1");
    other.wanted_at = other.held_at;
    other.spawn = None;
    let mut snapshot = b.build();
    snapshot.lock_order[0].witnesses.push(other);
    assert_eq!(orders(&process(&snapshot)), [[7, 8]]);
}

#[test]
fn circles_of_any_length_without_an_inverted_pair() {
    for count in [3, 5, 40] {
        let mut b = SnapshotBuilder::new();
        let forks = locks(&mut b, count);
        for (task, fork) in (1..).zip(&forks) {
            took(&mut b, task, *fork, forks[task as usize % count]);
        }
        let all: Vec<u64> = (1..=count as u64).collect();
        check(b, &[&all]);
    }
}

#[test]
fn order_within_a_kind_is_that_of_the_locks() {
    let mut b = SnapshotBuilder::new();
    let nodes: Vec<ObjectId> = (0..4).map(|_| b.mutex("src/tree.rs:5")).collect();
    // Down a tree, hand over hand and all held.
    for (task, (parent, child)) in (1..).zip([(0, 1), (1, 3), (0, 3), (0, 2)]) {
        took(&mut b, task, nodes[parent], nodes[child]);
    }
    check(b.clone(), &[]);
    took(&mut b, 9, nodes[3], nodes[1]);
    check(b, &[&[2, 9]]);
}

#[test]
fn a_lock_that_both_hold_lets_them_pass_one_by_one() {
    let mut b = SnapshotBuilder::new();
    let abg = locks(&mut b, 3);
    took(&mut b, 7, abg[0], abg[1]).gates = vec![abg[2]];
    let mut with = b.clone();
    took(&mut with, 8, abg[1], abg[0]).gates = vec![abg[2]];
    check(with.clone(), &[]);
    // Around the gate there is another way.
    took(&mut with, 9, abg[1], abg[0]).gates = vec![ObjectId(99)];
    check(with, &[&[7, 9]]);
    took(&mut b, 8, abg[1], abg[0]);
    check(b, &[&[7, 8]]);
}

#[test]
fn a_gate_that_is_a_step_elsewhere_is_a_gate() {
    let mut b = SnapshotBuilder::new();
    let abc = locks(&mut b, 3);
    took(&mut b, 1, abc[0], abc[1]);
    took(&mut b, 2, abc[1], abc[2]).gates = vec![abc[0]];
    took(&mut b, 3, abc[2], abc[0]);
    check(b.clone(), &[]);
    took(&mut b, 4, abc[1], abc[2]);
    check(b, &[&[1, 3, 4]]);
}

#[test]
fn the_longer_way_counts_where_the_short_one_has_a_gate() {
    let mut b = SnapshotBuilder::new();
    let abc = locks(&mut b, 4);
    took(&mut b, 1, abc[0], abc[1]).gates = vec![abc[3]];
    took(&mut b, 2, abc[1], abc[0]).gates = vec![abc[3]];
    took(&mut b, 3, abc[1], abc[2]);
    check(b.clone(), &[]);
    took(&mut b, 4, abc[2], abc[0]);
    check(b, &[&[1, 3, 4]]);
}

#[test]
fn a_limit_ends_the_wait() {
    let mut b = SnapshotBuilder::new();
    let ab = locks(&mut b, 2);
    took(&mut b, 7, ab[0], ab[1]);
    took(&mut b, 8, ab[1], ab[0]).timed = true;
    check(b, &[]);
}

#[test]
fn readers_keep_writers_only() {
    let (read, alone) = (HoldMode::Shared, HoldMode::Exclusive);
    // What one holds and wants, then the other; whether each waits for what the other has.
    let cases = [
        ([read, read], [read, read], false),
        ([read, alone], [read, read], false),
        ([read, alone], [alone, read], false),
        ([read, read], [alone, read], false),
        ([read, alone], [read, alone], true),
        ([read, read], [alone, alone], true),
        ([alone, read], [alone, read], true),
        ([alone, alone], [alone, alone], true),
    ];
    for (one, other, is_circle) in cases {
        let mut b = SnapshotBuilder::new();
        let (first, second) = (b.rwlock("src/a.rs:1"), b.rwlock("src/a.rs:2"));
        for (task, held, wanted, modes) in [(7, first, second, one), (8, second, first, other)] {
            let pair = took(&mut b, task, held, wanted);
            (pair.held.mode, pair.wanted.mode) = (modes[0], modes[1]);
        }
        let found = orders(&process(&b.build())).len();
        assert_eq!(found, usize::from(is_circle), "{one:?} {other:?}");
    }
}

/// Task 7 took `a` before `b` at the moments 3 to 5, and task 8 `b` before `a` from 9 on.
fn in_turn(change: impl FnOnce(&mut LockPair, &mut LockPair)) -> Vec<Vec<u64>> {
    let mut b = SnapshotBuilder::new();
    let ab = locks(&mut b, 2);
    took(&mut b, 7, ab[0], ab[1]);
    took(&mut b, 8, ab[1], ab[0]);
    let mut snapshot = b.build();
    let [one, other] = &mut snapshot.lock_order[..] else { panic!("two pairs") };
    (one.witnesses[0].born, one.witnesses[0].first, one.witnesses[0].last) = (1, 3, 5);
    (other.witnesses[0].born, other.witnesses[0].first, other.witnesses[0].last) = (2, 9, 12);
    change(one, other);
    assert_eq!(snapshot.validate(), Ok(()));
    orders(&process(&snapshot))
}

#[test]
fn what_is_over_before_the_other_begins_meets_nobody() {
    assert_eq!(in_turn(|_, _| {}), [[7, 8]], "one after the other by chance");
    let none: Vec<Vec<u64>> = Vec::new();
    assert_eq!(in_turn(|_, other| other.witnesses[0].born = 6), none, "spawned afterwards");
    assert_eq!(in_turn(|_, other| other.witnesses[0].born = 5), [[7, 8]], "spawned meanwhile");
    let joined = |by, at| Some(Joined { by: TaskId(by), at });
    assert_eq!(in_turn(|one, _| one.witnesses[0].joined = joined(8, 7)), none);
    assert_eq!(in_turn(|one, _| one.witnesses[0].joined = joined(8, 11)), [[7, 8]], "too late");
    assert_eq!(in_turn(|one, _| one.witnesses[0].joined = joined(6, 7)), [[7, 8]], "by another");
    let spawner = vec![TaskId(5), TaskId(8)];
    assert_eq!(in_turn(|one, _| one.witnesses[0].parents = spawner.clone()), none);
    let again = |one: &mut LockPair, _: &mut LockPair| {
        one.witnesses[0].parents = spawner;
        one.witnesses[0].last = 10;
    };
    assert_eq!(in_turn(again), [[7, 8]], "once more after its spawner");
}

#[test]
fn tasks_of_different_tests_never_meet() {
    let mut b = SnapshotBuilder::new();
    let ab = locks(&mut b, 2);
    let (one, other) = (b.region("one"), b.region("other"));
    took(&mut b, 7, ab[0], ab[1]).witnesses[0].region = Some(one);
    took(&mut b, 8, ab[1], ab[0]).witnesses[0].region = Some(other);
    check(b.clone(), &[]);
    took(&mut b, 9, ab[1], ab[0]).gates = vec![ObjectId(99)];
    check(b.clone(), &[&[7, 9]]);
    let snapshot = b.build();
    let asked = |region_id: RegionId| found(&region(&snapshot, region_id));
    assert_eq!(asked(one), [(Rule::LockOrder, vec![7, 9])]);
    assert_eq!(asked(other), []);
}

#[test]
fn questions_cut_by_who_took_the_locks() {
    let mut b = SnapshotBuilder::new();
    let ab = locks(&mut b, 2);
    took(&mut b, 7, ab[0], ab[1]);
    took(&mut b, 8, ab[1], ab[0]);
    let snapshot = b.build();
    let since = |last| Scope::NewSince([TaskId(last)].into());
    let asked = |scope, ignore| {
        orders(&analyze(&snapshot, &Question { scope, ignore, ..Question::default() })).len()
    };
    assert_eq!((asked(since(6), vec![]), asked(since(8), vec![])), (1, 0));
    let ignore = |entry: &str| vec![ignore(&format!("entry={entry}"))];
    assert_eq!(asked(Scope::Process, ignore("bank::transfer")), 0);
    assert_eq!(asked(Scope::Process, ignore("bank::audit")), 1);
}

#[test]
fn an_ignore_takes_those_that_have_ended_too() {
    let mut b = SnapshotBuilder::new();
    let ab = locks(&mut b, 4);
    let lives = b.task("src/main.rs:3", TRANSFER).label("kind", "idle").running().id();
    took(&mut b, lives.0, ab[0], ab[1]);
    took(&mut b, 8, ab[1], ab[0]).witnesses[0].name = Some("eight".to_owned());
    // Another circle of the same two, who count once.
    took(&mut b, lives.0, ab[2], ab[3]);
    took(&mut b, 8, ab[3], ab[2]).witnesses[0].name = Some("eight".to_owned());
    // No circle: nobody counts who is in no finding and lives no more.
    took(&mut b, 9, ab[0], ab[2]).witnesses[0].name = Some("eight".to_owned());
    let stack = b.stack(&[("bank::deposit", "src/bank.rs:31")]);
    let mut snapshot = b.build();
    for pair in &mut snapshot.lock_order {
        pair.witnesses[0].stack = Some(stack);
    }
    let ask = |texts: &[&str]| {
        let ignore = texts.iter().map(|text| ignore(text)).collect();
        let report = analyze(&snapshot, &Question { ignore, ..Question::default() });
        let took = report.exceptions.iter().map(|it| it.tasks).collect::<Vec<_>>();
        (orders(&report).len(), took)
    };
    assert_eq!(ask(&["name=eight"]), (1, vec![1]), "the other one is not ignored");
    assert_eq!(ask(&["name=eight", "label.kind=idle"]), (0, vec![1, 1]));
    assert_eq!(ask(&["crate=bank"]), (0, vec![2]));
    // One that lives is told by where it stands, not by where it once was.
    assert_eq!(ask(&["frame=bank::deposit"]), (1, vec![1]));
    assert_eq!(ask(&["frame=bank::deposit", "label.kind=idle"]), (0, vec![1, 1]));
}

#[test]
fn what_happened_comes_before_what_could() {
    let mut b = bank();
    let (first, second) = (ObjectId(1), ObjectId(2));
    took(&mut b, 7, first, second);
    took(&mut b, 8, second, first);
    let rules = |b: &SnapshotBuilder| {
        let report = process(&b.clone().build());
        report.findings.iter().map(|it| it.key.rule).collect::<Vec<_>>()
    };
    assert_eq!(rules(&b), [Rule::Cycle, Rule::LockOrder]);
    b.still();
    assert_eq!(rules(&b), [Rule::Cycle], "the process is asleep");
}

#[test]
fn a_thousand_orders_are_searched_to_an_end() {
    let mut b = SnapshotBuilder::new();
    let nodes: Vec<ObjectId> = (0..60).map(|_| b.mutex("src/tree.rs:5")).collect();
    for (at, held) in nodes.iter().enumerate() {
        for wanted in &nodes[at + 1..] {
            took(&mut b, 1 + at as u64, *held, *wanted).gates = vec![ObjectId(999)];
        }
    }
    check(b.clone(), &[]);
    // Back to the first from anywhere, and each time through the gate.
    for (task, held) in (100..).zip(&nodes[1..]) {
        took(&mut b, task, *held, nodes[0]).gates = vec![ObjectId(999)];
    }
    check(b, &[]);
}

#[test]
fn the_page_shows_both_sides() {
    let mut b = bank_at_work();
    let stack = b.stack(&[
        ("bank::Account::deposit", "src/bank.rs:31"),
        ("bank::transfer::{{closure}}", "src/main.rs:16"),
    ]);
    let mut snapshot = b.build();
    snapshot.lock_order[0].witnesses[0].stack = Some(stack);
    let report = process(&snapshot);
    for width in [80, 120] {
        let options = gleak_detector::render::TextOptions { width, ..Default::default() };
        let page = gleak_detector::render::text(&report, &options);
        golden(&format!("testdata/lock-order-{width}.txt"), &page);
    }
}

fn bank_at_work() -> SnapshotBuilder {
    let mut b = SnapshotBuilder::new();
    b.header_mut().program = "bank".to_owned();
    let (first, second) = (b.mutex("src/bank.rs:10"), b.mutex("src/bank.rs:11"));
    b.object_mut(first).name = Some("accounts[a]".to_owned());
    let spawn = ("src/main.rs:16", TRANSFER);
    let mut witness = b.pair_witness(TaskId(3), spawn, "src/bank.rs:30", "src/bank.rs:31");
    witness.name = Some("a->b".to_owned());
    b.lock_pair(first, second, witness);
    let audit = ("src/main.rs:18", "bank::audit");
    let witness = b.pair_witness(TaskId(4), audit, "src/audit.rs:8", "src/audit.rs:9");
    b.lock_pair(second, first, witness);
    let _ = b.task("src/main.rs:20", "bank::serve").running().id();
    b
}
