//! Ignores: which tasks they match, and that they only ever take away.

use std::collections::BTreeSet;

use gleak_detector::render::{TextOptions, json, text};
use gleak_detector::snapshot::{RegionId, Snapshot, SnapshotBuilder, TaskId};
use gleak_detector::{Finding, Ignore, Matcher, Question, Report, Scope, Totals, analyze};
use proptest::prelude::*;

use crate::support::{MS, bank, dependents, found, ignore, members, stack};

/// Four tasks of a region: a server, what it accepts, and a worker of another crate; and one that
/// panicked.
fn server() -> (Snapshot, RegionId) {
    let mut b = SnapshotBuilder::new();
    let own = b.region("t");
    let serve = b.task("./src/main.rs:9", "app::Server<u8>::serve::{{closure}}").region(own);
    let serve = serve.name("server").running().id();
    let jobs = b.channel("src/a.rs:1", Some(0));
    let accept = b.task("src/server.rs:20", "app::accept").region(own).parent(serve);
    let accept = accept.label("tenant", "42").receives(jobs, "src/server.rs:21").id();
    let _ =
        b.task("src/server.rs:30", "<app::Job as my_pool::Run>::run").region(own).parent(accept);
    let _ = b.task("src/server.rs:31", "other::run").region(own).name("metrics-7").fresh();
    let panic = b.panic(TaskId(9), "src/bad.rs:1", "app::bad", "index 12");
    panic.region = Some(own);
    panic.name = Some("decoder".to_owned());
    let mut snapshot = b.build();
    let reads = [
        "gleak_runtime::chan::Chan<T>::recv at runtime/src/chan/mod.rs:3",
        "app::read::{{closure}} at src/server.rs:21",
        "app::accept::h0123456789abcdef at src/server.rs:21",
        "gleak_runtime::task::packet::task_entry at runtime/src/task/packet.rs:9",
    ];
    let id = stack(&mut snapshot, &reads);
    snapshot.tasks[1].backtrace = Some(id);
    snapshot.panics[0].stack.push(crate::support::symbol("app::decode at src/bad.rs:4"));
    (snapshot, own)
}

fn ask(snapshot: &Snapshot, scope: Scope, ignore: Vec<Ignore>) -> Report {
    analyze(snapshot, &Question { scope, ignore, ..Question::default() })
}

/// The tasks that findings are on, sorted.
fn tasks(report: &Report) -> Vec<u64> {
    let mut all: Vec<u64> = report.findings.iter().flat_map(members).collect();
    all.sort_unstable();
    all
}

