//! Background tasks and daemons: what they are charged to, and what is held against them. And labels,
//! which are inherited as these are.

use std::sync::Arc;

use gleak_runtime::report::detector::{Certainty, Question, Report, Rule, Scope, analyze};
use gleak_runtime::report::snapshot::{RegionId, Snapshot, TaskId, Tenure};
use gleak_runtime::{
    Builder, Chan, Context, Mutex, Region, RegionKind, Runtime, blocking, report, select, spawn,
    spawn_background, spawn_daemon, yield_now,
};

use crate::support::{named, parked, unique, until};

fn of_region(snapshot: &Snapshot, region: &Region) -> Report {
    let scope = Scope::Region(RegionId(region.id()));
    analyze(snapshot, &Question { scope, ..Question::default() })
}

/// What is said about one task in the whole process, and since before anything.
fn about(snapshot: &Snapshot, task: TaskId) -> Vec<Rule> {
    let scopes = [Scope::Process, Scope::NewSince(Default::default())];
    let reports = scopes.map(|scope| analyze(snapshot, &Question { scope, ..Question::default() }));
    let findings = reports.into_iter().flat_map(|report| report.findings);
    let has = |finding: &gleak_runtime::report::detector::Finding| {
        finding.groups.iter().flat_map(|it| &it.members).any(|it| it.task == task)
    };
    findings.filter(has).map(|finding| finding.key.rule).collect()
}

#[test]
fn a_background_task_is_not_charged_to_the_test_it_came_from() {
    let test = Region::open(RegionKind::Test, "test");
    let hold = Chan::<()>::new(0);
    let (child, waits) = (unique("background-child"), hold.clone());
    let child_name = child.clone();
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let body = test.builder().spawn_in(&runtime, move || {
        spawn_background(move || {
            let inner = waits.clone();
            let builder = Builder::new().name(child_name);
            drop(builder.spawn(move || inner.recv()).unwrap());
            waits.recv()
        })
    });
    let task = body.unwrap().join().unwrap();
    let (snapshot, facts, _) = parked(&child);
    assert_eq!((facts.region, facts.tenure), (None, Tenure::Background));
    assert_eq!(test.live(), 0);
    assert_eq!(of_region(&snapshot, &test).findings, []);
    assert_eq!(about(&snapshot, facts.id), []);
    assert_eq!(runtime.live(), 2, "it goes on where it was spawned");
    hold.close();
    task.join().unwrap();
    until(|| runtime.live() == 0);
}

#[test]
fn what_a_background_task_spawns_in_a_region_of_its_own_is_charged_there() {
    let hold = Chan::<()>::new(0);
    let (name, waits) = (unique("charged"), hold.clone());
    let task_name = name.clone();
    let task = spawn_background(move || {
        let region = Region::open(RegionKind::Guard, "own");
        let entered = region.enter();
        let task = Builder::new().name(task_name).spawn(move || waits.recv()).unwrap();
        drop(entered);
        task.join().unwrap();
    });
    let (_, facts, _) = parked(&name);
    assert_eq!(facts.tenure, Tenure::Ordinary);
    assert!(facts.region.is_some());
    hold.close();
    task.join().unwrap();
}

#[test]
fn a_daemon_is_charged_to_nobody_and_may_wait_for_ever() {
    let test = Region::open(RegionKind::Test, "test");
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let (idle, parked_for_good) = (unique("idle"), unique("for-good"));
    let work = Chan::<()>::new(0);
    let (waits, names) = (work.clone(), (idle.clone(), parked_for_good.clone()));
    let body = test.builder().spawn_in(&runtime, move || {
        let daemon = || Builder::new().daemon();
        let idle = daemon().name(names.0).spawn(move || waits.recv()).unwrap();
        drop(daemon().name(names.1).spawn(|| select! {}).unwrap());
        idle
    });
    let daemon = body.unwrap().join().unwrap();
    assert_eq!((test.live(), runtime.live()), (0, 0), "it runs in the process-wide runtime");
    for name in [idle, parked_for_good] {
        let (snapshot, facts, _) = parked(&name);
        assert_eq!((facts.region, facts.tenure), (None, Tenure::Daemon));
        assert_eq!(about(&snapshot, facts.id), [], "{name}");
    }
    work.close();
    daemon.join().unwrap();
}

#[test]
fn a_task_that_waits_for_a_daemon_in_an_empty_select_is_stuck() {
    let name = unique("joins-a-daemon");
    let region = Region::open(RegionKind::Guard, "joins");
    let builder = region.builder().name(&name);
    drop(builder.spawn(|| spawn_daemon(|| select! {}).join()).unwrap());
    let certain = |report: Report| {
        report.findings.iter().any(|it| it.key.rule == Rule::Structural && it.dependents.len() == 1)
    };
    until(|| named(&name).is_some_and(|(snapshot, _)| certain(of_region(&snapshot, &region))));
}

