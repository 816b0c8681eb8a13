//! `gleak schema`: what the commands write fits it, and what is like that and wrong does not. Dumps are
//! held to theirs in `snapshot/tests`.

use gleak_detector::RULES;
use gleak_detector::snapshot::WaitReason;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::make::{self, finding, findings, with_stack};
use crate::work_dir::WorkDir;
use crate::wrong::wrong;

const FORMATS: [&str; 5] = ["dump", "findings", "baseline", "report", "gate"];

fn schema(dir: &WorkDir, format: &str) -> Value {
    let text = dir.gleak(&["schema", format]).ends(0).quiet().stdout;
    let schema = serde_json::from_str(&text).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap_or_else(|error| panic!("{error}"));
    schema
}

fn validator(dir: &WorkDir, format: &str) -> Validator {
    jsonschema::draft202012::new(&schema(dir, format)).unwrap()
}

#[track_caller]
fn fits(validator: &Validator, document: &str) -> Value {
    let document: Value = serde_json::from_str(document).unwrap();
    assert!(validator.is_valid(&document), "{document:#}\n{:?}", validator.validate(&document));
    document
}

/// It fits; with any key more, or with any value of another type, it does not.
#[track_caller]
fn fits_exactly(validator: &Validator, document: &str) {
    for bad in wrong(&fits(validator, document)) {
        assert!(!validator.is_valid(&bad), "{bad:#}");
    }
}

/// A dump in which every kind of record occurs.
const EVERYTHING: &[u8] = include_bytes!("../../../snapshot/testdata/v1/example.ndjson");

fn dumps() -> Vec<Vec<u8>> {
    let mut all = vec![
        make::healthy(),
        make::leaky(1, 3),
        make::deadlocked(),
        make::held(),
        make::empty(),
        make::unnamed("/usr/bin/app", Some("5f3c07a1")),
        make::hostile(),
        make::busy(),
        EVERYTHING.to_vec(),
    ];
    let cut = make::cut(&all[1]).to_vec();
    all.push(cut);
    all
}

#[test]
fn schemas_are_whole_and_say_what_they_are_of() {
    let dir = WorkDir::new("schema-whole");
    for format in FORMATS {
        let schema = schema(&dir, format);
        assert!(schema["title"].as_str().unwrap().starts_with("gleak "), "{format}");
        jsonschema::draft202012::new(&schema).unwrap_or_else(|error| panic!("{format}: {error}"));
    }
    let run = dir.gleak(&["schema", "reprot"]).ends(2);
    assert!(run.stderr.contains("a similar value exists: 'report'"), "{run:#?}");
}

#[test]
fn words_are_those_of_the_program() {
    let dir = WorkDir::new("schema-words");
    let parts = &schema(&dir, "report")["$defs"];
    let rules: Vec<Value> = RULES.iter().map(|info| info.rule.id().into()).collect();
    let mut known = parts["rule"]["enum"].as_array().unwrap().clone();
    known.sort_by_key(|it| rules.iter().position(|rule| rule == it));
    assert_eq!(known, rules);
    let reasons: Vec<Value> = WaitReason::ALL.map(|it| serde_json::to_value(it).unwrap()).to_vec();
    assert_eq!(parts["reason"]["enum"], Value::Array(reasons));
}

#[test]
fn lines_of_dumps_fit() {
    let dir = WorkDir::new("schema-dump");
    let validator = validator(&dir, "dump");
    for dump in dumps() {
        let text = String::from_utf8(dump).unwrap();
        text.lines().for_each(|line| drop(fits(&validator, line)));
    }
}

#[test]
fn lines_of_findings_files_fit() {
    let dir = WorkDir::new("schema-findings");
    let validator = validator(&dir, "findings");
    let all = [with_stack(finding("gk1:aa", "a::b", 2)), finding("gk1:bb", "c::d", 1)];
    let file = String::from_utf8(findings(1, &all)).unwrap();
    assert_eq!(file.lines().count(), 4);
    file.lines().for_each(|line| fits_exactly(&validator, line));
    for other in [make::idle(1), make::survey(1, Some("pool::drains"), 2)] {
        let file = String::from_utf8(other).unwrap();
        file.lines().for_each(|line| fits_exactly(&validator, line));
    }
}

/// A Go dump with all that may stand around goroutines.
const PANIC: &str = "WARNING: DATA RACE\nRead by goroutine 3:\n  main.f()\n      /a.go:1 +0x1\n====\n\
                     panic: boom\n\ngoroutine 7 [select (no cases)]:\nmain.f()\n\t/a.go:3 +0x1\n";

