//! The targets, one function each.

use std::io::Cursor;
use std::sync::OnceLock;

use clap::Parser;
use gleak_detector::filter::{Filter, RegionNames};
use gleak_detector::findings_file::{self, FindingsFile};
use gleak_detector::profile::{Chosen, Profile};
use gleak_detector::render::{self, TextOptions};
use gleak_detector::snapshot::image::file::{self, Tag};
use gleak_detector::snapshot::{
    Arm, Snapshot, SnapshotBuilder, WaitOp, WaitReason, flight, read_dump, write_dump,
};
use gleak_detector::view::{Ask, View};
use gleak_detector::{Certainty, Date, Question, Report, Suppressions, analyze};

use super::check;
use crate::args::{self, Cli, Command};
use crate::baseline::Baseline;
use crate::command;
use crate::error::Failure;
use crate::gate::{self, Evidence, Policy};
use crate::go::{self, GoDump};
use crate::input::{self, Content, InputFault};
use crate::memory::{self, MemoryFault};
use crate::names::{Binary, Names};

/// A dump of ours: what is read is valid, and written it reads to the same.
pub(super) fn dump(bytes: &[u8]) {
    let snapshot = match read_dump(&mut &bytes[..]) {
        Ok(snapshot) => snapshot,
        Err(error) => return check::plain(&error.to_string()),
    };
    assert_eq!(snapshot.validate(), Ok(()));
    let mut written = Vec::new();
    write_dump(&snapshot, &mut written).expect("memory takes all");
    let again = read_dump(&mut &written[..]).expect("what was just written");
    assert_eq!(again, snapshot, "it changes when it is written");
    drawn(&snapshot);
    answers(vec![Content::Dump(Box::new(snapshot))]);
}

/// A flight file. Most of one is zeros, so that the bytes are put where something stands: up to the first
/// zero they are the log, behind it records; and they are read as they are too.
pub(super) fn flight(bytes: &[u8]) {
    let header = flight::FlightHeader {
        program: "app".to_owned(),
        pid: 7,
        boot: "boot".to_owned(),
        started: 1,
        wall_s: 1_000,
        made_ns: 0,
    };
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (log, records) = bytes.split_at(at);
    let mut file = flight::header(&header).expect("it fits");
    file.resize(usize::try_from(flight::LOG).expect("small"), 0);
    file.extend(log);
    file.resize(usize::try_from(flight::RECORDS).expect("small"), 0);
    file.extend(records.strip_prefix(&[0]).unwrap_or(records));
    for file in [&file[..], bytes] {
        match flight::read_flight(&mut &file[..]) {
            Ok(snapshot) => {
                assert_eq!(snapshot.validate(), Ok(()));
                let report = analyze(&snapshot, &Question::default());
                assert!(report.findings.iter().all(|it| it.certainty != Certainty::Certain));
                drawn(&snapshot);
                answers(vec![Content::Dump(Box::new(snapshot))]);
            }
            Err(error) => check::plain(&error.to_string()),
        }
    }
}

/// A core file.
pub(super) fn core(bytes: &[u8]) {
    remembered(memory::of_core(Cursor::new(bytes), 1_000, &mut nameless()));
}

/// The image of a crash, as it is and with checksums that are right: who damages a file by chance damages
/// those, and who wants to deceive does not.
pub(super) fn image(bytes: &[u8]) {
    for file in [bytes, &sealed(bytes)] {
        remembered(memory::of_image(Cursor::new(file), &mut nameless()));
    }
}

/// What was in the memory of a process.
fn remembered(found: Result<Snapshot, MemoryFault>) {
    match found {
        Ok(snapshot) => {
            assert_eq!(snapshot.validate(), Ok(()));
            drawn(&snapshot);
            answers(vec![Content::Dump(Box::new(snapshot))]);
        }
        Err(fault) => check::plain(&crate::plain::plain(&fault.to_string())),
    }
}

/// An image with right checksums, block by block as far as lengths go.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut image = file::head().to_vec();
    let mut rest = bytes.get(file::HEAD_BYTES..).unwrap_or_default();
    while let Some((head, after)) = rest.split_at_checked(file::BLOCK_HEAD_BYTES) {
        let word = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight"));
        let length = usize::try_from(word(16)).unwrap_or(usize::MAX).min(after.len());
        let (payload, after) = after.split_at(length);
        // Their numbers begin at one.
        let tag = Tag::ALL[usize::from(head[4].wrapping_sub(1)) % Tag::ALL.len()];
        image.extend(file::block_head(tag, word(8), payload));
        image.extend(payload);
        image.resize(image.len() + file::padding(length), 0);
        rest = after.get(file::padding(length)..).unwrap_or_default();
    }
    image
}

