//! Tasks by their stacks: folded, and as pprof has them, read back here by the rules of its format.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeMap;

use gleak_detector::profile::{By, Chosen, Profile, Weight};
use gleak_detector::render::{folded, pprof};
use gleak_detector::snapshot::{Snapshot, SnapshotBuilder};

use crate::formats::several_tasks;
use crate::support::{MS, process};

fn profile(snapshot: &Snapshot) -> Profile {
    Profile::new(snapshot, &Chosen::default())
}

fn lines(snapshot: &Snapshot, by: By, weight: Weight) -> Vec<String> {
    folded(&profile(snapshot), by, weight).lines().map(str::to_owned).collect()
}

/// A test's tasks, one of which has two of its own, and one of nobody's.
fn pool() -> Snapshot {
    let mut b = SnapshotBuilder::new();
    b.taken_at(9_000 * MS);
    let own = b.region("drains");
    let jobs = b.channel("src/a.rs:1", None);
    let root = b.task("src/main.rs:1", "app::main::{{closure}}").region(own).running().id();
    let pool = b.task("src/main.rs:2", "app::pool").region(own).parent(root).fresh().id();
    for since in [1_000, 2_000] {
        let task = b.task("src/pool.rs:3", "app::work::<[u8; 4]>").region(own).parent(pool);
        let _ = task.receives(jobs, "src/pool.rs:9").since(since * MS).id();
    }
    let _ = b.task("src/x.rs:1", "a;\u{1b}[2J").running().id();
    let _ = b.thread("outside").receives(jobs, "src/pool.rs:9").id();
    b.build()
}

#[test]
fn three_ways_to_fold_and_two_to_weigh() {
    let line = "app;drains;app::main (src/main.rs:1);app::pool (src/main.rs:2)";
    let main = "app;drains;app::main (src/main.rs:1)";
    assert_eq!(
        lines(&pool(), By::Spawn, Weight::Tasks),
        [
            "app;a,\\u{1b}[2J (src/x.rs:1) 1".to_owned(),
            format!("{main} 1"),
            format!("{line} 1"),
            format!("{line};app::work (src/pool.rs:3) 2"),
        ]
    );
    assert_eq!(
        lines(&pool(), By::Block, Weight::Tasks),
        ["app;never started 1", "app;running 2", "app;src/pool.rs:9;receive 2"]
    );
    let work = format!("{line};app::work (src/pool.rs:3);src/pool.rs:9;receive");
    assert!(lines(&pool(), By::Both, Weight::Tasks).contains(&format!("{work} 2")));
    // Eight seconds and seven; who does not wait weighs nothing.
    assert_eq!(lines(&pool(), By::Both, Weight::Time), [format!("{work} 15000")]);
}

#[test]
fn no_task_no_line_and_no_empty_frame() {
    let none = SnapshotBuilder::new().build();
    assert_eq!(lines(&none, By::Both, Weight::Tasks), Vec::<String>::new());
    let mut b = SnapshotBuilder::new();
    b.header_mut().program = " ".to_owned();
    let _ = b.task("src/a.rs:1", "").running().id();
    assert_eq!(lines(&b.build(), By::Spawn, Weight::Tasks), ["?;? (src/a.rs:1) 1"]);
}

#[test]
fn tasks_of_one_group_keep_their_own_ancestors_and_stacks() {
    let mut b = SnapshotBuilder::new();
    let jobs = b.channel("src/a.rs:1", None);
    for place in ["src/main.rs:1", "src/main.rs:2"] {
        let parent = b.task(place, "app::main").running().id();
        let _ = b.task("src/p.rs:3", "app::work").parent(parent).receives(jobs, "src/p.rs:9").id();
    }
    let snapshot = b.build();
    assert_eq!(process(&snapshot).groups.iter().map(|it| it.members.len()).max(), Some(2));
    let work = "app::work (src/p.rs:3)";
    let lines = lines(&snapshot, By::Spawn, Weight::Tasks);
    assert!(lines.contains(&format!("app;app::main (src/main.rs:1);{work} 1")), "{lines:#?}");
    assert!(lines.contains(&format!("app;app::main (src/main.rs:2);{work} 1")), "{lines:#?}");
}

/// A field: its number, and its value or its bytes.
type Field<'b> = (u64, u64, &'b [u8]);

fn varint(bytes: &mut &[u8]) -> u64 {
    let end = bytes.iter().position(|byte| *byte < 0x80).unwrap();
    let (number, rest) = bytes.split_at(end + 1);
    *bytes = rest;
    number.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f))
}

