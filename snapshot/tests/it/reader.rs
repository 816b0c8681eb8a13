//! What the reader refuses, and what it takes from writers that are not ours.

use gleak_snapshot::{Completeness, ReadError, TaskState, WaitReason, WaiterKind};

use crate::example::example;
use crate::{dump, read};

const HEADER: &str = r#"{"gleak":1,"k":"header","reason":"request","taken_ns":5}"#;

fn refusal(bytes: &[u8]) -> String {
    read(bytes).expect_err("it is no dump").to_string()
}

#[test]
fn other_files_are_refused_in_words() {
    assert_eq!(refusal(b""), "the file is empty");
    assert_eq!(refusal(b"\n  \r\n"), "the file is empty");
    assert_eq!(
        refusal(b"\ngoroutine 1 [running]:\x1b\xff\n"),
        r#"this is no gleak dump: its first line begins with "goroutine 1 [running]:\x1b\xff""#
    );
    assert_eq!(
        refusal(b"{\"k\":\"task\",\"id\":1}"),
        r#"this is no gleak dump: its first line begins with "{\"k\":\"task\",\"id\":1}""#
    );
    let long = refusal("x".repeat(500).as_bytes());
    assert!(long.len() < 130 && long.ends_with("x..\""), "{long}");
    assert_eq!(
        refusal(br#"{"gleak":2,"k":"header","shape":"new"}"#),
        "the dump has format version 2, this reader knows version 1"
    );
    assert!(matches!(read(br#"{"gleak":"one","k":"header"}"#), Err(ReadError::Version { .. })));
    assert_eq!(refusal(&dump(&example())[..40]), "the dump is cut inside of its first line");
}

#[test]
fn a_file_by_hand_needs_little() {
    let text = format!(
        "{HEADER}\n{}\n{}\n{}\n",
        r#"{"k":"site","id":1,"file":"src/a.rs","line":4}"#,
        r#"{"id":7,"k":"task","kind":"thread","state":{"waiting":{"reason":"select","site":1,"since_ns":2}}}"#,
        r#"{"k":"end"}"#,
    );
    let s = read(text.as_bytes()).unwrap();
    assert_eq!(s.completeness, Completeness::default());
    assert_eq!((s.header.taken_ns, s.tasks[0].kind), (5, WaiterKind::Thread));
    let TaskState::Waiting(wait) = &s.tasks[0].state else { panic!("{:?}", s.tasks[0]) };
    assert_eq!(wait.reason, WaitReason::Select);
    assert_eq!(s.sites[wait.site.0 as usize].to_string(), "src/a.rs:4");
}

/// As it was written before workers were.
#[test]
fn a_file_without_workers_is_whole() {
    let text = [
        r#"{"gleak":1,"k":"header","reason":"request","taken_ns":5,"lines":{"site":1,"spawn":1,"region":0,"object":0,"task":1,"panic":0,"activity":1}}"#,
        r#"{"k":"site","id":0,"file":"src/a.rs","line":4,"column":1}"#,
        r#"{"k":"spawn","id":0,"site":0,"entry":"app::f"}"#,
        r#"{"k":"task","id":1,"kind":"task","spawn":0,"state":"running"}"#,
        r#"{"k":"activity","still":false,"queued":0,"timers":0,"threads_known":false}"#,
        r#"{"k":"end","lines":{"site":1,"spawn":1,"region":0,"object":0,"task":1,"panic":0,"activity":1}}"#,
    ];
    let s = read(text.join("\n").as_bytes()).unwrap();
    assert_eq!(s.completeness, Completeness::default());
    assert_eq!((s.workers.len(), s.tasks[0].worker), (0, None));
}

/// Reads these lines behind a header, with an end line.
fn completeness(lines: &[&str]) -> Completeness {
    let text = format!("{HEADER}\n{}\n{}\n", lines.join("\n"), r#"{"k":"end"}"#);
    let s = read(text.as_bytes()).expect("it has a header");
    assert_eq!(s.validate(), Ok(()));
    s.completeness
}

#[test]
fn lines_of_a_newer_writer_are_unknown_and_bad_ones_damaged() {
    let unknown = completeness(&[r#"{"k":"heap","id":1}"#, r#"{"k":"memory"}"#]);
    assert_eq!(unknown, Completeness { unknown_lines: 2, ..Completeness::default() });
    let damaged = completeness(&[
        "no json",
        r#"{"no":"kind"}"#,
        "[1,2]",
        r#"{"k":"site","id":-1,"file":"a","line":1}"#,
        HEADER,
        r#"{"k":"activity","still":true}"#,
    ]);
    assert_eq!(damaged, Completeness { damaged_lines: 6, ..Completeness::default() });
    let site = r#"{"k":"site","id":1,"file":"a","line":1,"text":"fn main","crc":5}"#;
    assert_eq!(completeness(&[site]), Completeness::default());
}

/// As it was written before stacks were: no such lines, keys or counts.
#[test]
fn a_file_without_stacks_is_whole() {
    let s = example();
    let text = String::from_utf8(dump(&s)).unwrap();
    let mut old = String::new();
    for line in text.lines().filter(|line| !names_code(line)) {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        let keys = line.as_object_mut().unwrap();
        for key in ["crc", "backtrace", "spawn_backtrace"] {
            keys.remove(key);
        }
        let witnesses = keys.get_mut("witnesses").and_then(|it| it.as_array_mut());
        for witness in witnesses.into_iter().flatten().filter_map(|it| it.as_object_mut()) {
            witness.remove("stack");
        }
        for (table, key) in CODE.map(|kind| ("lines", kind)).into_iter().chain([LOST_STACKS]) {
            keys.get_mut(table).and_then(|it| it.as_object_mut()).map(|it| it.remove(key));
        }
        old.push_str(&format!("{line}\n"));
    }
    // The version is the first key of a file.
    let old = old.replacen('{', "{\"gleak\":1,", 1).replacen(",\"gleak\":1,", ",", 1);
    let got = read(old.as_bytes()).unwrap();
    assert_eq!(got.completeness, Completeness { lost_stacks: 0, ..s.completeness });
    assert!(got.modules.is_empty() && got.frames.is_empty() && got.stacks.is_empty());
    assert!(got.tasks.iter().all(|task| task.backtrace.or(task.spawn_backtrace).is_none()));
    assert_eq!(got.objects, s.objects);
}

const CODE: [&str; 3] = ["module", "frame", "stack"];
const LOST_STACKS: (&str, &str) = ("completeness", "lost_stacks");

fn names_code(line: &str) -> bool {
    CODE.iter().any(|kind| line.starts_with(&format!("{{\"k\":\"{kind}\"")))
}

#[test]
fn a_whole_line_of_a_shape_we_do_not_know_is_unknown() {
    let body =
        r#"{"k":"object","id":1,"site":0,"touched":"shared","detail":{"semaphore":{"permits":3}}"#;
    let line = format!("{body},\"crc\":\"{:08x}\"}}", crc32fast::hash(body.as_bytes()));
    let got = completeness(&[&line]);
    assert_eq!(got, Completeness { unknown_lines: 1, ..Completeness::default() });
    assert_eq!(completeness(&[&format!("{body}}}")]).damaged_lines, 1);
}

#[test]
fn a_newer_line_with_a_bad_checksum_is_damaged() {
    let got = completeness(&[r#"{"k":"heap","id":1,"crc":"00000000"}"#]);
    assert_eq!(got, Completeness { damaged_lines: 1, ..Completeness::default() });
}

#[test]
fn what_dangles_without_any_damage_is_counted() {
    let region = r#"{"k":"region","id":1,"kind":"test","name":"a","site":3,"closed":false}"#;
    assert_eq!(completeness(&[region]).damaged_lines, 1);
    let sleep = r#"{"k":"task","id":7,"kind":"thread","state":{"waiting":{"reason":"sleep","site":1,"since_ns":2}}}"#;
    assert_eq!(completeness(&[sleep]).damaged_lines, 1);
}

#[test]
fn a_site_id_as_large_as_can_be_costs_nothing() {
    let lines = [
        r#"{"k":"site","id":4294967295,"file":"src/z.rs","line":9}"#,
        r#"{"k":"region","id":1,"kind":"test","name":"a","site":4294967295,"closed":false}"#,
    ];
    let text = format!("{HEADER}\n{}\n{{\"k\":\"end\"}}\n", lines.join("\n"));
    let s = read(text.as_bytes()).unwrap();
    assert_eq!((s.sites.len(), s.completeness), (1, Completeness::default()));
    assert_eq!(s.sites[s.regions[0].site.0 as usize].file, "src/z.rs");
}

#[test]
fn lines_behind_the_end_are_damaged() {
    let mut bytes = dump(&example());
    bytes.extend(dump(&example()));
    let got = read(&bytes).unwrap();
    let lines = dump(&example()).iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(got.completeness.damaged_lines, lines as u64);
    assert_eq!(got.tasks, example().tasks);
}

#[test]
fn declared_counts_are_believed_for_missing_tasks_only() {
    let text = format!(
        "{}\n{}\n",
        r#"{"gleak":1,"k":"header","reason":"request","taken_ns":5,"lines":{"task":18446744073709551615}}"#,
        r#"{"k":"end"}"#
    );
    let got = read(text.as_bytes()).unwrap();
    assert_eq!(got.completeness.missing_tasks, u64::MAX);
    assert_eq!(got.completeness.damaged_lines, 0);
}

#[test]
fn an_input_that_fails_is_an_error() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::PermissionDenied.into())
        }
    }
    let got = gleak_snapshot::read_dump(&mut std::io::BufReader::new(Broken));
    assert!(matches!(got, Err(ReadError::Io(_))));
}
