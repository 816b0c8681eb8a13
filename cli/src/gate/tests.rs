//! The decision, on findings made by hand.

use gleak_detector::findings_file::{FindingsFile, Source};
use gleak_detector::render::TextOptions;
use gleak_detector::snapshot::{Site, TaskId, WaitReason, WaiterKind};
use gleak_detector::survey::Survey;
use gleak_detector::{
    Certainty, Date, Finding, FindingKey, Fingerprint, Group, Keeps, Member, Rule,
};

use super::*;
use crate::baseline::Baseline;
use crate::input::{Content, InputFault};

fn finding(fingerprint: &str, entry: &str, tasks: u64) -> Finding {
    let site = |line| Some(Site { file: "src/pool.rs".into(), line, column: 5 });
    let member = |id| Member {
        task: TaskId(id),
        name: None,
        labels: Vec::new(),
        region: None,
        waited_ns: None,
    };
    Finding {
        fingerprint: Fingerprint(fingerprint.into()),
        key: FindingKey {
            rule: Rule::Structural,
            entry: entry.into(),
            spawn_file: "src/pool.rs".into(),
            wait_class: "receive".into(),
            object: None,
            block_file: "src/pool.rs".into(),
        },
        certainty: Certainty::Certain,
        because: String::new(),
        groups: vec![Group {
            kind: WaiterKind::Task,
            entry: entry.into(),
            spawn: site(49),
            ancestry: Vec::new(),
            creators: Vec::new(),
            reason: Some(WaitReason::Receive),
            wait_class: "receive".into(),
            waits_for: String::new(),
            block: site(73),
            backtrace: None,
            spawn_backtrace: None,
            keeps: Keeps::default(),
            members: (1..=tasks).map(member).collect(),
        }],
        chain: Vec::new(),
        dependents: Vec::new(),
        regions: vec!["pool::drains".into()],
        facts: Vec::new(),
    }
}

fn evidence(findings: Vec<Finding>) -> Evidence {
    let source = Source { program: "app".into(), pid: 7, tests: 3, spawned: 12904 };
    let mut evidence = Evidence::default();
    evidence.add(
        "dump",
        Content::Findings(FindingsFile {
            source,
            findings,
            survey: Survey::default(),
            complete: true,
        }),
    );
    evidence
}

fn policy() -> Policy {
    Policy {
        max_new: 0,
        accept_moved: false,
        fail_on: Certainty::Weak,
        strict: false,
        require_run: 1,
        today: Date::parse("2026-11-21").expect("a date"),
    }
}

fn known(findings: &[Finding]) -> Baseline {
    Baseline::accept(findings, &Baseline::default(), "issue 41", policy().today)
}

fn last_line(verdict: &Verdict) -> String {
    text(verdict, &TextOptions::default()).lines().last().unwrap_or_default().to_string()
}

#[test]
fn an_unknown_finding_fails_and_a_known_one_passes() {
    let found = vec![finding("gk1:a", "pool::start", 2)];
    let verdict = decide(&evidence(found.clone()), &Baseline::default(), &policy());
    assert_eq!(verdict.outcome, Outcome::Failed);
    assert_eq!(last_line(&verdict), "gate: FAILED, 1 over the limit (1 new), 0 known");

    let verdict = decide(&evidence(found.clone()), &known(&found), &policy());
    assert_eq!(verdict.outcome, Outcome::Passed);
    assert_eq!(last_line(&verdict), "gate: passed, 1 known");
}

#[test]
fn what_a_filter_hides_makes_no_other_change_fail() {
    let baseline = known(&[finding("gk1:a", "pool::start", 2)]);
    let found = vec![finding("gk1:a", "pool::start", 3), finding("gk1:b", "pool::stop", 1)];
    let evidence = evidence(found);
    let mut verdict = decide(&evidence, &baseline, &Policy { max_new: 1, ..policy() });
    let failing = |verdict: &Verdict| {
        let rows = listing(verdict).rows;
        rows.iter().filter(|row| row.fails).map(|row| row.finding.fingerprint.0.clone()).collect()
    };
    let before: Vec<String> = failing(&verdict);
    assert_eq!(before, ["gk1:a"], "the new one is let through");
    show_only(&mut verdict, &evidence, &"entry=pool::stop".parse().unwrap());
    assert_eq!(verdict.changes.len(), 1);
    let after: Vec<String> = failing(&verdict);
    assert_eq!(after, [""; 0], "and still is when the other is not shown");
}

#[test]
fn one_task_more_than_known_fails() {
    let baseline = known(&[finding("gk1:a", "pool::start", 2)]);
    let verdict = decide(&evidence(vec![finding("gk1:a", "pool::start", 3)]), &baseline, &policy());
    assert_eq!(verdict.changes[0].status, Status::Grown(2));
    assert_eq!(last_line(&verdict), "gate: FAILED, 1 over the limit (1 grown), 0 known");
    // Letting new ones through does not let known ones grow.
    let verdict = decide(
        &evidence(vec![finding("gk1:a", "pool::start", 3)]),
        &baseline,
        &Policy { max_new: 9, ..policy() },
    );
    assert_eq!(verdict.outcome, Outcome::Failed);
}

