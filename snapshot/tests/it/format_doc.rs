//! `docs/format.md` names all that the writer writes.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::dump;
use crate::example::example;

/// Keys behind which stands one of a closed list of words.
const WORDS: [&str; 7] = ["k", "kind", "reason", "state", "op", "on", "mode"];

fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                names.insert(key.clone());
                if let (true, Value::String(word)) = (WORDS.contains(&key.as_str()), value) {
                    names.insert(word.clone());
                }
                collect(value, names);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn format_md() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/format.md");
    std::fs::read_to_string(path).expect("docs/format.md")
}

#[test]
fn every_key_and_word_of_the_writer_is_described() {
    let mut names = BTreeSet::new();
    for line in String::from_utf8(dump(&example())).unwrap().lines() {
        collect(&serde_json::from_str(line).unwrap(), &mut names);
    }
    for kind in [
        "header",
        "site",
        "spawn",
        "module",
        "frame",
        "stack",
        "region",
        "object",
        "worker",
        "task",
        "lock-pair",
        "panic",
        "misuse",
        "activity",
        "end",
    ] {
        assert!(names.contains(kind), "the example has no {kind} line");
    }
    let text = format_md();
    let missing: Vec<_> =
        names.iter().filter(|name| !text.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/format.md does not name {missing:?}");
}

#[test]
fn the_example_in_the_text_is_a_dump() {
    let text = format_md();
    let block = text.split("```").nth(1).unwrap();
    let lines = block.trim_start_matches("json").trim();
    let snapshot = crate::read(lines.as_bytes()).unwrap();
    assert_eq!(snapshot.completeness, gleak_snapshot::Completeness::default());
    assert_eq!((snapshot.tasks.len(), snapshot.objects.len()), (1, 1));
    assert_eq!(String::from_utf8(dump(&snapshot)).unwrap().trim(), lines);
}
