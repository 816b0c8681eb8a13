//! Rules that say more of what is left over at an end: spinners, lost wake-ups, locks held over a wait.
//! Each has its tasks from `outlived`, and nothing to say where being alive is no finding.

use std::collections::BTreeSet;

use gleak_detector::render::{self, TextOptions};
use gleak_detector::snapshot::{
    Arm, KernelSleep, ObjectId, RegionId, SnapshotBuilder, TaskId, Tenure, WaitOp, WorkerId,
};
use gleak_detector::{Asleep, Certainty, Question, Report, Rule, Scope, analyze};

use crate::support::{MS, dependents, found, golden, ignore, process, region, stack};

const S: u64 = 1_000 * MS;

fn at(taken_ns: u64) -> (SnapshotBuilder, RegionId) {
    let mut b = SnapshotBuilder::new();
    b.taken_at(taken_ns);
    let own = b.region("crawl");
    (b, own)
}

/// `t1` has held worker 0 since 1 s; `t2` is ready behind it, `t3` waits there, `t4` runs elsewhere.
fn spinning(taken_ns: u64) -> (SnapshotBuilder, RegionId) {
    let (mut b, own) = at(taken_ns);
    let (held, free) = (b.worker(), b.worker());
    let pages = b.channel("src/crawl.rs:3", Some(0));
    let spins = b.task("src/crawl.rs:8", "app::poll").region(own).running().id();
    b.held(held, spins, S);
    let _ = b.task("src/crawl.rs:9", "app::read").region(own).runnable().started_on(held).id();
    let reader =
        b.task("src/crawl.rs:9", "app::read").region(own).receives(pages, "src/crawl.rs:20");
    let _ = reader.started_on(held).id();
    let other = b.task("src/crawl.rs:30", "app::log").region(own).running().id();
    b.runs(free, other);
    (b, own)
}

#[test]
fn who_sleeps_is_told_with_when_it_wakes() {
    let (mut b, own) = at(10 * S);
    let _ = b.task("src/crawl.rs:8", "app::poll").region(own).sleeps(15 * S, "src/crawl.rs:9").id();
    let _ = b.task("src/crawl.rs:8", "app::poll").region(own).sleeps(12 * S, "src/crawl.rs:9").id();
    let report = region(&b.build(), own);
    assert_eq!(found(&report), [(Rule::Outlived, vec![1, 2])]);
    assert_eq!(report.findings[0].facts, ["the next of its timers is due in 2.0 s"]);
}

#[test]
fn a_spinner_is_told_with_who_is_stranded() {
    let (b, own) = spinning(3 * S);
    let mut snapshot = b.build();
    let stack =
        stack(&mut snapshot, &["app::spin at src/crawl.rs:15", "app::poll at src/crawl.rs:8"]);
    snapshot.tasks[0].backtrace = Some(stack);
    let report = region(&snapshot, own);
    let rules = [(Rule::Spinner, vec![1]), (Rule::Outlived, vec![4]), (Rule::Outlived, vec![3])];
    assert_eq!(found(&report), rules);
    let finding = &report.findings[0];
    assert_eq!((finding.certainty, dependents(finding)), (Certainty::Weak, vec![2]));
    assert_eq!(
        finding.facts,
        ["t1 has held worker 0 for 2.0 s; 2 other started tasks behind it, 1 ready to run"]
    );
    assert!(finding.groups[0].backtrace.is_some());
    let text = render::text(&report, &TextOptions::default());
    assert!(!text.contains("deadlock"), "{text}");
    golden("testdata/spinner-100.txt", &text);
    assert_eq!(found(&process(&snapshot)), []);
}

