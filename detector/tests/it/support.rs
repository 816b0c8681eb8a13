//! Shorthands of the tests.

use gleak_detector::snapshot::{RegionId, Snapshot, SnapshotBuilder, TaskId};
use gleak_detector::{Certainty, Finding, Question, Report, Rule, Scope, analyze};

/// One millisecond of a snapshot's clock.
pub(crate) const MS: u64 = 1_000_000;

pub(crate) fn process(snapshot: &Snapshot) -> Report {
    analyze(snapshot, &Question::default())
}

pub(crate) fn region(snapshot: &Snapshot, region: RegionId) -> Report {
    analyze(snapshot, &Question { scope: Scope::Region(region), ignore: Vec::new() })
}

/// Rule and ids of the members of each finding.
pub(crate) fn found(report: &Report) -> Vec<(Rule, Vec<u64>)> {
    report.findings.iter().map(|finding| (finding.key.rule, members(finding))).collect()
}

pub(crate) fn members(finding: &Finding) -> Vec<u64> {
    let groups = finding.groups.iter();
    ids(groups.flat_map(|group| group.members.iter().map(|member| member.task)))
}

pub(crate) fn dependents(finding: &Finding) -> Vec<u64> {
    let groups = finding.dependents.iter();
    ids(groups.flat_map(|group| group.members.iter().map(|member| member.task)))
}

fn ids(tasks: impl Iterator<Item = TaskId>) -> Vec<u64> {
    let mut ids: Vec<u64> = tasks.map(|task| task.0).collect();
    ids.sort_unstable();
    ids
}

/// Everybody in a certain finding that is no panic, or behind one.
pub(crate) fn never_again(report: &Report) -> Vec<u64> {
    let mut all: Vec<u64> = report
        .findings
        .iter()
        .filter(|finding| finding.certainty == Certainty::Certain)
        .filter(|finding| finding.key.rule != Rule::Panicked)
        .flat_map(|finding| members(finding).into_iter().chain(dependents(finding)))
        .collect();
    all.sort_unstable();
    all
}

/// Two accounts, two tasks that lock them in opposite order, one that audits, one that runs.
pub(crate) fn bank() -> SnapshotBuilder {
    let mut b = SnapshotBuilder::new();
    b.taken_at(51 * MS);
    b.header_mut().program = "bank".to_owned();
    b.header_mut().pid = 4711;
    let first = b.mutex("src/bank.rs:10");
    let second = b.mutex("src/bank.rs:11");
    b.object_mut(first).name = Some("accounts[a]".to_owned());
    b.object_mut(second).name = Some("accounts[b]".to_owned());
    let entry = "bank::main::{{closure}}";
    let to = b.task("src/main.rs:16", entry).name("a->b").locks(second, "src/bank.rs:31").id();
    let from = b.task("src/main.rs:16", entry).name("b->a").locks(first, "src/bank.rs:31").id();
    b.owns(first, to, "src/bank.rs:30", 0);
    b.owns(second, from, "src/bank.rs:30", MS);
    let audit = b.task("src/main.rs:18", "bank::audit").name("audit");
    let _ = audit.locks(first, "src/audit.rs:9").since(MS).id();
    b
}

/// Compares with a golden file; `BLESS=1` rewrites it.
pub(crate) fn golden(path: &str, actual: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("golden files are in a folder"))
            .expect("makes folders");
        std::fs::write(&path, actual).expect("writes the golden file");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(expected, actual, "{} differs; BLESS=1 rewrites it", path.display());
}
