//! What was done that is never right, and errors that nobody saw: events, whatever lives.

use std::collections::BTreeSet;

use gleak_detector::render::{self, TextOptions};
use gleak_detector::snapshot::{
    LastUse, Misuse, MisusedObject, ObjectId, ObjectKind, RegionId, SnapshotBuilder, TaskId,
};
use gleak_detector::{Certainty, Question, Rule, Scope, analyze};

use crate::support::{MS, found, golden, ignore, named, never_again, process, region};

/// In region 1 a group is used again too early, at one place by two tasks; in none a lock is given back
/// by a stranger; in region 2 an error stays unseen.
fn three() -> (SnapshotBuilder, RegionId, RegionId) {
    let mut b = SnapshotBuilder::new();
    b.taken_at(10 * MS);
    let (first, second) = (b.region("rounds"), b.region("fetches"));
    let group = b.wait_group("src/rounds.rs:4", 1);
    let waiter = b.task("src/rounds.rs:9", "app::next").name("next").runnable().id();
    let (add, wait) = (b.site("src/rounds.rs:20"), b.site("src/rounds.rs:22"));
    for task in [7, 8] {
        let object = Some(b.misused(group));
        let fact = b.misuse(Misuse::GroupReused, TaskId(task), "src/rounds.rs:8", "app::round");
        (fact.region, fact.object, fact.site) = (Some(first), object, Some(add));
        (fact.other, fact.times) = (Some(LastUse { task: waiter, site: wait }), task - 6);
    }
    let (made, taken) = (b.site("src/cache.rs:3"), b.site("src/cache.rs:30"));
    let fact = b.misuse(Misuse::StrangerUnlock, TaskId(9), "src/cache.rs:40", "app::put_back");
    let name = Some("cache".to_owned());
    let object = MisusedObject { id: ObjectId(77), kind: ObjectKind::Mutex, site: made, name };
    fact.object = Some(object);
    fact.other = Some(LastUse { task: TaskId(5), site: taken });
    let made = b.site("src/fetch.rs:11");
    let fact = b.misuse(Misuse::UnseenError, TaskId(12), "src/fetch.rs:14", "app::fetch<u8>");
    (fact.region, fact.site, fact.name) = (Some(second), Some(made), Some("mirror".to_owned()));
    (b, first, second)
}

#[test]
fn one_finding_a_kind_and_place() {
    let (b, first, second) = three();
    let snapshot = b.build();
    let report = process(&snapshot);
    assert_eq!(
        found(&report),
        [(Rule::Misuse, vec![7, 8]), (Rule::Misuse, vec![9]), (Rule::UnseenError, vec![12])]
    );
    assert!(report.findings.iter().all(|finding| finding.certainty == Certainty::Certain));
    assert_eq!(found(&region(&snapshot, first)), [(Rule::Misuse, vec![7, 8])]);
    assert_eq!(found(&region(&snapshot, second)), [(Rule::UnseenError, vec![12])]);
    for width in [80, 120] {
        let options = TextOptions { width, ..TextOptions::default() };
        golden(&format!("testdata/misuse-{width}.txt"), &render::text(&report, &options));
    }
}

#[test]
fn the_facts_name_both_parties() {
    let report = process(&three().0.build());
    let facts: Vec<&str> =
        report.findings.iter().flat_map(|finding| &finding.facts).map(String::as_str).collect();
    assert_eq!(
        facts,
        [
            "wait group #1 (made at src/rounds.rs:4) was counted up from zero at src/rounds.rs:20 by \
             t7; the last wait before began at src/rounds.rs:22 by t1 \"next\"",
            "wait group #1 (made at src/rounds.rs:4) was counted up from zero at src/rounds.rs:20 by \
             t8; the last wait before began at src/rounds.rs:22 by t1 \"next\"; 2 times at these places",
            "lock #77 \"cache\" (made at src/cache.rs:3): taken at src/cache.rs:30 by t5, given back by \
             t9",
            "t12 \"mirror\" failed first in the group made at src/fetch.rs:11",
        ]
    );
}

/// Who did it may be at work, or gone: nobody is stuck by it, and no one else is found.
#[test]
fn nobody_is_stuck_by_an_event() {
    let (mut b, first, _) = three();
    let _ = b.task("src/rounds.rs:9", "app::next").running().id();
    let snapshot = b.build();
    let report = process(&snapshot);
    assert_eq!((report.totals.stuck, never_again(&report)), (0, vec![]));
    let lines =
        render::failure(&region(&snapshot, first), &named("rounds"), &TextOptions::default());
    assert!(lines.starts_with("Error: gleak: misuse by 2 tasks\n"), "{lines}");
}

#[test]
fn what_was_not_asked_for_is_not_told() {
    let snapshot = three().0.build();
    let ask = |scope, ignore| {
        found(&analyze(&snapshot, &Question { scope, ignore, ..Question::default() })).len()
    };
    let known = |last| Scope::NewSince(BTreeSet::from([TaskId(last)]));
    assert_eq!([ask(known(8), vec![]), ask(known(12), vec![])], [3, 1], "t1 is new besides");
    let ignore = |entry: &str| vec![ignore(&format!("entry={entry}"))];
    assert_eq!(ask(Scope::Process, ignore("app::fetch")), 2);
    assert_eq!(ask(Scope::Process, ignore("app::*")), 0);
}

/// Neither the ids of the parties nor how often it happened are part of it.
#[test]
fn the_same_misuse_in_another_run_has_the_same_fingerprint() {
    let prints = |shift: u64| {
        let mut snapshot = three().0.build();
        for misuse in &mut snapshot.misuses {
            misuse.task.0 += shift;
            misuse.times += shift;
        }
        let findings = process(&snapshot).findings;
        findings.into_iter().map(|it| it.fingerprint).collect::<BTreeSet<_>>()
    };
    assert_eq!((prints(0).len(), prints(0)), (3, prints(50)));
}
