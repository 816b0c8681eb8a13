//! Shorthands of the tests.

use gleak_detector::snapshot::{
    Frame, FrameId, Module, ModuleId, RegionId, Snapshot, SnapshotBuilder, Stack, StackId, Symbol,
    TaskId,
};
use gleak_detector::{Certainty, Finding, Ignore, Question, Report, Rule, Scope, analyze};

/// One millisecond of a snapshot's clock.
pub(crate) const MS: u64 = 1_000_000;

pub(crate) fn process(snapshot: &Snapshot) -> Report {
    analyze(snapshot, &Question::default())
}

pub(crate) fn region(snapshot: &Snapshot, region: RegionId) -> Report {
    analyze(snapshot, &Question { scope: Scope::Region(region), ..Question::default() })
}

/// Rule and ids of the members of each finding.
pub(crate) fn found(report: &Report) -> Vec<(Rule, Vec<u64>)> {
    report.findings.iter().map(|finding| (finding.key.rule, members(finding))).collect()
}

/// An ignore with this matcher, as text.
pub(crate) fn ignore(text: &str) -> Ignore {
    format!("{text} because of the test").parse().unwrap_or_else(|error| panic!("{text}: {error}"))
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
        .filter(|finding| !finding.key.rule.is_event())
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

/// Where every module lies.
const BASE: u64 = 0x5555_5555_4000;

/// Adds a stack, innermost frame first: `function at file:line`, `function`, or an address of a
/// module `0x1f in /lib/libc.so.6`, or an address of none. What is inlined into the next frame ends
/// in ` ^`.
pub(crate) fn stack(snapshot: &mut Snapshot, frames: &[&str]) -> StackId {
    let mut ids = Vec::new();
    let mut inlined = Vec::new();
    for text in frames {
        if let Some(text) = text.strip_suffix(" ^") {
            inlined.push(symbol(text));
            continue;
        }
        let mut frame =
            Frame { module: None, address: 0x1000, symbols: std::mem::take(&mut inlined) };
        match text.strip_prefix("0x") {
            None => frame.symbols.push(symbol(text)),
            Some(address) => {
                let (address, path) = address.split_once(" in ").unwrap_or((address, ""));
                frame.address = u64::from_str_radix(address, 16).expect("an address");
                frame.module = (!path.is_empty()).then(|| module(snapshot, path));
            }
        }
        ids.push(FrameId(index(snapshot.frames.len())));
        snapshot.frames.push(frame);
    }
    snapshot.stacks.push(Stack { frames: ids, cut: false });
    StackId(index(snapshot.stacks.len() - 1))
}

/// `function at file:line` or `function`.
pub(crate) fn symbol(text: &str) -> Symbol {
    let (function, place) = text.split_once(" at ").unwrap_or((text, ""));
    let (file, line) = place.rsplit_once(':').unwrap_or((place, ""));
    Symbol {
        function: function.to_owned(),
        file: (!file.is_empty()).then(|| file.to_owned()),
        line: line.parse().ok(),
    }
}

fn module(snapshot: &mut Snapshot, path: &str) -> ModuleId {
    snapshot.modules.push(Module { path: path.to_owned(), base: BASE, build_id: None });
    ModuleId(index(snapshot.modules.len() - 1))
}

fn index(number: usize) -> u32 {
    u32::try_from(number).expect("few of them")
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

/// A test of a binary that is known.
pub(crate) fn named(name: &str) -> gleak_detector::render::Test<'_> {
    let binary = "-p app --test pool".to_owned();
    gleak_detector::render::Test { name, binary, charge: gleak_detector::render::Charge::Body }
}
