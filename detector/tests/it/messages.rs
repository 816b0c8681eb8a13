//! Whole messages as people get them, with the source of what they tell, compared with `testdata/`.

use gleak_detector::render::{self, TextOptions};
use gleak_detector::snapshot::{
    ObjectDetail, RegionId, Snapshot, SnapshotBuilder, TaskId, Touched,
};
use gleak_detector::{Ignore, Question, Report, Scope, SourceLines, analyze};

use crate::support::{MS, golden, named, process, region};

const POOL: &str = include_str!("../../testdata/program/pool.rs");
const BANK: &str = include_str!("../../testdata/program/bank.rs");

/// The program's files, as they lie in its folder.
fn read(path: &str) -> Option<Vec<u8>> {
    match path {
        "/ws/src/pool.rs" => Some(POOL.into()),
        "/ws/src/bank.rs" => Some(BANK.into()),
        _ => None,
    }
}

fn options(report: &Report, width: usize) -> TextOptions {
    let sources = SourceLines::of(report, &["/ws".to_owned()], read);
    TextOptions { width, sources, ..TextOptions::default() }
}

fn check(name: &str, report: &Report, text: impl Fn(&TextOptions) -> String) {
    for width in [80, 120] {
        let text = text(&options(report, width));
        let fits = |line: &&str| line.chars().count() <= width || line.contains("cargo test");
        assert!(text.lines().all(|line| fits(&line)), "{text}");
        golden(&format!("testdata/message-{name}-{width}.txt"), &text);
    }
}

/// The place of the first such text behind another one.
fn place(file: &str, behind: &str, what: &str) -> String {
    let text = if file == "src/pool.rs" { POOL } else { BANK };
    let start = text.find(behind).expect(behind);
    let at = start + text[start..].find(what).expect(what);
    let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let column = text[line_start..at].chars().count() + 1;
    format!("{file}:{}:{column}", text[..at].lines().count().max(1))
}

/// Two workers, and a feeder that keeps a lock which a third task wants.
fn pool() -> (Snapshot, RegionId) {
    let at = |behind, what| place("src/pool.rs", behind, what);
    let mut b = SnapshotBuilder::new();
    b.taken_at(12 * MS);
    b.header_mut().program = "pool".to_owned();
    let own = b.region("pool::drains_on_error");
    let jobs = b.channel(&at("fn new", "Chan"), Some(0));
    let stop = b.channel(&at("stop:", "Chan"), Some(1));
    let stats = b.mutex(&at("stats:", "Mutex"));
    for (object, name) in [(jobs, "jobs"), (stop, "stop"), (stats, "stats")] {
        b.object_mut(object).name = Some(name.to_owned());
        b.object_mut(object).touched = Touched::Only(own);
    }
    let start = "pool::Pool::start::{{closure}}";
    for _ in 0..2 {
        let task = b.task(&at("0..2", "go!"), start).region(own);
        let _ = task.receives(jobs, &at("fn work", "recv")).id();
    }
    let feeder = b.task(&at("feeder", "spawn"), start).region(own).name("feeder");
    let feeder = feeder.receives(stop, &at("fn feed", "recv")).since(MS).id();
    b.owns(stats, feeder, &at("fn feed", "lock"), MS);
    let report = b.task(&at("fn report", "go!"), "pool::Pool::report").region(own);
    let _ = report.locks(stats, &at("fn report", "lock")).since(2 * MS).id();
    if let ObjectDetail::Channel { receiver, sender, .. } = &mut b.object_mut(jobs).detail {
        (receiver.handles, sender.handles) = (Some(2), Some(1));
    }
    (b.build(), own)
}

#[test]
fn a_test_that_leaves_a_holder_and_who_waits_behind_it() {
    let (snapshot, own) = pool();
    let report = region(&snapshot, own);
    let test = &named("pool::drains_on_error");
    check("leak", &report, |options| render::failure(&report, test, options));
    check("left", &report, |options| render::left(&report, options));
}

/// What is proposed is understood, and takes the finding away.
#[test]
fn what_is_proposed_helps() {
    let (snapshot, own) = pool();
    let report = region(&snapshot, own);
    let text = render::failure(&report, &named("pool"), &TextOptions::default());
    let (_, rest) = text.split_once("ignore = \"").expect("a proposal");
    let ignore: Ignore = rest.split_once('"').expect("its end").0.parse().expect("understood");
    let question =
        Question { scope: Scope::Region(own), ignore: vec![ignore], ..Question::default() };
    let left = analyze(&snapshot, &question);
    let took: u64 = left.exceptions.iter().map(|it| it.tasks).sum();
    assert_eq!((report.findings[0].tasks(), took), (3, 3));
}