#[test]
fn who_switches_or_waits_or_is_a_daemon_is_no_spinner() {
    let rules = |b: SnapshotBuilder, own| {
        let report = region(&b.build(), own);
        report.findings.iter().any(|finding| finding.key.rule == Rule::Spinner)
    };
    let (b, own) = spinning(2 * S);
    assert!(rules(b, own), "a second is enough");
    let (b, own) = spinning(2 * S - 1);
    assert!(!rules(b, own), "not quite a second");
    let (mut b, own) = spinning(3 * S);
    let _ = b.task_mut(TaskId(1)).tenure(Tenure::Daemon).id();
    assert!(!rules(b, own), "a daemon");
    let (mut b, own) = spinning(3 * S);
    let jobs = b.channel("src/crawl.rs:4", None);
    let _ = b.task_mut(TaskId(1)).receives(jobs, "src/crawl.rs:5").holds_worker().id();
    assert!(!rules(b, own), "a wait that keeps its worker");
    let (mut b, _) = spinning(3 * S);
    let other = b.region("another");
    let behind = b.task("src/crawl.rs:9", "app::read").region(other).runnable();
    let _ = behind.started_on(WorkerId(0)).id();
    assert!(!rules(b, other), "of another region, which may go on");
}

#[test]
fn who_is_ready_on_another_worker_is_not_stranded() {
    let (mut b, own) = spinning(3 * S);
    let elsewhere = b.task("src/crawl.rs:9", "app::read").region(own).runnable();
    let _ = elsewhere.started_on(WorkerId(1)).id();
    let report = region(&b.build(), own);
    assert_eq!(dependents(&report.findings[0]), [2]);
}

#[test]
fn a_worker_that_sleeps_in_the_kernel_is_told_and_no_finding() {
    let line = |sleep| {
        let (mut b, _) = spinning(3 * S);
        b.sleeps_in_kernel(WorkerId(0), sleep);
        let mut snapshot = b.build();
        let stack = stack(&mut snapshot, &["app::load at src/crawl.rs:12"]);
        snapshot.tasks[0].backtrace = Some(stack);
        let report = process(&snapshot);
        assert_eq!((found(&report), report.held[0].sleeps), (vec![], Some(sleep)));
        let text = render::text(&report, &TextOptions { width: 300, ..TextOptions::default() });
        let lines: Vec<&str> = text.lines().skip_while(|line| !line.contains("held by")).collect();
        format!("{}\n{}", lines[0], lines[1])
    };
    assert_eq!(
        line(KernelSleep::Futex),
        "worker 0 has been held by t1 for 2.0 s (spawned at src/crawl.rs:8); its thread sleeps in the \
         kernel, in a call of the task's own: a lock of std's?; 2 started tasks wait behind it, 1 ready \
         to run\n  from     src/crawl.rs:12  app::load"
    );
    assert!(line(KernelSleep::Call).contains("in a system call of the task's own; 2 started"));
}

/// `t1` waits for a cond that `t9` has notified in vain at 1 ms; `t2` waits for one that nobody notified.
fn late() -> (SnapshotBuilder, RegionId, ObjectId) {
    let (mut b, own) = at(5 * MS);
    let mutex = b.mutex("src/gate.rs:3");
    let (told, silent) = (b.cond("src/gate.rs:4", mutex), b.cond("src/gate.rs:5", mutex));
    b.unheard(told, TaskId(9), "src/gate.rs:30", MS);
    for cond in [told, silent] {
        let task = b.task("src/gate.rs:9", "app::pass").region(own);
        let _ = task.waits_cond(cond, "src/gate.rs:20").since(2 * MS).id();
    }
    (b, own, told)
}

#[test]
fn a_wake_up_that_came_too_early_is_suspected() {
    let (b, own, _) = late();
    let snapshot = b.build();
    let report = region(&snapshot, own);
    assert_eq!(found(&report), [(Rule::LostWakeUp, vec![1]), (Rule::Outlived, vec![2])]);
    let finding = &report.findings[0];
    assert_eq!(finding.certainty, Certainty::Weak);
    let told = "last notified 4 ms ago at src/gate.rs:30 by t9 (finished), when nobody waited";
    assert!(finding.facts[0].ends_with(told), "{}", finding.facts[0]);
    assert_eq!(finding.groups[0].block.as_ref().map(|site| site.line), Some(20));
    assert_eq!(found(&process(&snapshot)), []);
}

