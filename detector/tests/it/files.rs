//! Files of findings: there and back, cut, damaged, newer, merged.

use gleak_detector::findings_file::{
    FindingsFile, ReadError, Source, merge, read, recognise, write,
};
use gleak_detector::snapshot::{ObjectId, Site, SnapshotBuilder, Touched};
use gleak_detector::survey::{Row, Standing, Survey};
use gleak_detector::{Finding, Report};

use crate::support::{bank, process, region};

fn source() -> Source {
    Source { program: "pool-1f2e".to_owned(), pid: 12, tests: 312, spawned: 12_904 }
}

fn written(findings: &[Finding]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, &source(), findings, &Survey::default()).expect("a vector takes all");
    bytes
}

fn leak(test: &str, before: usize) -> Report {
    let mut b = SnapshotBuilder::new();
    for _ in 0..before {
        let _ = b.channel("src/x.rs:1", None);
    }
    let own = b.region(test);
    let jobs = b.channel("src/a.rs:1", Some(0));
    b.object_mut(ObjectId(1)).touched = Touched::Shared;
    for _ in 0..2 {
        let _ = b.task("src/a.rs:2", "app::work").region(own).receives(jobs, "src/a.rs:3").id();
    }
    region(&b.build(), own)
}

#[test]
fn there_and_back() {
    let findings = process(&bank().build()).findings;
    let bytes = written(&findings);
    let text = String::from_utf8(bytes.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("{\"gleak-findings\":1,\"k\":\"source\","), "{}", lines[0]);
    assert!(lines[1].starts_with("{\"k\":\"finding\","), "{}", lines[1]);
    assert!(lines[2].starts_with("{\"k\":\"end\",\"findings\":1,\"crc\":\""), "{}", lines[2]);
    assert!(recognise(lines[0]) && !recognise(lines[1]) && !recognise("") && !recognise("go"));
    let file = read(&mut &bytes[..]).unwrap();
    assert_eq!(
        file,
        FindingsFile { source: source(), findings, survey: Survey::default(), complete: true }
    );
}

#[test]
fn cut_at_every_byte() {
    let bytes = written(&process(&bank().build()).findings);
    let first = bytes.iter().position(|&byte| byte == b'\n').unwrap();
    for end in first + 1..bytes.len() - 1 {
        let file = read(&mut &bytes[..end]).unwrap();
        assert!(!file.complete && file.findings.len() <= 1, "at {end}");
    }
    assert!(matches!(read(&mut &bytes[..first - 1]), Err(ReadError::NotFindings)));
    assert!(matches!(read(&mut &b""[..]), Err(ReadError::NotFindings)));
}

#[test]
fn damaged_unknown_and_newer() {
    let text = String::from_utf8(written(&process(&bank().build()).findings)).unwrap();
    let damaged = text.replacen("\"certainty\":\"certain\"", "\"certainty\":\"cert", 1);
    let error = read(&mut damaged.as_bytes()).unwrap_err();
    assert!(error.to_string().starts_with("line 2 is damaged: "), "{error}");
    // Written by hand: without checksums.
    let end = text.find("{\"k\":\"end\"").unwrap();
    let more = format!("{}{{\"k\":\"later\",\"x\":1}}\n{}", &text[..end], &text[end..]);
    assert!(read(&mut more.as_bytes()).unwrap().complete);
    let fewer = format!("{}{{\"k\":\"end\",\"y\":2,\"findings\":2}}\n", &text[..end]);
    assert!(!read(&mut fewer.as_bytes()).unwrap().complete);
    let one_bit = text.replacen("src/", "srd/", 1);
    let error = read(&mut one_bit.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "line 2 is damaged: its checksum is wrong");
    let newer = text.replacen(":1,", ":2,", 1);
    let error = read(&mut newer.as_bytes()).unwrap_err();
    assert!(matches!(error, ReadError::Newer { found: 2 }));
    assert!(error.to_string().contains("newer"), "{error}");
}

#[test]
fn many_processes_as_one() {
    let survey = Survey::default();
    let file = |findings| FindingsFile {
        source: source(),
        findings,
        survey: survey.clone(),
        complete: true,
    };
    let files = || {
        let reports = [leak("b", 1), leak("a", 3), process(&bank().build())];
        reports.map(|report| file(report.findings))
    };
    let merged = merge(files());
    assert_eq!(merged.iter().map(Finding::tasks).collect::<Vec<_>>(), [2, 4]);
    let leaks = &merged[1];
    assert_eq!(leaks.regions, ["a", "b"]);
    assert_eq!((leaks.groups.len(), &*leaks.groups[0].waits_for), (1, "to receive on a channel"));
    let mut turned = files();
    turned.reverse();
    let prints = |findings: &[Finding]| -> Vec<(String, usize)> {
        findings.iter().map(|one| (one.fingerprint.to_string(), one.tasks())).collect()
    };
    assert_eq!(prints(&merge(turned)), prints(&merged));
}

fn row(test: Option<&str>, standing: Standing) -> Row {
    let spawn = Some(Site { file: "src/a.rs".to_owned(), line: 7, column: 0 });
    let (entry, wait) = ("app::work".to_owned(), "receive".to_owned());
    Row { test: test.map(str::to_owned), entry, spawn, wait, block: None, standing }
}

#[test]
fn rows_of_a_survey_come_back_and_add_up() {
    let mut survey = Survey::default();
    survey.add(row(Some("pool::drains"), Standing::Left), 2);
    survey.add(row(None, Standing::CutShort), 1);
    let mut bytes = Vec::new();
    write(&mut bytes, &source(), &[], &survey).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert_eq!(text.matches("{\"k\":\"row\",").count(), 2, "{text}");
    assert!(text.contains("{\"k\":\"end\",\"findings\":0,\"rows\":2,"), "{text}");
    let file = read(&mut &bytes[..]).unwrap();
    assert!(file.complete && file.survey == survey, "{file:?}");
    // One row lost is a file that is cut.
    let without: String = text
        .lines()
        .filter(|it| !it.contains("pool::drains"))
        .map(|it| format!("{it}\n"))
        .collect();
    assert!(!read(&mut without.as_bytes()).unwrap().complete);
    let mut both = file.survey;
    both.join(&survey);
    assert_eq!((both.tasks(Standing::Left), both.tasks(Standing::CutShort)), (4, 2));
}
