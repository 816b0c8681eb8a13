//! The rules that know owners: cycle, structural, abandoned lock.

use gleak_detector::snapshot::{
    Arm, HoldMode, ObjectDetail, SnapshotBuilder, TaskId, WaitOp, WaitReason,
};
use gleak_detector::{Certainty, Rule};

use crate::support::{MS, bank, dependents, found, process, region};

#[test]
fn two_locks_in_opposite_order() {
    let mut b = bank();
    let _ = b.task("src/main.rs:20", "bank::ticker").running().id();
    let report = process(&b.build());
    assert_eq!(found(&report), [(Rule::Cycle, vec![1, 2])]);
    let cycle = &report.findings[0];
    assert_eq!((cycle.certainty, dependents(cycle)), (Certainty::Certain, vec![3]));
    let steps: Vec<(u64, u64)> =
        cycle.chain.iter().map(|link| (link.task.task.0, link.held_by.0)).collect();
    assert_eq!(steps, [(1, 2), (2, 1)]);
    assert_eq!(cycle.chain[0].wants, "lock #2 \"accounts[b]\"");
    assert_eq!(cycle.chain[0].taken_at.as_ref().unwrap().to_string(), "src/bank.rs:30");
    assert_eq!(cycle.chain[0].held_ns, Some(50 * MS));
    assert_eq!(report.totals.stuck, 3);
}

/// What makes a circle of locks prove nothing.
#[test]
fn circles_that_may_open() {
    type Change = fn(&mut SnapshotBuilder);
    let lock = gleak_detector::snapshot::ObjectId(1);
    let changes: [(&str, Change); 5] = [
        ("timer", |b| {
            let _ = b.task_mut(TaskId(1)).until(99 * MS).id();
        }),
        ("unlisted arm", |b| {
            let _ = b.task_mut(TaskId(1)).unlisted(1).id();
        }),
        ("moving", |b| {
            let _ = b.task_mut(TaskId(1)).moving().id();
        }),
        ("woken", |b| {
            let _ = b.task_mut(TaskId(2)).runnable().id();
        }),
        ("channel arm", |b| {
            let channel = b.channel("src/a.rs:1", Some(0));
            let arms = [
                Arm::object(WaitOp::Lock, gleak_detector::snapshot::ObjectId(2)),
                Arm::object(WaitOp::Receive, channel),
            ];
            let _ = b.task_mut(TaskId(1)).select(&arms, "src/a.rs:2").id();
        }),
    ];
    for (name, change) in changes {
        let mut b = bank();
        change(&mut b);
        assert_eq!(found(&process(&b.build())), [], "{name}");
    }
    let mut b = bank();
    b.object_mut(lock).unsettled = true;
    assert_eq!(found(&process(&b.build())), [], "unsettled");
    let mut b = bank();
    if let ObjectDetail::Mutex { exact, .. } = &mut b.object_mut(lock).detail {
        *exact = false;
    }
    assert_eq!(found(&process(&b.build())), [], "inexact");
}

/// A cut file hides nobody from a circle whose members were all seen.
#[test]
fn a_cycle_stands_in_a_damaged_dump() {
    let mut b = bank();
    b.completeness_mut().cut = true;
    b.completeness_mut().damaged_lines = 3;
    assert_eq!(found(&process(&b.build())), [(Rule::Cycle, vec![1, 2])]);
}

#[test]
fn joins_in_a_ring_and_on_oneself() {
    let mut b = SnapshotBuilder::new();
    for next in [2, 3, 1] {
        let _ = b.task("src/ring.rs:1", "app::ring").joins(TaskId(next), "src/ring.rs:2").id();
    }
    let _ = b.task("src/own.rs:1", "app::own").joins(TaskId(4), "src/own.rs:2").id();
    // It has just finished: the joiner is about to be woken.
    let _ = b.task("src/late.rs:1", "app::late").joins(TaskId(99), "src/late.rs:2").id();
    let report = process(&b.build());
    let expected = [(Rule::Cycle, vec![1, 2, 3]), (Rule::Structural, vec![4])];
    assert_eq!(found(&report), expected);
    assert!(report.findings[1].because.contains("its own end"), "{}", report.findings[1].because);
}