#[test]
fn a_wait_with_a_timer_or_in_doubt_is_no_lost_wake_up() {
    let suspects = |b: SnapshotBuilder, own| found(&region(&b.build(), own))[0].0;
    let (mut b, own, _) = late();
    let _ = b.task_mut(TaskId(1)).until(9 * S).id();
    assert_eq!(suspects(b, own), Rule::Outlived, "a timer");
    let (mut b, own, told) = late();
    b.object_mut(told).unsettled = true;
    assert_eq!(suspects(b, own), Rule::Outlived, "it was being notified");
    let (mut b, own, _) = late();
    let _ = b.task_mut(TaskId(1)).unlisted(1).id();
    assert_eq!(suspects(b, own), Rule::Outlived, "it waits for more");
    let (mut b, own, _) = late();
    for task in 1..3 {
        let _ = b.task_mut(TaskId(task)).tenure(Tenure::Daemon).id();
    }
    assert_eq!(found(&region(&b.build(), own)), [], "daemons");
}

#[test]
fn what_nobody_can_wake_is_no_lost_wake_up_besides() {
    let (mut b, own, _) = late();
    b.still();
    let report = region(&b.build(), own);
    assert_eq!(found(&report), [(Rule::Asleep, vec![1, 2])]);
    assert!(report.findings[0].facts[0].ends_with("when nobody waited"), "{report:?}");
}

/// `t1` holds a lock while it receives; `t2` and `t3` have wanted it since 1 s.
fn held_over(taken_ns: u64) -> (SnapshotBuilder, RegionId, ObjectId) {
    let (mut b, own) = at(taken_ns);
    let (lock, jobs) = (b.mutex("src/pool.rs:3"), b.channel("src/pool.rs:4", Some(0)));
    let holder = b.task("src/pool.rs:8", "app::feed").region(own).receives(jobs, "src/pool.rs:20");
    let holder = holder.since(2 * MS).id();
    b.owns(lock, holder, "src/pool.rs:19", MS);
    for _ in 0..2 {
        let task = b.task("src/pool.rs:9", "app::drain").region(own).locks(lock, "src/pool.rs:30");
        let _ = task.since(S).id();
    }
    (b, own, lock)
}

#[test]
fn a_lock_held_over_a_wait_is_told_with_its_chain() {
    let (mut b, own, _) = held_over(3 * S);
    let joiner = b.task("src/pool.rs:50", "app::main").region(own);
    let _ = joiner.joins(TaskId(3), "src/pool.rs:51").id();
    let snapshot = b.build();
    let report = region(&snapshot, own);
    assert_eq!(found(&report), [(Rule::HeldOverBlock, vec![1])]);
    let finding = &report.findings[0];
    assert_eq!((finding.certainty, dependents(finding)), (Certainty::Weak, vec![2, 3, 4]));
    let link = &finding.chain[0];
    let lines = |site: Option<&gleak_detector::snapshot::Site>| site.map(|site| site.line);
    assert_eq!((link.task.task, link.held_by), (TaskId(2), TaskId(1)));
    let sites = (lines(Some(&link.at)), lines(link.taken_at.as_ref()));
    assert_eq!(sites, (Some(30), Some(19)), "where it is wanted, and where it was taken");
    assert_eq!(lines(finding.groups[0].block.as_ref()), Some(20), "what its owner waits for");
    golden("testdata/held-over-block-100.txt", &render::text(&report, &TextOptions::default()));
    assert_eq!(found(&process(&snapshot)), [], "a lock may be held for long");
}

