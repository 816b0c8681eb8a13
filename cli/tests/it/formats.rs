//! `--format` and `-o` of `report` and `gate`: what comes out, under which name, and how a run ends.
//!
//! What each format holds is tested beside the renderers; here it is the way from files to files.

use crate::make::{self, finding, findings};
use crate::work_dir::{Run, WorkDir, golden};

const LISTS: [&str; 5] = ["md", "junit", "sarif", "gitlab", "github"];
const ONE_DUMP: [&str; 7] = ["mermaid", "dot", "folded", "speedscope", "svg", "pprof", "go"];

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_file_has_the_format_that_its_name_says() {
    let dir = WorkDir::new("guess");
    dir.write("bank", make::deadlocked());
    let names = [
        ("a.txt", "text"),
        ("a.json", "json"),
        ("a.md", "md"),
        ("a.xml", "junit"),
        ("a.sarif", "sarif"),
        ("a.sarif.json", "sarif"),
        ("a.mmd", "mermaid"),
        ("a.dot", "dot"),
        ("a.folded", "folded"),
        ("a.speedscope.json", "speedscope"),
        ("a.html", "html"),
        ("a.htm", "html"),
        ("a.svg", "svg"),
        ("plain", "text"),
    ];
    for (name, format) in names {
        let said = dir.gleak(&["report", "bank", "--format", format]).ends(0).quiet().stdout;
        let run = dir.gleak(&["report", "bank", "-o", name]).ends(0).quiet();
        assert_eq!((run.stdout.as_str(), dir.read(name)), ("", said), "{name}");
    }
    for (name, format) in [("g.md", "md"), ("g.xml", "junit"), ("g.sarif", "sarif"), ("g", "text")]
    {
        let said = dir.gleak(&["gate", "bank", "--format", format]).ends(1).quiet().stdout;
        let run = dir.gleak(&["gate", "bank", "-o", name]).ends(1).quiet();
        assert_eq!((run.stdout.as_str(), dir.read(name)), ("", said), "{name}");
    }
}

#[test]
fn what_is_asked_for_outweighs_the_name_and_a_strange_name_is_refused() {
    let dir = WorkDir::new("strange");
    dir.write("bank", make::deadlocked());
    dir.gleak(&["report", "bank", "--format", "json", "-o", "a.docx"]).ends(0).quiet();
    json(&dir.read("a.docx"));
    for command in ["report", "gate"] {
        let run = dir.gleak(&[command, "bank", "-o", "b.docx"]).ends(2);
        let run = run.complains("b.docx: no format ends like this; known are .sarif.json ");
        assert!(run.stderr.contains("--format takes text, json, md, junit, "), "{run:#?}");
    }
    dir.gleak(&["gate", "bank", "-o", "b.dot"]).ends(2).complains("b.dot: no format ends");
    assert_eq!(dir.names(), ["a.docx", "bank"]);
}

#[test]
fn a_gate_writes_a_file_as_a_report_does() {
    let dir = WorkDir::new("gate-file");
    dir.write("run.ndjson", make::leaky(4711, 1)).write("out", "precious");
    let gate = ["gate", "run.ndjson", "-o", "out"];
    dir.gleak(&gate).ends(2).complains("out: exists; --force overwrites it");
    assert_eq!(dir.read("out"), "precious");
    let run = dir.gleak(&[&gate[..], &["--force"]].concat()).ends(1).quiet();
    assert_eq!(run.stdout, "");
    assert!(dir.read("out").ends_with("gate: FAILED, 1 over the limit (1 new), 0 known\n"));
}

#[test]
fn a_picture_or_a_profile_takes_one_dump() {
    let dir = WorkDir::new("one-dump");
    dir.write("a", make::leaky(1, 1)).write("b", make::leaky(2, 1));
    dir.write("f", findings(3, &[finding("gk1:1", "app::a", 1)]));
    for format in ONE_DUMP {
        let run = dir.gleak(&["report", "a", "b", "--format", format]).ends(2);
        run.complains(&format!("--format {format}: takes one dump"));
    }
    let panic = "goroutine 1 [select (no cases)]:\nmain.main()\n\t/src/main.go:3 +0x20\n";
    dir.write("one", panic);
    for format in ONE_DUMP {
        dir.gleak(&["report", "one", "--format", format]).ends(0).quiet();
    }
    for format in ["folded", "speedscope", "svg", "pprof", "go"] {
        let run = dir.gleak(&["report", "f", "--format", format]).ends(3);
        assert_eq!(run.complains("f: holds findings and no tasks").stdout, "");
    }
    for format in ["mermaid", "dot"] {
        dir.gleak(&["report", "f", "--format", format]).ends(0).quiet();
    }
}