#[test]
fn waits_that_nothing_ends() {
    let mut b = SnapshotBuilder::new();
    let never = Arm::never(WaitOp::Receive);
    let channel = b.channel("src/c.rs:1", None);
    let _ =
        b.task("src/a.rs:1", "app::never").waits(WaitReason::Receive, &[never], "src/a.rs:2").id();
    let _ = b.task("src/a.rs:3", "app::empty").select(&[], "src/a.rs:4").id();
    let arms = [never, Arm::object(WaitOp::Receive, channel)];
    let _ = b.task("src/a.rs:5", "app::either").select(&arms, "src/a.rs:6").id();
    let _ = b.task("src/a.rs:7", "app::timed").select(&[never], "src/a.rs:8").until(9).id();
    let report = process(&b.build());
    let mut tasks: Vec<_> = found(&report);
    tasks.sort();
    assert_eq!(tasks, [(Rule::Structural, vec![1]), (Rule::Structural, vec![2])]);
}

#[test]
fn a_lock_taken_twice() {
    let mut b = SnapshotBuilder::new();
    let lock = b.mutex("src/a.rs:1");
    let task = b.task("src/a.rs:2", "app::twice").locks(lock, "src/a.rs:4").id();
    b.owns(lock, task, "src/a.rs:3", 0);
    let report = process(&b.build());
    assert_eq!(found(&report), [(Rule::Structural, vec![1])]);
    assert_eq!(report.findings[0].chain[0].held_by, task);
}

#[test]
fn a_reader_that_wants_to_write() {
    // One that upgrades waits for itself; two wait for each other.
    for (others, rule) in [(0, Rule::Structural), (1, Rule::Cycle)] {
        let mut b = SnapshotBuilder::new();
        let lock = b.rwlock("src/a.rs:1");
        for _ in 0..=others {
            let task = b.task("src/a.rs:2", "app::upgrade").locks(lock, "src/a.rs:4").id();
            b.reads(lock, task);
        }
        assert_eq!(found(&process(&b.build()))[0].0, rule);
    }
}

#[test]
fn a_writer_waits_for_all_readers() {
    for stuck in [false, true] {
        let mut b = SnapshotBuilder::new();
        let lock = b.rwlock("src/a.rs:1");
        let other = b.mutex("src/a.rs:2");
        let writer = b.task("src/a.rs:3", "app::write").locks(lock, "src/a.rs:4").id();
        b.owns(other, writer, "src/a.rs:5", 0);
        let free = b.task("src/a.rs:6", "app::read").running().id();
        let held = b.task("src/a.rs:6", "app::read").id();
        b.reads(lock, free);
        b.reads(lock, held);
        if stuck {
            let _ = b.task_mut(held).locks(other, "src/a.rs:7").id();
        }
        let expected: Vec<(Rule, Vec<u64>)> =
            if stuck { vec![(Rule::Cycle, vec![1, 3])] } else { Vec::new() };
        assert_eq!(found(&process(&b.build())), expected);
    }
}

/// The reader already in, the writer behind it, and the reader's second lock behind the writer.
#[test]
fn reader_writer_reader() {
    let build = || {
        let mut b = SnapshotBuilder::new();
        let lock = b.rwlock("src/a.rs:1");
        let reader = b.task("src/a.rs:2", "app::read").read_locks(lock, "src/a.rs:3").id();
        b.reads(lock, reader);
        (b, lock)
    };
    let (mut b, lock) = build();
    let _ = b.task("src/a.rs:5", "app::write").locks(lock, "src/a.rs:6").id();
    let report = process(&b.build());
    assert_eq!(found(&report), [(Rule::Cycle, vec![1, 2])]);
    assert!(report.findings[0].chain[0].wants.contains("behind the queued writer"));
    // Without a writer in sight somebody unknown is in the way.
    assert_eq!(found(&process(&build().0.build())), []);
    // The writer may give up.
    let (mut b, lock) = build();
    let _ = b.task("src/a.rs:5", "app::write").locks(lock, "src/a.rs:6").until(9).id();
    assert_eq!(found(&process(&b.build())), []);
    // A stranger that moves is no writer that waits; one that the lock counts and nobody sees is.
    let (mut b, lock) = build();
    let _ = b.task("src/a.rs:5", "app::write").locks(lock, "src/a.rs:6").id();
    let _ = b.task("src/a.rs:8", "app::other").moving().id();
    assert_eq!(found(&process(&b.clone().build())), [(Rule::Cycle, vec![1, 2])]);
    let ObjectDetail::RwLock { waiting_writers, .. } = &mut b.object_mut(lock).detail else {
        panic!("a lock")
    };
    *waiting_writers = 2;
    assert_eq!(found(&process(&b.build())), []);
}