fn fields(mut bytes: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        match tag & 7 {
            0 => fields.push((tag >> 3, varint(&mut bytes), &[][..])),
            2 => {
                let length = usize::try_from(varint(&mut bytes)).unwrap();
                let (value, rest) = bytes.split_at(length);
                fields.push((tag >> 3, 0, value));
                bytes = rest;
            }
            other => panic!("wire type {other}"),
        }
    }
    fields
}

fn packed(mut bytes: &[u8]) -> Vec<u64> {
    let mut numbers = Vec::new();
    while !bytes.is_empty() {
        numbers.push(varint(&mut bytes));
    }
    numbers
}

fn number(message: &[u8], wanted: u64) -> u64 {
    fields(message).iter().find(|it| it.0 == wanted).map_or(0, |it| it.1)
}

fn all(message: &[u8], wanted: u64) -> Vec<&[u8]> {
    fields(message).iter().filter(|it| it.0 == wanted).map(|it| it.2).collect()
}

/// Names of its stack from the root, its values, its labels.
type Read = (Vec<String>, Vec<u64>, BTreeMap<String, String>);

fn samples(file: &[u8]) -> Vec<Read> {
    let texts: Vec<String> =
        all(file, 6).iter().map(|it| String::from_utf8(it.to_vec()).unwrap()).collect();
    assert_eq!(texts[0], "");
    let text = |at: u64| texts[usize::try_from(at).unwrap()].clone();
    let by_id = |field| -> BTreeMap<u64, &[u8]> {
        all(file, field).into_iter().map(|it| (number(it, 1), it)).collect()
    };
    let (locations, functions, mappings) = (by_id(4), by_id(5), by_id(3));
    let name = |location: &u64| {
        let location = locations[location];
        assert!(mappings.contains_key(&number(location, 2)));
        let line = all(location, 4)[0];
        text(number(functions[&number(line, 1)], 2))
    };
    let read = |sample: &&[u8]| {
        let stack = packed(all(sample, 1)[0]);
        let labels = all(sample, 3).into_iter();
        let labels = labels.map(|it| (text(number(it, 1)), text(number(it, 2)))).collect();
        (stack.iter().rev().map(name).collect(), packed(all(sample, 2)[0]), labels)
    };
    all(file, 2).iter().map(read).collect()
}

#[test]
fn pprof_holds_every_task_with_its_labels() {
    let file = pprof(&profile(&pool()));
    let samples = samples(&file);
    assert_eq!(samples.iter().map(|(_, values, _)| values[0]).sum::<u64>(), 5);
    let (stack, values, labels) =
        samples.iter().find(|(stack, _, _)| stack.last().unwrap() == "receive").unwrap();
    let names =
        ["app", "drains", "app::main", "app::pool", "app::work", "src/pool.rs:9", "receive"];
    assert_eq!(stack, &names);
    assert_eq!(values, &[2, 15_000 * MS]);
    let label = |key: &str| labels.get(key).map(String::as_str);
    assert_eq!(label("test"), Some("drains"));
    assert_eq!((label("state"), label("wait")), (Some("waiting"), Some("receive")));
    assert_eq!(label("object"), Some("channel #1"));
    assert_eq!((label("verdict"), label("fingerprint")), (None, None));
}

#[test]
fn pprof_says_what_was_found_and_nothing_changes_its_bytes() {
    let snapshot = several_tasks();
    let report = process(&snapshot);
    let profile = Profile::new(&snapshot, &Chosen::of(&report));
    let file = pprof(&profile);
    let mut other = snapshot.clone();
    other.tasks.reverse();
    assert_eq!(file, pprof(&Profile::new(&other, &Chosen::of(&process(&other)))));
    let found = samples(&file).into_iter().filter(|(_, _, labels)| {
        labels.get("verdict").is_some_and(|it| it == "certain")
            && labels.contains_key("fingerprint")
    });
    assert_eq!(found.map(|(_, values, _)| values[0]).sum::<u64>(), report.totals.stuck);
    // A time only when the dump has one.
    assert_eq!(number(&file, 9), snapshot.header.wall_s * 1_000_000_000);
    let types: Vec<(u64, u64)> =
        all(&file, 1).iter().map(|it| (number(it, 1), number(it, 2))).collect();
    let texts = all(&file, 6);
    let text = |at: u64| std::str::from_utf8(texts[usize::try_from(at).unwrap()]).unwrap();
    let types: Vec<String> =
        types.iter().map(|(what, unit)| format!("{}/{}", text(*what), text(*unit))).collect();
    assert_eq!(types, ["tasks/count", "blocked/nanoseconds"]);
}