/// No files to look names up in.
fn nameless() -> Names {
    let none = args::Names { exe: Vec::new(), debug_dir: Vec::new() };
    Names::open(&none).expect("nothing to open")
}

/// Dumps of Go programs, in whatever is around them.
pub(super) fn go(bytes: &[u8]) {
    let dumps = go::read(&mut &bytes[..], "text").expect("memory reads");
    for dump in &dumps {
        assert_eq!(dump.snapshot.validate(), Ok(()));
        drawn(&dump.snapshot);
    }
    answers(dumps.into_iter().map(|dump: GoDump| Content::Go(Box::new(dump))).collect());
}

/// A file of findings: what is read and written reads to the same, and can be gated.
pub(super) fn findings(bytes: &[u8]) {
    let file = match findings_file::read(&mut &bytes[..]) {
        Ok(file) => file,
        Err(error) => return check::plain(&error.to_string()),
    };
    let mut written = Vec::new();
    findings_file::write(&mut written, &file.source, &file.findings, &file.survey)
        .expect("memory takes all");
    let again = findings_file::read(&mut &written[..]).expect("what was just written");
    assert_eq!(again, FindingsFile { complete: true, ..file.clone() });
    gated(vec![Content::Findings(file.clone())], &Baseline::default());
    answers(vec![Content::Findings(file)]);
}

/// A baseline: what is read and written reads to the same, and decides about findings.
pub(super) fn baseline(bytes: &[u8]) {
    match Baseline::read(bytes) {
        Ok(baseline) => {
            let again = Baseline::parse(&baseline.to_text()).expect("what was just written");
            assert_eq!(again, baseline);
            gated(vec![Content::Dump(Box::new(example().0.clone()))], &baseline);
        }
        Err(fault) => {
            let path = "baseline.json".to_owned();
            check::complaint(&Failure::Baseline { path, fault }.to_string());
        }
    }
}

/// A file of suppressions, applied to findings.
pub(super) fn suppressions(bytes: &[u8]) {
    match Suppressions::read(bytes) {
        Ok(suppressions) => {
            let mut report = example().1.clone();
            suppressions.apply(&mut report, today());
            check::plain(&render::text(&report, &TextOptions::default()));
            check::json(&render::json(&report));
        }
        Err(fault) => check::complaint(&crate::plain::plain(&fault.to_string())),
    }
}

/// A filter: what it says of itself reads to the same, and it picks from findings.
pub(super) fn filter(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let filter = match text.parse::<Filter>() {
        Ok(filter) => filter,
        Err(fault) => return check::complaint(&crate::plain::plain(&fault.to_string())),
    };
    assert_eq!(filter.to_string().parse().as_ref(), Ok(&filter));
    let (snapshot, report) = example();
    let ask = Ask { filter: Some(filter), ..Ask::default() };
    let view = View::of(report, &RegionNames::of(snapshot), &ask);
    check::plain(&render::text_view(&view, &TextOptions::default()));
    check::json(&render::json_view(&view));
}

/// A file of code, from which addresses get their names.
pub(super) fn binary(bytes: &[u8]) {
    const ADDRESSES: std::ops::Range<u64> = 0..0x4000;
    let path = std::env::temp_dir().join(format!("gleak-fuzz-{}.elf", std::process::id()));
    std::fs::write(&path, bytes).expect("room for a file");
    match Binary::open(&path) {
        Ok(binary) => {
            let addresses: Vec<u64> = ADDRESSES.step_by(64).chain([u64::MAX]).collect();
            let (names, fault) = binary.names(&addresses);
            assert_eq!(names.len(), addresses.len());
            fault.iter().for_each(|fault| check::plain(&crate::plain::plain(&fault.to_string())));
        }
        Err(fault) => check::plain(&crate::plain::plain(&fault.to_string())),
    }
    let _ = std::fs::remove_file(path);
}

/// Anything at all, as the commands take it.
pub(super) fn input(bytes: &[u8]) {
    let recognise = || input::recognise(&mut &bytes[..], "input");
    let contents = match recognise() {
        Ok(contents) => contents,
        Err(fault) => {
            let name = "input".to_owned();
            return check::complaint(&Failure::Input { name, fault }.to_string());
        }
    };
    for flaw in contents.iter().filter_map(Content::flaw) {
        let name = "input".to_owned();
        check::complaint(&Failure::Input { name, fault: flaw }.to_string());
    }
    answers(contents);
    gated(recognise().unwrap_or_default(), &Baseline::default());
}

