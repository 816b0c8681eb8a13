//! Suppressions: findings that a file takes away.

use gleak_detector::findings_file::{self, FindingsFile, Source};
use gleak_detector::render::{TextOptions, text};
use gleak_detector::snapshot::{Snapshot, SnapshotBuilder, Task, TaskId};
use gleak_detector::survey::Survey;
use gleak_detector::{Date, Exception, Report, Rule, Suppressions};

use crate::support::{bank, found, process, region, stack};

fn day(text: &str) -> Date {
    Date::parse(text).expect("a day")
}

/// The report after a file, as of a day before all those of the tests.
fn suppressed(report: &Report, lines: &str) -> Report {
    let mut report = report.clone();
    let file = Suppressions::parse(lines).unwrap_or_else(|error| panic!("{lines}: {error}"));
    file.apply(&mut report, day("2026-11-21"));
    report
}

/// A region that three tasks have outlived: two of a pool, and a ticker.
fn outlived() -> (Report, Snapshot) {
    let mut b = SnapshotBuilder::new();
    let own = b.region("t");
    let main = b.task("src/main.rs:1", "app::main").running().id();
    let jobs = b.channel("src/pool.rs:1", Some(0));
    for name in ["pool-1", "pool-2"] {
        let task = b.task("src/pool.rs:9", "pool::start").region(own).parent(main).name(name);
        let _ = task.label("kind", "idle").receives(jobs, "src/pool.rs:20");
    }
    let _ = b.task("src/tick.rs:3", "tick::tick").region(own).running();
    let mut snapshot = b.build();
    let id =
        stack(&mut snapshot, &["pool::next at src/pool.rs:20", "pool::start at src/pool.rs:9"]);
    snapshot.tasks[1].backtrace = Some(id);
    snapshot.tasks[2].backtrace = Some(id);
    (region(&snapshot, own), snapshot)
}

#[test]
fn every_way_to_suppress_a_finding() {
    let (report, _) = outlived();
    assert_eq!(found(&report).len(), 2);
    let fingerprint =
        &report.findings.iter().find(|it| it.tasks() == 2).expect("the pool").fingerprint;
    let by_fingerprint = format!("fingerprint={fingerprint}");
    for (what, takes) in [
        (by_fingerprint.as_str(), true),
        ("fingerprint=gk1:0123456789abcdef", false),
        ("name=pool-*", true),
        // The other one would fail the test as well.
        ("name=pool-1", false),
        ("label.kind=idle", true),
        ("spawn=src/pool.rs:9", true),
        ("entry=pool::start", true),
        ("creator=app::main", true),
        ("creator=app::other", false),
        ("crate=pool", true),
        ("innermost=pool::next", true),
        ("innermost=pool::start", false),
        ("frame=pool::start", true),
    ] {
        let after = suppressed(&report, &format!("{what} because issue 41\n"));
        assert_eq!(after.findings.len(), if takes { 1 } else { 2 }, "{what}");
        let [exception] = &after.exceptions[..] else { panic!("{:?}", after.exceptions) };
        let expected = if takes { (1, 2) } else { (0, 0) };
        assert_eq!((exception.findings, exception.tasks), expected, "{what}");
    }
    // Each its own task, by a line each.
    let after = suppressed(&report, "name=pool-1 because a\nname=pool-2 because b\n");
    assert_eq!(found(&after), [(Rule::Outlived, vec![4])]);
    let took: Vec<_> = after.exceptions.iter().map(|it| (it.findings, it.tasks)).collect();
    assert_eq!(took, [(1, 1), (1, 1)]);
}

#[test]
fn a_deadlock_goes_only_with_all_that_wait_behind_it() {
    let report = process(&bank().build());
    assert_eq!(suppressed(&report, "entry=bank::main because a").findings.len(), 1);
    let all = "entry=bank::main because a\nname=audit because b";
    assert_eq!(suppressed(&report, all).findings.len(), 0);
}

#[test]
fn a_line_counts_up_to_its_day() {
    let (report, _) = outlived();
    let line = "crate=pool until 2026-11-20 because issue 41";
    let after = suppressed(&report, line);
    assert_eq!(after.findings.len(), 2);
    let said = text(&after, &TextOptions::default());
    let told = "unused suppression (its last day was 2026-11-20): crate=pool because issue 41\n";
    assert!(said.ends_with(told), "{said}");
    let after = suppressed(&report, &line.replace("-20", "-21"));
    assert_eq!(after.findings.len(), 1);
    let said = text(&after, &TextOptions::default());
    let told = "1 finding of 2 tasks suppressed by crate=pool because issue 41\n";
    assert!(said.ends_with(told), "{said}");
}

#[test]
fn a_creator_is_that_of_all() {
    let mut b = SnapshotBuilder::new();
    let own = b.region("t");
    let main = b.task("src/main.rs:1", "app::main").running().id();
    let jobs = b.channel("src/pool.rs:1", Some(0));
    for entry in ["app::accept", "app::retry"] {
        let parent = b.task("src/main.rs:2", entry).parent(main).running().id();
        let task = b.task("src/pool.rs:9", "pool::start").region(own).parent(parent);
        let _ = task.receives(jobs, "src/pool.rs:20");
    }
    let report = region(&b.build(), own);
    let left = |what: &str| suppressed(&report, &format!("{what} because a")).findings.len();
    assert_eq!([left("creator=app::accept"), left("creator=app::retry")], [1, 1]);
    assert_eq!(left("creator=app::main"), 0);
}