#[test]
fn so_many_new_ones_as_allowed_are_let_through() {
    let found = vec![finding("gk1:a", "a", 1), finding("gk1:b", "b", 1)];
    let allowed = |max_new| {
        decide(&evidence(found.clone()), &Baseline::default(), &Policy { max_new, ..policy() })
    };
    assert_eq!(allowed(1).over, 2);
    assert_eq!(allowed(2).outcome, Outcome::Passed);
    assert_eq!(last_line(&allowed(2)), "gate: passed, 2 new let through, 0 known");
}

#[test]
fn an_entry_that_vanished_is_stale_and_fails_when_strict() {
    let baseline = known(&[finding("gk1:a", "pool::start", 2)]);
    let verdict = decide(&evidence(vec![]), &baseline, &policy());
    assert_eq!((verdict.outcome, verdict.stale.len()), (Outcome::Passed, 1));
    assert_eq!(last_line(&verdict), "gate: passed, 0 known, 1 stale");
    let verdict = decide(&evidence(vec![]), &baseline, &Policy { strict: true, ..policy() });
    assert_eq!(verdict.outcome, Outcome::Failed);
}

#[test]
fn a_moved_finding_names_where_it_was_and_still_fails() {
    let mut other = finding("gk1:b", "other", 1);
    other.key.spawn_file = "src/other.rs".into();
    let baseline = known(&[finding("gk1:a", "pool::start", 2), other]);
    let found = vec![finding("gk1:c", "pool::start", 2), finding("gk1:d", "pool::start", 2)];
    let verdict = decide(&evidence(found), &baseline, &policy());
    // One entry is taken once; the second finding is new and stands first.
    assert_eq!(verdict.changes[0].status, Status::New);
    assert_eq!(verdict.changes[1].status, Status::Moved(Fingerprint("gk1:a".into())));
    assert_eq!(verdict.stale.len(), 1);
    assert_eq!(
        last_line(&verdict),
        "gate: FAILED, 2 over the limit (1 new, 1 moved), 0 known, 1 stale"
    );
}

#[test]
fn what_stands_in_another_function_has_moved() {
    let baseline = known(&[finding("gk1:a", "pool::start", 2), finding("gk1:b", "pool::stop", 1)]);
    let moved = |from: &str| Status::Moved(Fingerprint(from.into()));
    // Both stand where both of the baseline stood; the one with its old name gets its own entry.
    let found = vec![finding("gk1:c", "pool::launch", 2), finding("gk1:d", "pool::start", 2)];
    let verdict = decide(&evidence(found), &baseline, &policy());
    let statuses = verdict.changes.iter().map(|change| (&*change.key.entry, &change.status));
    assert_eq!(
        statuses.collect::<Vec<_>>(),
        [("pool::launch", &moved("gk1:b")), ("pool::start", &moved("gk1:a"))]
    );
    let said = text(&verdict, &TextOptions::default());
    assert!(said.contains("was gk1:b (then pool::stop)"), "{said}");
    assert!(said.contains("was gk1:a (same function)"), "{said}");
    // It waits otherwise, or in another file: nothing says that it is the same.
    let (mut class, mut file) = (finding("gk1:e", "x", 1), finding("gk1:f", "y", 1));
    class.key.wait_class = "send".into();
    file.key.block_file = "src/far.rs".into();
    let verdict = decide(&evidence(vec![class, file]), &baseline, &policy());
    assert!(verdict.changes.iter().all(|change| change.status == Status::New), "{verdict:?}");
}

#[test]
fn what_has_moved_is_let_through_if_asked_and_only_as_it_was_accepted() {
    let mut baseline = known(&[finding("gk1:a", "pool::start", 2)]);
    let judged = |baseline: &Baseline, tasks| {
        let found = vec![finding("gk1:c", "pool::start", tasks)];
        decide(&evidence(found), baseline, &Policy { accept_moved: true, ..policy() })
    };
    let verdict = judged(&baseline, 2);
    assert_eq!(verdict.outcome, Outcome::Passed);
    assert_eq!(last_line(&verdict), "gate: passed, 1 moved let through, 0 known");
    assert!(!listing(&verdict).rows[0].fails);
    let verdict = judged(&baseline, 3);
    assert_eq!(last_line(&verdict), "gate: FAILED, 1 over the limit (1 moved), 0 known");
    baseline.entries[0].expires = Some("2026-11-20".into());
    assert_eq!(judged(&baseline, 2).outcome, Outcome::Failed);
}