#[test]
fn a_lock_that_is_wanted_briefly_or_in_doubt_or_held_over_another_lock_is_not_told() {
    let holds = |report: &Report| {
        report.findings.iter().any(|finding| finding.key.rule == Rule::HeldOverBlock)
    };
    let (b, own, _) = held_over(2 * S - 1);
    assert!(!holds(&region(&b.build(), own)), "not quite a second");
    let (b, own, _) = held_over(2 * S);
    assert!(holds(&region(&b.build(), own)), "a second is enough");
    let (mut b, own, lock) = held_over(3 * S);
    b.object_mut(lock).unsettled = true;
    assert!(!holds(&region(&b.build(), own)), "its owner is in doubt");
    let (mut b, own, _) = held_over(3 * S);
    let other = b.mutex("src/pool.rs:5");
    let busy = b.task("src/pool.rs:40", "app::busy").running().id();
    b.owns(other, busy, "src/pool.rs:41", 1);
    let _ = b.task_mut(TaskId(1)).locks(other, "src/pool.rs:20").id();
    assert!(!holds(&region(&b.build(), own)), "the root is another owner");
    let (mut b, own, lock) = held_over(3 * S);
    let spare = b.channel("src/pool.rs:6", None);
    for task in [2, 3] {
        let arms = [Arm::object(WaitOp::Lock, lock), Arm::object(WaitOp::Receive, spare)];
        let _ = b.task_mut(TaskId(task)).select(&arms, "src/pool.rs:30").since(S).id();
    }
    assert!(!holds(&region(&b.build(), own)), "they wait for something else as well");
    let (mut b, own, _) = held_over(3 * S);
    for task in [2, 3] {
        let _ = b.task_mut(TaskId(task)).unlisted(1).id();
    }
    assert!(!holds(&region(&b.build(), own)), "or for what is not listed");
    let (mut b, own, _) = held_over(3 * S);
    for task in 1..4 {
        let _ = b.task_mut(TaskId(task)).tenure(Tenure::Daemon).id();
    }
    assert_eq!(found(&region(&b.build(), own)), [], "daemons");
}

/// The other rules' causes stay theirs, and all of it is the same for tasks that are new.
#[test]
fn who_holds_up_others_in_another_way_is_left_to_its_rule() {
    let (mut b, own, _) = held_over(3 * S);
    let jobs = b.channel("src/pool.rs:6", Some(0));
    let slow =
        b.task("src/pool.rs:60", "app::slow").region(own).receives(jobs, "src/pool.rs:61").id();
    let _ = b.task("src/pool.rs:50", "app::main").region(own).joins(slow, "src/pool.rs:51").id();
    let snapshot = b.build();
    let expected = [(Rule::HeldOverBlock, vec![1]), (Rule::Outlived, vec![slow.0])];
    assert_eq!(found(&region(&snapshot, own)), expected);
    let new = Question { scope: Scope::NewSince(BTreeSet::new()), ..Question::default() };
    assert_eq!(found(&analyze(&snapshot, &new)), expected);
}

#[test]
fn who_wants_to_read_is_held_up_by_the_writer_alone() {
    let held = |write: bool| {
        let (mut b, own) = at(3 * S);
        let (lock, jobs) = (b.rwlock("src/pool.rs:3"), b.channel("src/pool.rs:4", Some(0)));
        let holder = b.task("src/pool.rs:8", "app::feed").region(own);
        let holder = holder.receives(jobs, "src/pool.rs:20").id();
        let waits = b.task("src/pool.rs:9", "app::drain").region(own);
        if write {
            let _ = waits.read_locks(lock, "src/pool.rs:30").since(S).id();
            b.owns(lock, holder, "src/pool.rs:19", MS);
        } else {
            let _ = waits.locks(lock, "src/pool.rs:30").since(S).id();
            b.reads(lock, holder);
        }
        found(&region(&b.build(), own))[0].clone()
    };
    assert_eq!(held(true), (Rule::HeldOverBlock, vec![1]));
    assert_eq!(held(false).0, Rule::Outlived, "readers are not known alone");
}

/// Whose wake-up was lost has that said of it, and is in one finding only.
#[test]
fn an_owner_that_an_earlier_rule_has_is_left_to_that() {
    let (mut b, own, _) = held_over(3 * S);
    let mutex = b.mutex("src/gate.rs:3");
    let cond = b.cond("src/gate.rs:4", mutex);
    b.unheard(cond, TaskId(9), "src/gate.rs:30", MS);
    let _ = b.task_mut(TaskId(1)).waits_cond(cond, "src/gate.rs:20").since(2 * MS).id();
    let rules = found(&region(&b.build(), own));
    assert_eq!(rules, [(Rule::LostWakeUp, vec![1]), (Rule::Outlived, vec![2, 3])]);
}