#[test]
fn frames_need_the_stacks_of_all() {
    let (_, mut snapshot) = outlived();
    snapshot.tasks[2].backtrace = None;
    let own = snapshot.tasks[1].region.expect("a region");
    let after = suppressed(&region(&snapshot, own), "frame=pool::* because issue 41");
    assert_eq!(after.findings.len(), 2);
    // The pool's, of which one has none, and the ticker.
    assert_eq!(after.exceptions[0].without_stack, 3);
}

#[test]
fn different_stacks_are_matched_by_what_they_share() {
    let (_, mut snapshot) = outlived();
    let own = snapshot.tasks[1].region.expect("a region");
    snapshot.tasks[2].backtrace = Some(stack(
        &mut snapshot,
        &[
            "pool::next at src/pool.rs:24",
            "pool::again at src/pool.rs:30",
            "pool::start::{{closure}} at src/pool.rs:9",
        ],
    ));
    let report = region(&snapshot, own);
    let takes = |report: &Report, what: &str| {
        let after = suppressed(report, &format!("{what} because issue 41"));
        (after.findings.len(), after.exceptions[0].without_stack)
    };
    for (what, left) in [
        // At another line, and in a closure.
        ("frame=pool::next", 1),
        ("frame=pool::start::{closure}", 2),
        ("frame=pool::start", 1),
        ("innermost=pool::next", 1),
        // Of one of them only; the ticker has no stack.
        ("frame=pool::again", 2),
        ("innermost=pool::start", 2),
    ] {
        assert_eq!(takes(&report, what), (left, 1), "{what}");
    }
    let unseen = Task { id: TaskId(9), backtrace: None, ..snapshot.tasks[2].clone() };
    snapshot.tasks.push(unseen);
    let three = region(&snapshot, own);
    assert_eq!(takes(&three, "frame=pool::next"), (2, 4), "one of the three has no stack");
    let _ = snapshot.tasks.pop();
    snapshot.tasks[2].backtrace = Some(stack(&mut snapshot, &["pool::start at src/pool.rs:9"]));
    let report = region(&snapshot, own);
    assert_eq!(takes(&report, "frame=pool::start"), (1, 1));
    assert_eq!(takes(&report, "innermost=*"), (2, 1), "no innermost call is the same");
    assert_eq!(takes(&report, "frame=pool::next"), (2, 1));
}

#[test]
fn a_findings_file_knows_as_much() {
    let (report, _) = outlived();
    let mut bytes = Vec::new();
    findings_file::write(&mut bytes, &Source::default(), &report.findings, &Survey::default())
        .expect("memory");
    let read = findings_file::read(&mut &bytes[..]).expect("as written");
    for what in ["name=pool-*", "label.kind=idle", "creator=app::main", "frame=pool::start"] {
        let file = Suppressions::parse(&format!("{what} because issue 41")).expect("valid");
        let mut findings = read.findings.clone();
        let exceptions = file.apply_to(&mut findings, day("2026-11-21"));
        assert_eq!((findings.len(), exceptions[0].tasks), (1, 2), "{what}");
    }
    // Two processes: what only one of them shows is not shown by both.
    let mut other = read.clone();
    for group in &mut other.findings[0].groups {
        group.creators = vec!["app::other".to_owned()];
    }
    let files: Vec<FindingsFile> = vec![read, other];
    let merged = findings_file::merge(files);
    let creators = merged.iter().flat_map(|finding| &finding.groups).map(|group| &group.creators);
    assert!(creators.clone().all(Vec::is_empty), "{:?}", creators.collect::<Vec<_>>());
}

#[test]
fn a_finding_without_tasks_goes_by_its_fingerprint_only() {
    let (mut report, _) = outlived();
    report.findings.truncate(1);
    report.findings[0].groups.clear();
    assert_eq!(suppressed(&report, "name=* because a\nspawn=* because b").findings.len(), 1);
    let line = format!("fingerprint={} because a", report.findings[0].fingerprint);
    let after = suppressed(&report, &line);
    assert_eq!((after.findings.len(), after.exceptions[0].findings), (0, 1));
}

#[test]
fn what_exceptions_did_is_added_up_line_by_line() {
    let (report, _) = outlived();
    let after = |line: &str| suppressed(&report, line).exceptions;
    let mut all = after("crate=pool because a");
    for line in ["crate=pool because a", "crate=pool because b", "crate=tick because a"] {
        Exception::add_all(&mut all, after(line));
    }
    let line = |it: &Exception| (it.what.clone(), it.reason.clone(), it.findings, it.tasks);
    let text = |what: &str| what.to_owned();
    let expected = [
        (text("crate=pool"), text("a"), 2, 4),
        (text("crate=pool"), text("b"), 1, 2),
        (text("crate=tick"), text("a"), 1, 1),
    ];
    assert_eq!(all.iter().map(line).collect::<Vec<_>>(), expected);
}

#[test]
fn no_line_changes_nothing() {
    let (report, _) = outlived();
    assert_eq!(suppressed(&report, "# none\n"), report);
}