#[test]
fn unknown_readers_prove_nothing() {
    let mut b = SnapshotBuilder::new();
    let lock = b.rwlock("src/a.rs:1");
    let task = b.task("src/a.rs:2", "app::upgrade").locks(lock, "src/a.rs:4").id();
    b.reads(lock, task);
    if let ObjectDetail::RwLock { readers, .. } = &mut b.object_mut(lock).detail {
        *readers += 1;
    }
    assert_eq!(found(&process(&b.build())), []);
}

#[test]
fn threads_are_in_cycles_too() {
    let mut b = SnapshotBuilder::new();
    let lock = b.mutex("src/a.rs:1");
    let task = b.task("src/a.rs:2", "app::work").locks(lock, "src/a.rs:3").id();
    let thread = b.thread("main").joins(task, "src/a.rs:5").id();
    b.owns(lock, thread, "src/a.rs:4", 0);
    let report = process(&b.build());
    assert_eq!(found(&report), [(Rule::Cycle, vec![1, 2])]);
    assert_eq!((report.totals.tasks, report.totals.threads, report.totals.stuck), (1, 1, 1));
}

#[test]
fn an_abandoned_lock_is_strong_and_not_certain() {
    let mut b = SnapshotBuilder::new();
    let lock = b.mutex("src/a.rs:1");
    let waits = b.task("src/a.rs:2", "app::work").locks(lock, "src/a.rs:3").id();
    b.owned_by_finished(lock, TaskId(77), "src/a.rs:4", 0);
    let _ = b.task("src/a.rs:5", "app::boss").joins(waits, "src/a.rs:6").id();
    let _ = b.task("src/a.rs:7", "app::patient").locks(lock, "src/a.rs:8").until(9).id();
    let report = process(&b.build());
    assert_eq!(found(&report), [(Rule::AbandonedLock, vec![1])]);
    let finding = &report.findings[0];
    assert_eq!((finding.certainty, dependents(finding)), (Certainty::Strong, vec![2]));
    assert_eq!(report.totals.stuck, 0);
    assert!(finding.facts[0].contains("finished without giving it back"), "{:?}", finding.facts);
}

/// Forty equal circles are one finding; so are the same circles seen from one of their tests.
#[test]
fn equal_circles_are_one_finding() {
    let mut b = SnapshotBuilder::new();
    let mut regions = Vec::new();
    for test in 0..40 {
        let own = b.region(&format!("test{test}"));
        regions.push(own);
        let (first, second) = (b.mutex("src/a.rs:1"), b.mutex("src/a.rs:2"));
        let one = b.task("src/a.rs:3", "app::one").region(own).locks(second, "src/a.rs:4").id();
        let two = b.task("src/a.rs:5", "app::two").region(own).locks(first, "src/a.rs:6").id();
        b.owns(first, one, "src/a.rs:7", 0);
        b.owns(second, two, "src/a.rs:8", 0);
    }
    let snapshot = b.build();
    let all = process(&snapshot);
    assert_eq!(all.findings.len(), 1);
    assert_eq!((all.findings[0].tasks(), all.findings[0].regions.len()), (80, 40));
    let one = region(&snapshot, regions[7]);
    assert_eq!(found(&one), [(Rule::Cycle, vec![15, 16])]);
    assert_eq!(one.findings[0].fingerprint, all.findings[0].fingerprint);
}

#[test]
fn a_hold_alone_makes_no_owner() {
    let mut b = SnapshotBuilder::new();
    let lock = b.rwlock("src/a.rs:1");
    let reader = b.task("src/a.rs:2", "app::read").running().id();
    b.reads(lock, reader);
    let _ = b.task("src/a.rs:3", "app::write").locks(lock, "src/a.rs:4").id();
    let snapshot = b.build();
    assert_eq!(snapshot.tasks[0].holds[0].mode, HoldMode::Shared);
    assert_eq!(found(&process(&snapshot)), []);
}

/// Both rules fit; the certain one has it, and says what the other would have said.
#[test]
fn an_abandoned_lock_in_a_process_asleep() {
    let mut b = SnapshotBuilder::new();
    let lock = b.mutex("src/a.rs:1");
    let _ = b.task("src/a.rs:2", "app::work").locks(lock, "src/a.rs:3").id();
    b.owned_by_finished(lock, TaskId(77), "src/a.rs:4", 0);
    b.still();
    let report = process(&b.build());
    assert_eq!(found(&report), [(Rule::Asleep, vec![1])]);
    assert!(report.findings[0].facts[0].contains("finished without giving it back"));
}