/// Nobody counts a daemon at an end, so it is no matter either that one hangs behind somebody who is
/// ignored or who belongs to another region.
#[test]
fn what_only_daemons_hang_behind_is_not_told() {
    let ignoring = |b: &SnapshotBuilder, own, entry: &str| {
        let (scope, ignore) = (Scope::Region(own), vec![ignore(&format!("entry={entry}"))]);
        found(&analyze(&b.clone().build(), &Question { scope, ignore, ..Question::default() }))
    };
    let (mut b, own, _) = held_over(3 * S);
    for task in [2, 3] {
        let _ = b.task_mut(TaskId(task)).tenure(Tenure::Daemon).id();
    }
    assert_eq!(ignoring(&b, own, "app::nobody"), [(Rule::HeldOverBlock, vec![1])]);
    assert_eq!(ignoring(&b, own, "app::feed"), [], "its owner is ignored");
    let other = b.region("another");
    let _ = b.task_mut(TaskId(1)).region(other).id();
    assert_eq!(ignoring(&b, own, "app::nobody"), [], "its owner is of another region");
    let (mut b, own, _) = held_over(3 * S);
    let _ = b.task_mut(TaskId(1)).tenure(Tenure::Daemon).id();
    assert_eq!(ignoring(&b, own, "app::nobody"), [(Rule::HeldOverBlock, vec![1])]);
    assert_eq!(ignoring(&b, own, "app::drain"), [], "who wants it is ignored");

    let (mut b, own) = spinning(3 * S);
    for task in 2..5 {
        let _ = b.task_mut(TaskId(task)).tenure(Tenure::Daemon).id();
    }
    assert_eq!(ignoring(&b, own, "app::nobody"), [(Rule::Spinner, vec![1])]);
    assert_eq!(ignoring(&b, own, "app::poll"), [], "the spinner is ignored");
}

/// `t1` sleeps in the kernel on worker 0, `t2` is ready behind it, `t3` waits.
fn blocked() -> SnapshotBuilder {
    let (mut b, _) = at(3 * S);
    let (held, jobs) = (b.worker(), b.channel("src/load.rs:3", Some(0)));
    let sleeper = b.task("src/load.rs:8", "app::load").running().id();
    b.held(held, sleeper, S);
    b.sleeps_in_kernel(held, KernelSleep::Futex);
    let _ = b.task("src/load.rs:9", "app::read").runnable().started_on(held).id();
    let _ = b.task("src/load.rs:9", "app::read").receives(jobs, "src/load.rs:20").id();
    b.activity_mut().queued = 1;
    b
}

#[test]
fn a_process_that_hangs_on_a_lock_of_stds_is_told_and_not_for_certain() {
    let report = process(&blocked().build());
    assert_eq!(
        (found(&report), &report.asleep),
        (vec![], &Asleep::UnlessWorkers(vec![WorkerId(0)]))
    );
    let text = render::text(&report, &TextOptions::default());
    let first =
        "gleak: all 3 tasks are asleep unless worker 0 goes on, whose thread sleeps in the kernel";
    assert!(text.starts_with(first), "{text}");
    assert_eq!(serde_json::from_str::<Report>(&render::json(&report)).unwrap(), report);
}

#[test]
fn a_process_in_which_something_else_can_go_on_does_not_hang() {
    let moves = |change: fn(&mut SnapshotBuilder)| {
        let mut b = blocked();
        change(&mut b);
        process(&b.build()).asleep
    };
    assert_eq!(moves(|b| b.activity_mut().timers = 1), Asleep::No);
    assert_eq!(moves(|b| b.activity_mut().queued = 2), Asleep::No);
    assert_eq!(
        moves(|b| {
            let _ = b.task("src/a.rs:1", "a").running().id();
        }),
        Asleep::No
    );
    assert_eq!(
        moves(|b| {
            let _ = b.task("src/a.rs:1", "a").fresh().id();
        }),
        Asleep::No
    );
    assert_eq!(
        moves(|b| {
            let _ = b.task("src/a.rs:1", "a").sleeps(9 * S, "src/a.rs:2").id();
        }),
        Asleep::No
    );
    assert_eq!(moves(|b| b.completeness_mut().damaged_lines = 1), Asleep::No);
}