#[test]
fn strict_counts_what_has_moved_whatever_is_let_through() {
    let baseline = known(&[finding("gk1:a", "pool::start", 2)]);
    let found = vec![finding("gk1:c", "pool::start", 2)];
    let strict = Policy { strict: true, max_new: 9, ..policy() };
    let verdict = decide(&evidence(found), &baseline, &strict);
    assert_eq!(last_line(&verdict), "gate: FAILED, 1 over the limit (1 moved), 0 known");
}

#[test]
fn an_expired_entry_is_as_good_as_none() {
    let found = vec![finding("gk1:a", "pool::start", 2)];
    let mut baseline = known(&found);
    baseline.entries[0].expires = Some("2026-11-20".into());
    let verdict = decide(&evidence(found.clone()), &baseline, &policy());
    assert_eq!(verdict.changes[0].status, Status::Expired("2026-11-20".into()));
    assert!(text(&verdict, &TextOptions::default()).contains("accepted until 2026-11-20"));
    baseline.entries[0].expires = Some("2026-11-21".into());
    assert_eq!(decide(&evidence(found), &baseline, &policy()).outcome, Outcome::Passed);
}

#[test]
fn a_missing_reason_fails_only_when_strict() {
    let found = vec![finding("gk1:a", "pool::start", 2)];
    let baseline =
        Baseline::accept(&found, &Baseline::default(), crate::baseline::TODO, policy().today);
    assert_eq!(decide(&evidence(found.clone()), &baseline, &policy()).outcome, Outcome::Passed);
    let verdict = decide(&evidence(found), &baseline, &Policy { strict: true, ..policy() });
    assert_eq!(verdict.outcome, Outcome::Failed);
    assert_eq!(last_line(&verdict), "gate: FAILED, 1 without a reason, 1 known");
}

#[test]
fn findings_less_certain_than_asked_do_not_fail() {
    let mut weak = finding("gk1:a", "pool::start", 2);
    weak.certainty = Certainty::Strong;
    let asked = |fail_on| {
        decide(&evidence(vec![weak.clone()]), &Baseline::default(), &Policy { fail_on, ..policy() })
    };
    assert_eq!(asked(Certainty::Certain).outcome, Outcome::Passed);
    assert_eq!(last_line(&asked(Certainty::Certain)), "gate: passed, 0 known, 1 too weak to count");
    assert_eq!(asked(Certainty::Strong).outcome, Outcome::Failed);
    assert_eq!(asked(Certainty::Weak).outcome, Outcome::Failed);
}

#[test]
fn too_few_processes_never_pass_and_findings_outweigh_them() {
    let two = Policy { require_run: 2, ..policy() };
    let verdict = decide(&evidence(vec![]), &Baseline::default(), &two);
    assert_eq!(verdict.outcome, Outcome::NothingChecked);
    assert!(last_line(&verdict).contains("too little checked: 1 of 2 processes"), "{verdict:?}");
    let verdict = decide(&evidence(vec![finding("gk1:a", "a", 1)]), &Baseline::default(), &two);
    assert_eq!(verdict.outcome, Outcome::Failed);
    let nothing = decide(&Evidence::default(), &Baseline::default(), &policy());
    assert_eq!(nothing.outcome, Outcome::NothingChecked);
    let allowed = Policy { require_run: 0, ..policy() };
    assert_eq!(
        decide(&Evidence::default(), &Baseline::default(), &allowed).outcome,
        Outcome::Passed
    );
}

#[test]
fn an_unreadable_input_outweighs_findings_and_hides_none() {
    let mut evidence = evidence(vec![finding("gk1:a", "a", 1)]);
    evidence.note("x\x1b.ndjson", &InputFault::Cut);
    let verdict = decide(&evidence, &Baseline::default(), &policy());
    assert_eq!(verdict.outcome, Outcome::Unreadable);
    let said = text(&verdict, &TextOptions::default());
    assert!(said.contains("NEW") && said.contains("x\\u{1b}.ndjson: is cut"), "{said}");
    assert!(
        said.ends_with(
            "gate: FAILED, 1 input not read in full, 1 over the limit (1 new), 0 known\n"
        )
    );
}

#[test]
fn a_dump_and_the_findings_file_of_one_process_count_once() {
    let mut evidence = evidence(vec![]);
    let mut builder = gleak_detector::snapshot::SnapshotBuilder::new();
    builder.header_mut().program = "app".into();
    builder.header_mut().pid = 7;
    let snapshot = builder.build();
    evidence.add("dump", Content::Dump(Box::new(snapshot.clone())));
    evidence.add("dump", Content::Dump(Box::new(snapshot)));
    let coverage = evidence.coverage();
    assert_eq!(coverage, Coverage { processes: 1, tests: 3, spawned: 12904 });
    // Another findings file is another process, whatever its number.
    let source = Source { program: "app".into(), pid: 7, tests: 1, spawned: 1 };
    let file = FindingsFile { source, findings: vec![], survey: Survey::default(), complete: true };
    evidence.add("dump", Content::Findings(file));
    assert_eq!(evidence.coverage().processes, 2);
}