#[test]
fn each_matcher_takes_its_tasks() {
    let (snapshot, own) = server();
    let cases: [(&str, &[u64]); 29] = [
        ("name=server", &[1]),
        ("name=serv", &[]),
        ("name=metrics-*", &[4]),
        ("name=decoder", &[9]),
        ("name=*e*r*", &[1, 4, 9]),
        ("label.tenant=42", &[2]),
        ("label.tenant=*", &[2]),
        ("label.tenant=4", &[]),
        ("label.ten*=42", &[]),
        ("spawn=src/main.rs", &[1]),
        ("spawn=./src/main.rs:9", &[1]),
        ("spawn=src/main.rs:8", &[]),
        ("spawn=src/*", &[1, 2, 3, 4, 9]),
        ("spawn=*/server.rs:30", &[3]),
        ("entry=app::Server::serve", &[1]),
        ("entry=app::*", &[1, 2, 9]),
        (r#"entry="<app::Job as my_pool::Run>::run""#, &[3]),
        ("creator=app::Server::serve", &[2, 3]),
        ("creator=app::accept", &[3]),
        ("creator=other::run", &[]),
        ("crate=app", &[1, 2, 3, 9]),
        ("crate=my-pool", &[3]),
        ("crate=ap", &[]),
        ("innermost=app::read", &[2]),
        ("innermost=app::accept", &[]),
        ("innermost=app::decode", &[9]),
        ("frame=app::accept", &[2]),
        ("frame=app::read::{closure}", &[2]),
        // The runtime's own calls may be others tomorrow.
        ("frame=gleak_runtime::*", &[]),
    ];
    for (text, taken) in cases {
        let report = ask(&snapshot, Scope::Region(own), vec![ignore(text)]);
        let left: Vec<u64> = [1, 2, 3, 4, 9].into_iter().filter(|id| !taken.contains(id)).collect();
        assert_eq!(tasks(&report), left, "{text}");
        let [exception] = &report.exceptions[..] else { panic!("{:?}", report.exceptions) };
        assert_eq!(exception.tasks, taken.len() as u64, "{text}");
        assert_eq!((&*exception.what, exception.is_used()), (text, !taken.is_empty()));
    }
}

#[test]
fn current_tasks_are_those_of_the_moment() {
    let (snapshot, own) = server();
    let matcher = Matcher::Current(BTreeSet::from([TaskId(1), TaskId(3), TaskId(70)]));
    let ignore = Ignore { matcher, reason: "set up by the test".to_owned() };
    let report = ask(&snapshot, Scope::Region(own), vec![ignore]);
    assert_eq!(tasks(&report), [2, 4, 9]);
    assert_eq!((&*report.exceptions[0].what, report.exceptions[0].tasks), ("current", 2));
}

#[test]
fn a_matcher_of_frames_says_that_it_needs_stacks() {
    let (mut snapshot, own) = server();
    let frames = || vec![ignore("frame=app::read"), ignore("name=nobody")];
    let unseen = |snapshot: &Snapshot| {
        let report = ask(snapshot, Scope::Region(own), frames());
        let said = text(&report, &TextOptions::default());
        (report.exceptions[0].tasks, report.exceptions[0].without_stack, said)
    };
    // Two that run have none.
    let (tasks, without, said) = unseen(&snapshot);
    assert_eq!((tasks, without), (1, 2), "{said}");
    assert!(said.contains("1 task ignored by frame=app::read because of the test"), "{said}");
    snapshot.tasks[1].backtrace = None;
    let (tasks, without, said) = unseen(&snapshot);
    assert_eq!((tasks, without), (0, 3));
    let line =
        "unused ignore (needs stacks, and 3 tasks have none): frame=app::read because of the test";
    assert!(said.lines().any(|it| it == line), "{said}");
    assert!(said.ends_with("unused ignore: name=nobody because of the test\n"), "{said}");
}

#[test]
fn only_tasks_in_scope_count() {
    let mut b = SnapshotBuilder::new();
    let (own, other) = (b.region("own"), b.region("other"));
    for region in [own, other, other] {
        let _ = b.task("src/a.rs:1", "app::worker").name("worker").region(region).running();
    }
    let report = ask(&b.build(), Scope::Region(own), vec![ignore("name=worker")]);
    assert_eq!(report.exceptions[0].tasks, 1);
}

#[test]
fn a_cycle_is_ignored_only_with_all_its_tasks() {
    let snapshot = bank().build();
    // Who is told of: in the cycle, and behind it.
    let ask = |names: &[&str]| {
        let ignore = names.iter().map(|name| ignore(&format!("name={name}"))).collect();
        let report = ask(&snapshot, Scope::Process, ignore);
        report.findings.iter().map(|it| (members(it), dependents(it))).collect::<Vec<_>>()
    };
    let (cycle, audit) = (vec![1, 2], vec![3]);
    assert_eq!(ask(&["a->b"]), [(cycle.clone(), audit.clone())]);
    assert_eq!(ask(&["a->b", "b->a"]), [(cycle.clone(), audit)]);
    assert_eq!(ask(&["audit"]), [(cycle.clone(), vec![])]);
    assert_eq!(ask(&["a->b", "audit"]), [(cycle, vec![])]);
    assert_eq!(ask(&["a->b", "b->a", "audit"]), []);
}

#[test]
fn what_was_ignored_stands_in_the_json() {
    let report = ask(&bank().build(), Scope::Process, vec![ignore("name=audit")]);
    let value: serde_json::Value = serde_json::from_str(&json(&report)).expect("valid");
    let expected = serde_json::json!([
        {"kind": "ignore", "what": "name=audit", "reason": "of the test", "tasks": 1}
    ]);
    assert_eq!(value["exceptions"], expected);
    let none = ask(&bank().build(), Scope::Process, Vec::new());
    assert!(!json(&none).contains("exceptions"), "nothing is said where nothing was asked");
}

/// A deadlock, one behind it, tasks of a region in every state, panics.
fn mixed() -> Snapshot {
    let mut b = bank();
    let own = b.region("mixed");
    let jobs = b.channel("src/a.rs:1", Some(4));
    for number in 0..6_u64 {
        let name = format!("worker-{}", number % 3);
        let task = b.task(&format!("src/a.rs:{}", 10 + number % 2), "app::worker").region(own);
        let task = task.name(&name).label("odd", if number % 2 == 0 { "no" } else { "yes" });
        let _ = match number {
            0 => task.running(),
            1 => task.fresh(),
            2 => task.sleeps(90 * MS, "src/a.rs:20"),
            _ => task.receives(jobs, "src/a.rs:20"),
        };
    }
    let _ = b.task("src/b.rs:1", "app::own").region(own).joins(TaskId(4), "src/b.rs:2");
    let _ = b.task("src/b.rs:3", "lib::own").region(own).joins(TaskId(11), "src/b.rs:4");
    b.panic(TaskId(70), "src/p.rs:1", "app::bad", "one").region = Some(own);
    let _ = b.panic(TaskId(71), "src/p.rs:1", "lib::bad", "two");
    b.build()
}

const TEXTS: [&str; 12] = [
    "name=worker-*",
    "name=worker-1",
    "name=a->b",
    "name=b->a",
    "name=audit",
    "label.odd=yes",
    "spawn=src/a.rs:10",
    "entry=app::*",
    "creator=*",
    "crate=lib",
    "frame=*",
    "name=*",
];

/// The living tasks that a report tells of.
fn shown(report: &Report) -> BTreeSet<u64> {
    let groups = report.groups.iter().flat_map(|group| &group.members);
    groups.map(|member| member.task.0).collect()
}

/// Those in a finding, and behind it.
fn touched(finding: &Finding) -> Vec<u64> {
    members(finding).into_iter().chain(dependents(finding)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_ignore_only_takes_away(picked in proptest::sample::subsequence(&TEXTS[..], 0..5), all in any::<bool>()) {
        let snapshot = mixed();
        let scope = if all { Scope::Process } else { Scope::Region(RegionId(1)) };
        let ignores: Vec<Ignore> = picked.iter().map(|text| ignore(text)).collect();
        let before = ask(&snapshot, scope.clone(), Vec::new());
        let after = ask(&snapshot, scope, ignores.clone());
        let all_before = ask(&snapshot, Scope::Process, Vec::new());
        let all_after = ask(&snapshot, Scope::Process, ignores);
        for finding in &after.findings {
            let old = before.findings.iter().find(|it| it.fingerprint == finding.fingerprint);
            prop_assert!(old.is_some(), "a finding that was not there: {:?}", found(&after));
            let old = old.expect("seen");
            prop_assert_eq!(finding.certainty, old.certainty);
            prop_assert_eq!(&finding.key, &old.key);
            let old = members(old);
            prop_assert!(members(finding).iter().all(|task| old.contains(task)));
        }
        // What one is ignored for hides no other one.
        let ignored: BTreeSet<u64> = shown(&all_before).difference(&shown(&all_after)).copied().collect();
        let now: Vec<u64> = after.findings.iter().flat_map(touched).collect();
        for old in before.findings.iter().filter(|old| !old.key.rule.is_event()) {
            let mut left = touched(old);
            left.retain(|task| !ignored.contains(task));
            prop_assert!(left.iter().all(|task| now.contains(task)), "hidden: {:?}", old);
            if left == touched(old) {
                prop_assert!(after.findings.contains(old), "gone or changed: {:?}", old);
            }
        }
        // Who is in no finding any more is not called stuck.
        prop_assert!(after.totals.stuck <= before.totals.stuck);
        let stuck = before.totals.stuck;
        prop_assert_eq!(Totals { stuck, ..after.totals }, before.totals);
        prop_assert_eq!(&after.asleep, &before.asleep);
        if after.exceptions.iter().all(|exception| !exception.is_used()) {
            prop_assert_eq!(Report { exceptions: Vec::new(), ..after }, before);
        }
    }
}