/// Every report on these contents.
fn answers(contents: Vec<Content>) {
    if contents.is_empty() {
        return;
    }
    static ARGUMENTS: OnceLock<Cli> = OnceLock::new();
    let arguments = ARGUMENTS.get_or_init(|| arguments(&["report", "x", "--color", "never"]));
    let Command::Report(arguments) = &arguments.command else { unreachable!("a report was named") };
    for (format, answer) in command::report::answers(arguments, contents) {
        match answer {
            Ok(bytes) => check::report(format, &bytes),
            // A profile has no numbers for goroutines, which a text of them has.
            Err(Failure::Input { fault: InputFault::Refused(_), .. }) => {}
            Err(failure) => panic!("{failure}"),
        }
    }
}

/// Every picture of a dump.
fn drawn(snapshot: &Snapshot) {
    static ARGUMENTS: OnceLock<Vec<Cli>> = OnceLock::new();
    let all = ARGUMENTS.get_or_init(|| {
        let all = [["flame", "x", "--format", "svg"], ["flame", "x", "--format", "folded"]];
        all.iter().map(|words| arguments(words)).collect()
    });
    for arguments in all {
        let Command::Flame(arguments) = &arguments.command else { unreachable!("all are flames") };
        let profile = Profile::new(snapshot, &Chosen::default());
        let bytes = command::flame::drawn(arguments, &profile, None);
        let bytes = bytes.unwrap_or_else(|failure| panic!("{failure}"));
        match arguments.format {
            crate::args::FlameFormat::Svg => check::picture(&bytes),
            crate::args::FlameFormat::Folded => check::folded(&String::from_utf8_lossy(&bytes)),
        }
    }
}

/// Every answer of a gate.
fn gated(contents: Vec<Content>, baseline: &Baseline) {
    let mut evidence = Evidence::default();
    contents.into_iter().for_each(|content| evidence.add("input", content));
    let policy = Policy {
        max_new: 0,
        accept_moved: true,
        fail_on: Certainty::Potential,
        strict: true,
        require_run: 1,
        today: today(),
    };
    let verdict = gate::decide(&evidence, baseline, &policy);
    check::plain(&gate::text(&verdict, &TextOptions::default()));
    check::json(&gate::json(&verdict));
    for format in [render::ListFormat::Md, render::ListFormat::Junit, render::ListFormat::Sarif] {
        check::plain(&render::list(&gate::listing(&verdict), format));
    }
}

fn arguments(words: &[&str]) -> Cli {
    let words = ["gleak"].iter().chain(words);
    Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"))
}

/// A day that suppressions and baselines count from, so that an input means the same tomorrow.
fn today() -> Date {
    Date::of_unix_seconds(1_700_000_000)
}

/// A process with findings of several rules, and the report on it.
pub(super) fn example() -> &'static (Snapshot, Report) {
    static EXAMPLE: OnceLock<(Snapshot, Report)> = OnceLock::new();
    EXAMPLE.get_or_init(|| {
        let snapshot = example_snapshot();
        let report = analyze(&snapshot, &Question::default());
        assert!(report.findings.len() > 1, "{:?}", report.findings);
        (snapshot, report)
    })
}

fn example_snapshot() -> Snapshot {
    let mut b = SnapshotBuilder::new();
    b.taken_at(9_000_000_000);
    let region = b.region("pool::drains");
    let (first, second) = (b.mutex("src/bank.rs:5"), b.mutex("src/bank.rs:6"));
    let pay = b.task("src/bank.rs:16", "bank::pay::{{closure}}").name("pay").region(region);
    let pay = pay.locks(second, "src/bank.rs:31").id();
    let refund = b.task("src/bank.rs:17", "bank::refund::{{closure}}").label("job", "refund");
    let refund = refund.locks(first, "src/bank.rs:41").id();
    b.owns(first, pay, "src/bank.rs:30", 0);
    b.owns(second, refund, "src/bank.rs:40", 0);
    let never = [Arm::never(WaitOp::Receive)];
    let waiter = b.task("src/pool.rs:49", "pool::start::{{closure}}");
    waiter.waits(WaitReason::Receive, &never, "src/pool.rs:73");
    b.task("src/main.rs:3", "app::main").running();
    b.build()
}