#[test]
fn daemons_that_wait_for_each_other_are_a_certain_cycle() {
    let locks = Arc::new((Mutex::new(()), Mutex::new(())));
    let meet = Chan::<()>::new(0);
    let (one, other) = (unique("one"), unique("other"));
    let (mine, met) = (locks.clone(), meet.clone());
    let first = Builder::new().daemon().name(&one).spawn(move || {
        let _first = mine.0.lock().unwrap();
        met.send(());
        drop(mine.1.lock());
    });
    let second = Builder::new().daemon().name(&other).spawn(move || {
        let _second = locks.1.lock().unwrap();
        meet.recv();
        drop(locks.0.lock());
    });
    drop((first.unwrap(), second.unwrap()));
    let id = parked(&one).1.id;
    until(|| about(&report::snapshot(), id).contains(&Rule::Cycle));
    let report = analyze(&report::snapshot(), &Question::default());
    let cycle = report.findings.iter().find(|it| {
        it.groups.iter().flat_map(|group| &group.members).any(|member| member.task == id)
    });
    assert_eq!(cycle.expect("found").certainty, Certainty::Certain);
}

#[test]
fn what_a_daemon_spawns_is_a_daemon_also_through_a_helper() {
    let (direct, helped) = (unique("direct"), unique("helped"));
    let hold = Chan::<()>::new(0);
    let (waits, names) = (hold.clone(), (direct.clone(), helped.clone()));
    let daemon = spawn_daemon(move || {
        let inner = waits.clone();
        drop(Builder::new().name(names.0).spawn(move || inner.recv()).unwrap());
        blocking(|| drop(Builder::new().name(names.1).spawn(move || waits.recv()).unwrap()));
    });
    daemon.join().unwrap();
    for name in [direct, helped] {
        assert_eq!(parked(&name).1.tenure, Tenure::Daemon, "{name}");
    }
    hold.close();
}

#[test]
fn labels_are_inherited_and_names_are_not() {
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let hold = Chan::<()>::new(0);
    let (child, grandchild, helped) = (unique("child"), unique("grandchild"), unique("helped"));
    let names = (child.clone(), grandchild.clone(), helped.clone());
    let waits = hold.clone();
    let parent = unique("labelled");
    let builder = Builder::new().name(&parent).label("tenant", "42").label("path", "/a");
    let task = builder.spawn(move || {
        let (one, two, three) = (waits.clone(), waits.clone(), waits.clone());
        blocking(|| drop(Builder::new().name(names.2).spawn(move || three.recv()).unwrap()));
        let builder = Builder::new().name(names.0).label("path", "/b").label("x", "y");
        drop(builder.spawn(move || {
            drop(Builder::new().name(names.1).spawn(move || two.recv()).unwrap());
            one.recv()
        }));
        waits.recv()
    });
    assert_eq!(parked(&parent).1.labels, [label("path", "/a"), label("tenant", "42")]);
    let own = [label("path", "/b"), label("tenant", "42"), label("x", "y")];
    assert_eq!(parked(&child).1.labels, own);
    assert_eq!(parked(&grandchild).1.labels, own);
    assert_eq!(parked(&helped).1.labels, [label("path", "/a"), label("tenant", "42")]);
    let children = report::snapshot();
    let named_so = children.tasks.iter().filter(|it| it.name.as_deref() == Some(&parent)).count();
    assert_eq!(named_so, 1);
    hold.close();
    task.unwrap().join().unwrap();
}

#[test]
fn a_hundred_thousand_children_of_a_labelled_task_come_and_go() {
    let task = Builder::new().label("many", "1").spawn(|| {
        for _ in 0..100 {
            let children: Vec<_> = (0..1000).map(|_| spawn(yield_now)).collect();
            children.into_iter().for_each(|child| child.join().unwrap());
        }
    });
    task.unwrap().join().unwrap();
}

/// A function that runs later starts a task with this name, which waits until the channel is closed.
fn names_one(name: &str, hold: &Chan<()>) -> impl FnOnce() + Send + 'static {
    let (name, hold) = (name.to_owned(), hold.clone());
    move || drop(Builder::new().name(name).spawn(move || hold.recv()).expect("spawned"))
}

#[test]
fn a_function_that_runs_later_inherits_from_who_made_it() {
    let (mine, theirs) = (unique("later"), unique("later-daemon"));
    let hold = Chan::<()>::new(0);
    let (ctx, cancel) = Context::background().with_cancel();
    let _mine = ctx.after_func(names_one(&mine, &hold));
    let (of_daemon, of_daemon_ctx) = (names_one(&theirs, &hold), ctx.clone());
    let daemon = Builder::new().daemon().label("serves", "all");
    let daemon = daemon.spawn(move || of_daemon_ctx.after_func(of_daemon)).unwrap();
    let _theirs = daemon.join().unwrap();
    // Who cancels is of no account.
    Builder::new().background().label("cancels", "yes").spawn(move || cancel.cancel()).unwrap();
    let (_, mine, _) = parked(&mine);
    assert_eq!((mine.tenure, mine.labels), (Tenure::Ordinary, vec![]));
    let (_, theirs, _) = parked(&theirs);
    assert_eq!(
        (theirs.tenure, theirs.labels),
        (Tenure::Daemon, vec![("serves".to_owned(), "all".to_owned())])
    );
    hold.close();
}