#[test]
fn a_list_of_several_inputs_is_one_document() {
    let dir = WorkDir::new("lists");
    dir.write("a", make::leaky(1, 1)).write("b", make::leaky(2, 3)).write("c", make::deadlocked());
    let list = |format| {
        let run = dir.gleak(&["report", "a", "b", "c", "--format", format, "--exit-code"]);
        run.ends(1).quiet().stdout
    };
    assert_eq!(json(&list("gitlab")).as_array().unwrap().len(), 2);
    let sarif = json(&list("sarif"));
    assert_eq!(sarif["runs"].as_array().unwrap().len(), 1);
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    // The same leak in two processes is told where it has the most tasks.
    assert_eq!(results.iter().map(|it| it["occurrenceCount"].as_u64()).max(), Some(Some(3)));
    assert_eq!(list("junit").matches("<testcase").count(), 1 + 2);
    assert_eq!(list("md").matches("\n**gleak: ").count(), 3);
    assert_eq!(list("github").lines().filter(|line| line.starts_with("::error ")).count(), 2);
}

#[test]
fn a_bad_input_beside_a_good_one_is_told_and_hides_nothing() {
    let dir = WorkDir::new("bad-beside");
    dir.write("good", make::leaky(1, 1)).write("bad", "no dump");
    for format in LISTS {
        let run = dir.gleak(&["report", "good", "bad", "--format", format]).ends(3);
        assert!(run.stdout.contains("1 task that can never go on"), "{format}: {run:#?}");
        run.complains("bad: ");
        let run = dir.gleak(&["gate", "good", "bad", "--format", format]).ends(3).quiet();
        let told = run.stdout.contains("not read in full: bad: ");
        assert!(told || format == "gitlab", "{format}: {run:#?}");
    }
}

/// One finding in each state: new, moved, grown, known, too weak.
fn gated(dir: &WorkDir) {
    let found = |run: &[(&str, &str, u64)]| {
        let findings = run.iter().map(|(print, entry, tasks)| finding(print, entry, *tasks));
        findings.collect::<Vec<_>>()
    };
    let before = [
        ("gk1:0000000000000001", "app::known", 2),
        ("gk1:0000000000000002", "app::grows", 2),
        ("gk1:0000000000000003", "app::moves", 1),
        ("gk1:0000000000000004", "other::gone", 1),
    ];
    let mut before = found(&before);
    before[3].key.block_file = "src/gone.rs".to_owned();
    dir.write("before/a.ndjson", findings(1, &before));
    let write = ["baseline", "write", "b.json", "before", "--reason", "issue 41"];
    dir.gleak(&write).ends(0).quiet();
    let now = [
        ("gk1:0000000000000001", "app::known", 2),
        ("gk1:0000000000000002", "app::grows", 5),
        ("gk1:0000000000000005", "app::moves", 1),
        ("gk1:0000000000000006", "fresh::leak", 7),
    ];
    let mut now = found(&now);
    now[3].key.block_file = "src/fresh.rs".to_owned();
    dir.write("now/a.ndjson", findings(1, &now));
}

#[test]
fn a_gate_tells_every_state_in_every_format() {
    let dir = WorkDir::new("states");
    gated(&dir);
    let gate = ["gate", "now", "--baseline", "b.json", "--format"];
    for format in LISTS {
        let run = dir.gleak(&[&gate[..], &[format]].concat()).ends(1).quiet();
        golden(&format!("gate.{format}"), &run.stdout);
    }
    let sarif = dir.gleak(&[&gate[..], &["sarif"]].concat()).ends(1).stdout;
    let states: Vec<String> = json(&sarif)["runs"][0]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| format!("{} {}", result["baselineState"], result["properties"]["state"]))
        .collect();
    let expected = [
        "\"new\" \"new\"",
        "\"new\" \"moved? was gk1:0000000000000003\"",
        "\"updated\" \"grown, 2 accepted\"",
        "\"unchanged\" \"known: issue 41\"",
        "\"absent\" null",
    ];
    assert_eq!(states, expected);
}