#[test]
fn reports_fit() {
    let dir = WorkDir::new("schema-report");
    let validator = validator(&dir, "report");
    let suppress = "name=worker because issue 41\nname=none until 2020-01-31 because of nothing\n";
    dir.write("s.txt", suppress);
    for dump in dumps() {
        dir.write("x", dump);
        for more in [
            &[][..],
            &["--group-by", "wait", "--where", "state=waiting"],
            &["--suppress", "s.txt", "--longer", "1s"],
            &["x"],
        ] {
            let run = dir.gleak(&[&["report", "x", "--format", "json"], more].concat());
            fits(&validator, &run.stdout);
        }
    }
    for (name, bytes) in [
        ("leak", make::leaky(1, 2)),
        ("bank", make::deadlocked()),
        ("held", make::held()),
        ("go", PANIC.as_bytes().to_vec()),
        ("found", findings(1, &[with_stack(finding("gk1:aa", "a::b", 1))])),
    ] {
        dir.write(name, bytes);
        let json = ["report", name, "--format", "json", "--suppress", "s.txt", "--group-by=name"];
        fits_exactly(&validator, &dir.gleak(&json).ends(0).stdout);
    }
    for samples in [1, 2, 3] {
        dir.write(&format!("g{samples}"), make::growing(samples, samples * 9));
    }
    let json = ["report", "g1", "g2", "g3", "--format", "json"];
    fits(&validator, &dir.gleak(&json).ends(0).stdout);
}

#[test]
fn reports_on_dumps_of_go_fit() {
    let dir = WorkDir::new("schema-go");
    let validator = validator(&dir, "report");
    for name in ["asleep", "asleep-system", "leak-profile", "leaked", "profile", "zoo"] {
        let path = format!("{}/testdata/go/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        fits(&validator, &dir.gleak(&["report", &path, "--format", "json"]).stdout);
    }
}

#[test]
fn verdicts_of_gates_fit() {
    let dir = WorkDir::new("schema-gate");
    let validator = validator(&dir, "gate");
    fits_exactly(&validator, include_str!("../../testdata/gate.json"));
    let known = [finding("gk1:aa", "a::b", 1), finding("gk1:bb", "gone::d", 1)];
    dir.write("known", findings(1, &known)).write("s.txt", "entry=s::* because issue 41\n");
    dir.gleak(&["baseline", "write", "b.json", "known"]).ends(0).quiet();
    let expired = "\"max\": 1,\n \"expires\": \"2020-01-31\"";
    dir.write("b.json", dir.read("b.json").replacen("\"max\": 1", expired, 1));
    let now = [finding("gk1:aa", "a::b", 1), finding("gk1:cc", "s::t", 1)];
    dir.write("run", findings(1, &now)).write("cut", make::cut(&make::leaky(2, 1)));
    let gate = ["gate", "run", "cut", "--baseline", "b.json", "--strict-baseline"];
    let more = ["--suppress", "s.txt", "--where", "entry=x::y", "--format", "json"];
    let run = dir.gleak(&[&gate[..], &more].concat()).ends(3).quiet();
    fits_exactly(&validator, &run.stdout);
    let run = dir.gleak(&[&gate[..], &["--format", "json"]].concat()).ends(3).quiet();
    assert!(run.stdout.contains("\"expired\": \"2020-01-31\""), "{}", run.stdout);
    fits_exactly(&validator, &run.stdout);
    fits(&validator, &dir.gleak(&["gate", "--format", "json"]).ends(4).stdout);
}

#[test]
fn baselines_fit() {
    let dir = WorkDir::new("schema-baseline");
    let validator = validator(&dir, "baseline");
    fits_exactly(&validator, include_str!("../../testdata/baseline.json"));
    dir.write("run", findings(1, &[finding("gk1:aa", "a::b", 2)]));
    let terms = ["--reason", "issue 41", "--owner", "net", "--expires", "2999-12-31"];
    dir.gleak(&[&["baseline", "add", "b.json", "gk1:aa", "run"], &terms[..]].concat()).ends(0);
    fits_exactly(&validator, &dir.read("b.json"));
    let mut document = fits(&validator, &dir.read("b.json"));
    document["entries"][0].as_object_mut().unwrap().remove("reason");
    assert!(!validator.is_valid(&document), "{document:#}");
    // The program and the schema refuse alike.
    dir.write("b.json", document.to_string());
    dir.gleak(&["gate", "run", "--baseline", "b.json"]).ends(2).complains("missing field `reason`");
    assert!(!validator.is_valid(&json!({ "schema": 2, "entries": [] })));
}