#[test]
fn a_test_that_cannot_end_is_not_meant_to_stay() {
    let mut b = SnapshotBuilder::new();
    let own = b.region("pool::drains");
    let jobs = b.channel("src/pool.rs:1", None);
    b.object_mut(jobs).touched = Touched::Only(own);
    let body = b.task("src/pool.rs:2", "pool::Test::drains").region(own).name("pool::drains");
    let _ = body.receives(jobs, "src/pool.rs:3").id();
    let report = region(&b.build(), own);
    let told = |name| render::failure(&report, &named(name), &TextOptions::default());
    assert!(told("pool::another").contains("intended?"));
    assert!(!told("pool::drains").contains("intended?"));
}

#[test]
fn a_task_that_panicked_unobserved() {
    let mut b = SnapshotBuilder::new();
    let own = b.region("pool::decodes");
    let spawn = place("src/pool.rs", "feeder", "spawn");
    let site = b.site(&place("src/pool.rs", "fn decode", "expect"));
    let panic = b.panic(TaskId(7), &spawn, "pool::decode", "a length: Error { index: 12 }");
    (panic.site, panic.region, panic.name) = (Some(site), Some(own), Some("feeder".to_owned()));
    let report = region(&b.build(), own);
    check("panic", &report, |options| render::failure(&report, &named("pool::decodes"), options));
}

#[test]
fn a_deadlock_with_a_cycle() {
    let at = |behind, what| place("src/bank.rs", behind, what);
    let mut b = SnapshotBuilder::new();
    b.taken_at(51 * MS);
    b.header_mut().program = "bank".to_owned();
    b.header_mut().pid = 4711;
    let (first, second) = (b.mutex(&at("a = named", "Mutex")), b.mutex(&at("b = named", "Mutex")));
    b.object_mut(first).name = Some("accounts[a]".to_owned());
    b.object_mut(second).name = Some("accounts[b]".to_owned());
    let (entry, spawn) = ("bank::main::{{closure}}", at("fn main", "go!"));
    let wants = at("to = to.", "lock");
    let to = b.task(&spawn, entry).name("a->b").locks(second, &wants).id();
    let from = b.task(&spawn, entry).name("b->a").locks(first, &wants).id();
    b.owns(first, to, &at("from = from.", "lock"), 0);
    b.owns(second, from, &at("from = from.", "lock"), MS);
    let audit = b.task(&at("WaitGroup", "go! { audit"), "bank::audit").name("audit");
    let _ = audit.locks(first, &at("fn audit", "lock")).since(MS).id();
    let both = b.wait_group(&at("fn main", "WaitGroup"), 2);
    let main = b.task(&at("fn main", "main"), "bank::main").main();
    let _ = main.waits_group(both, &at("both.wait", "wait")).id();
    b.still();
    let report = process(&b.build());
    check("deadlock", &report, |options| render::text(&report, options));
}

#[test]
fn what_a_guard_found_is_excepted_at_the_guard() {
    let mut b = SnapshotBuilder::new();
    let own = b.region("pool::drains");
    let parent = b.task("src/pool.rs:2", "pool::start").region(own).name("starter");
    let parent = parent.running().id();
    let feeder = b.task("src/pool.rs:3", "pool::feed").region(own).parent(parent).name("feeder");
    let _ = feeder.running().id();
    let report = region(&b.build(), own);
    let said = |charge| {
        let test = render::Test { name: "pool::drains", binary: String::new(), charge };
        render::failure(&report, &test, &TextOptions::default())
    };
    let guard = said(render::Charge::Guard);
    let except = "spawn_background(..), or on the guard: .ignore(\"name=starter because ..\")\n";
    assert!(guard.contains(except), "{guard}");
    // No body has spawned them: an ancestor is one of those that are left.
    assert!(guard.contains("parents  src/pool.rs:2\n"), "{guard}");
    let body = said(render::Charge::Body);
    assert!(!body.contains("parents") && body.contains("at the test: ignore = \"name=starter"));
    assert!(body.ends_with("  again       cargo test -- --exact pool::drains\n"), "{body}");
}