#[test]
fn what_is_let_through_is_a_warning_and_what_is_weak_a_note() {
    let dir = WorkDir::new("through");
    gated(&dir);
    let gate = ["gate", "before", "--format"];
    let through = dir.gleak(&[&gate[..], &["github", "--max-new", "9"]].concat()).ends(0);
    assert_eq!(through.stdout.matches("::warning ").count(), 4, "{}", through.stdout);
    let junit = dir.gleak(&[&gate[..], &["junit", "--max-new", "9"]].concat()).ends(0).stdout;
    assert!(junit.contains("failures=\"0\" errors=\"0\" skipped=\"0\""), "{junit}");
    let weak = [&gate[..], &["junit", "--fail-on", "certain"]].concat();
    let junit = dir.gleak(&weak).ends(0).stdout;
    assert!(junit.contains("failures=\"0\" errors=\"0\" skipped=\"4\""), "{junit}");
}

#[test]
fn a_gate_that_checked_nothing_or_is_strict_is_red_in_every_format() {
    let dir = WorkDir::new("red");
    dir.write("idle.ndjson", make::idle(1));
    let run = |format| dir.gleak(&["gate", "idle.ndjson", "--format", format]).ends(4).stdout;
    assert!(run("junit").contains("<error message=\"nothing checked: "));
    assert!(run("github").starts_with("::error title=gleak gate::nothing checked: "));
    assert!(run("md").contains("\n> nothing checked: "));
    assert_eq!(json(&run("sarif"))["runs"][0]["invocations"][0]["executionSuccessful"], false);
    gated(&dir);
    let strict = ["gate", "before", "--baseline", "b.json", "--strict-baseline", "--format"];
    dir.gleak(&[&strict[..], &["junit"]].concat()).ends(0);
    dir.write("before/a.ndjson", findings(1, &[finding("gk1:0000000000000001", "app::known", 2)]));
    let junit = dir.gleak(&[&strict[..], &["junit"]].concat()).ends(1).stdout;
    assert!(junit.contains("<error message=\"stale outlived"), "{junit}");
}

#[test]
fn a_report_has_several_answers_at_once() {
    let dir = WorkDir::new("several-answers");
    dir.write("bank", make::deadlocked()).write("found", findings(3, &[finding("gk1:1", "a", 1)]));
    let named = ["--format=sarif=a.sarif", "--format=dot=a.dot", "--format=json=a.json"];
    let text = dir.gleak(&["report", "bank", "--color", "always"]).ends(0).stdout;
    let report = ["report", "bank", "--color", "always", "--format=text=a"];
    let run = dir.gleak(&[&report[..], &named].concat()).ends(0).quiet();
    assert_eq!((run.stdout, dir.read("a")), (text.clone(), text), "colour as it was asked for");
    for (format, file) in [("sarif", "a.sarif"), ("dot", "a.dot"), ("json", "a.json")] {
        let alone = dir.gleak(&["report", "bank", "--format", format]).ends(0).stdout;
        assert_eq!(dir.read(file), alone, "{format}");
    }
    let auto = ["report", "bank", "--format=text=b"];
    let run = Run::of(dir.command(&auto).env("CLICOLOR_FORCE", "1")).ends(0).quiet();
    assert!(run.stdout.contains('\x1b') && !dir.read("b").contains('\x1b'), "{run:#?}");
    // What one of the formats cannot take is refused before anything is written.
    dir.gleak(&["report", "bank", "bank", "--format=dot=c"]).ends(2).complains("takes one dump");
    dir.gleak(&["report", "found", "--format=folded=c"]).ends(3).complains("holds findings");
    assert!(!dir.path("c").exists());
}