/// A select whose every arm comes back to the task itself.
#[test]
fn a_select_on_oneself() {
    let mut b = SnapshotBuilder::new();
    let lock = b.mutex("src/a.rs:1");
    let arms = [Arm::object(WaitOp::Lock, lock), Arm::task(TaskId(1))];
    let task = b.task("src/a.rs:2", "app::own").select(&arms, "src/a.rs:3").id();
    b.owns(lock, task, "src/a.rs:4", 0);
    let report = process(&b.build());
    assert_eq!(found(&report), [(Rule::Structural, vec![1])]);
    assert!(report.findings[0].because.contains("each arm"), "{}", report.findings[0].because);
}

/// Who runs an initialiser owns it: circles through it are as certain as through a lock.
#[test]
fn initialisers_that_wait_for_each_other_or_for_themselves() {
    let mut b = SnapshotBuilder::new();
    let (config, log) = (b.once("src/config.rs:3"), b.once("src/log.rs:3"));
    let lock = b.mutex("src/a.rs:1");
    let first = b.task("src/a.rs:2", "app::config").waits_once(log, "src/config.rs:9").id();
    let second = b.task("src/a.rs:3", "app::log").locks(lock, "src/log.rs:9").id();
    b.owns(config, first, "src/config.rs:4", 0);
    b.owns(log, second, "src/log.rs:4", 0);
    b.owns(lock, first, "src/config.rs:5", 0);
    let own = b.once("src/own.rs:3");
    let third = b.task("src/a.rs:5", "app::own").waits_once(own, "src/own.rs:5").id();
    b.owns(own, third, "src/own.rs:4", 0);
    let report = process(&b.build());
    let expected = [(Rule::Cycle, vec![1, 2]), (Rule::Structural, vec![3])];
    assert_eq!(found(&report), expected);
    assert_eq!(report.findings[0].chain[0].wants, "once #2");
    let because = &report.findings[1].because;
    assert!(because.contains("an initialiser that it runs itself"), "{because}");
}

/// Whoever runs it can go on; or it has just come to its end and waiters are about to be woken.
#[test]
fn initialisers_that_come_to_an_end() {
    let mut b = SnapshotBuilder::new();
    let (slow, over) = (b.once("src/slow.rs:3"), b.once("src/over.rs:3"));
    let runs = b.task("src/a.rs:1", "app::slow").running().id();
    b.owns(slow, runs, "src/slow.rs:4", 0);
    let _ = b.task("src/a.rs:2", "app::waits").waits_once(slow, "src/slow.rs:4").id();
    let _ = b.task("src/a.rs:3", "app::waits").waits_once(over, "src/over.rs:4").id();
    assert_eq!(found(&process(&b.build())), []);
}

#[test]
fn more_permits_than_there_are() {
    let mut b = SnapshotBuilder::new();
    let limit = b.semaphore("src/a.rs:1", 3);
    let _ = b.task("src/a.rs:2", "app::fits").acquires(limit, 3, "src/a.rs:3").id();
    let _ = b.task("src/a.rs:4", "app::greedy").acquires(limit, 4, "src/a.rs:5").id();
    let _ = b.task("src/a.rs:6", "app::patient").acquires(limit, 4, "src/a.rs:7").until(9).id();
    let report = process(&b.build());
    assert_eq!(found(&report), [(Rule::Structural, vec![2])]);
    let because = &report.findings[0].because;
    assert!(because.contains("more permits than its semaphore has"), "{because}");
    let facts = &report.findings[0].facts;
    assert_eq!(facts[0], "semaphore #1 made at src/a.rs:1; 3 of 3 permits available");
}

#[test]
fn what_anybody_may_end_proves_nothing() {
    let mut b = SnapshotBuilder::new();
    let mutex = b.mutex("src/a.rs:1");
    let (cond, barrier) = (b.cond("src/a.rs:2", mutex), b.barrier("src/a.rs:3", 2));
    let _ = b.task("src/a.rs:4", "app::a").waits_cond(cond, "src/a.rs:5").id();
    let _ = b.task("src/a.rs:6", "app::b").waits_barrier(barrier, "src/a.rs:7").id();
    assert_eq!(found(&process(&b.build())), []);
}
