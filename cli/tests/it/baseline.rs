//! `gleak baseline`: what is written into the file of known findings, and what never is.

use crate::make::{self, finding, findings};
use crate::questions::words;
use crate::work_dir::{WorkDir, golden, today};

#[test]
fn what_people_wrote_stays_when_it_is_written_again() {
    let dir = WorkDir::new("rewrite");
    let (a, b) = (finding("gk1:aa", "a::b", 2), finding("gk1:bb", "c::d", 1));
    dir.write("x.ndjson", findings(1, &[a.clone(), b]));
    let write = ["baseline", "write", "b.json", "x.ndjson", "--force"];
    let run = dir.gleak(&write).ends(0).quiet();
    assert_eq!(run.stdout, "b.json: 2 entries, 2 without a reason\n");
    let gate = ["gate", "x.ndjson", "--baseline", "b.json"];
    dir.gleak(&gate).ends(0).quiet();
    let run = dir.gleak(&[&gate[..], &["--strict-baseline"]].concat()).ends(1).quiet();
    assert!(run.stdout.contains("gate: FAILED, 2 without a reason, 2 known"), "{}", run.stdout);

    let edited = dir.read("b.json").replacen(
        "\"reason\": \"TODO\"",
        "\"reason\": \"issue 41\",\n \"owner\": \"net\",\n \"expires\": \"2999-12-31\"",
        1,
    );
    dir.write("b.json", edited);
    // The first has fewer tasks now, the second is gone, a third is there.
    let run = [finding("gk1:aa", "a::b", 1), finding("gk1:cc", "e::f", 1)];
    dir.write("x.ndjson", findings(1, &run));
    dir.gleak(&[&write[..], &["--reason", "issue 42"]].concat()).ends(0).quiet();
    let text = dir.read("b.json");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let entries = json["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "{text}");
    assert_eq!(entries[0]["fingerprint"], "gk1:aa");
    assert_eq!(entries[0]["reason"], "issue 41");
    assert_eq!(entries[0]["owner"], "net");
    assert_eq!(entries[0]["expires"], "2999-12-31");
    assert_eq!(entries[0]["max"], 1);
    assert_eq!(entries[1]["reason"], "issue 42");
    assert!(text.ends_with("}\n"));
}

#[test]
fn half_a_run_makes_no_baseline() {
    let dir = WorkDir::new("half");
    dir.write("x.ndjson", make::leaky(1, 1)).write("cut.ndjson", make::cut(&make::leaky(2, 1)));
    let write = ["baseline", "write", "b.json"];
    let run = dir.gleak(&[&write[..], &["x.ndjson", "cut.ndjson"]].concat()).ends(3);
    assert!(run.stderr.contains("cut.ndjson: is cut"), "{run:?}");
    dir.gleak(&[&write[..], &["missing"]].concat()).ends(3);
    dir.gleak(&write).ends(4).complains("nothing checked: ");
    let few = ["x.ndjson", "--require-run", "2"];
    dir.gleak(&[&write[..], &few].concat()).ends(4).complains("1 of 2 processes reported");
    assert!(!dir.path("b.json").exists());
    // No finding at all is a fine baseline.
    dir.write("good.ndjson", make::healthy());
    let run = dir.gleak(&[&write[..], &["good.ndjson"]].concat()).ends(0).quiet();
    assert_eq!(run.stdout, "b.json: 0 entries\n");
}

#[test]
fn a_faulty_file_is_not_overwritten_even_by_force() {
    let dir = WorkDir::new("faulty-old");
    dir.write("x.ndjson", make::leaky(1, 1)).write("b.json", "{ reasons that somebody wrote");
    let run = dir.gleak(&["baseline", "write", "b.json", "x.ndjson", "--force"]);
    run.ends(2).complains("b.json: not a baseline");
    assert_eq!(dir.read("b.json"), "{ reasons that somebody wrote");
}

/// Three findings of a run, and what a file of all three is.
fn three(name: &str) -> WorkDir {
    let dir = WorkDir::new(name);
    let all = [
        finding("gk1:aa11", "a::b", 2),
        finding("gk1:aa22", "c::d", 1),
        finding("gk1:bb33", "e::f", 4),
    ];
    dir.write("run/a.ndjson", findings(1, &all));
    dir.write("fewer/a.ndjson", findings(1, &all[..1]));
    dir
}

fn entries(dir: &WorkDir) -> Vec<serde_json::Value> {
    let json: serde_json::Value = serde_json::from_str(&dir.read("b.json")).unwrap();
    json["entries"].as_array().unwrap().clone()
}

#[test]
fn chosen_findings_are_added_with_what_people_say_of_them() {
    let dir = three("add");
    let add = ["baseline", "add", "b.json", "gk1:b", "run"];
    let terms = ["--reason", "issue 41", "--owner", "net", "--expires", "2999-12-31", "--max", "9"];
    let run = dir.gleak(&[&add[..], &terms].concat()).ends(0).quiet();
    assert_eq!(run.stdout, "added gk1:bb33 outlived, up to 9 tasks: e::f\nb.json: 1 entry\n");
    let entry = &entries(&dir)[0];
    let of = |key: &str| entry[key].as_str().unwrap().to_owned();
    assert_eq!(
        (of("fingerprint"), of("reason"), of("owner")),
        ("gk1:bb33".into(), "issue 41".into(), "net".into())
    );
    assert_eq!(
        (of("expires"), of("added"), &entry["max"]),
        ("2999-12-31".into(), today(), &9.into())
    );
    // Two at once, in the order of fingerprints whatever the order of the arguments.
    let two = ["baseline", "add", "b.json", "gk1:aa22", "gk1:aa1", "run", "--reason", "issue 42"];
    dir.gleak(&two).ends(0).quiet();
    let prints: Vec<_> = entries(&dir).iter().map(|it| it["fingerprint"].clone()).collect();
    assert_eq!(prints, ["gk1:aa11", "gk1:aa22", "gk1:bb33"]);
    assert_eq!(entries(&dir)[2], *entry, "what was there stays");
    dir.gleak(&["gate", "run", "--baseline", "b.json", "--strict-baseline"]).ends(0).quiet();
}

#[test]
fn a_known_finding_may_grow_and_keeps_what_is_not_said_anew() {
    let dir = three("grow");
    let add = |more: &[&str]| {
        dir.gleak(&[&["baseline", "add", "b.json", "gk1:aa11", "run"], more].concat())
    };
    add(&["--reason", "issue 41", "--owner", "net"]).ends(0).quiet();
    let before = dir.read("b.json");
    let run = add(&[]).ends(0).quiet();
    assert!(run.stdout.ends_with("b.json: 1 entry, as before\n"), "{}", run.stdout);
    assert_eq!(dir.read("b.json"), before);
    dir.write("run/a.ndjson", findings(1, &[finding("gk1:aa11", "a::b", 5)]));
    dir.gleak(&["gate", "run", "--baseline", "b.json"]).ends(1).quiet();
    add(&[]).ends(0).quiet();
    dir.gleak(&["gate", "run", "--baseline", "b.json"]).ends(0).quiet();
    assert_eq!((&entries(&dir)[0]["max"], &entries(&dir)[0]["owner"]), (&5.into(), &"net".into()));
    // An entry that has expired is not brought back by the way.
    dir.write(
        "b.json",
        dir.read("b.json").replace("\"owner\": \"net\"", "\"expires\": \"2020-01-31\""),
    );
    add(&[]).ends(2).complains("gk1:aa11: its last day is over; --expires gives it another one");
    add(&["--expires", "2999-01-31"]).ends(0).quiet();
}

#[test]
fn what_cannot_be_added_changes_nothing() {
    let dir = three("add-refused");
    let add = |more: &[&str]| dir.gleak(&[&["baseline", "add", "b.json"], more].concat());
    let why = ["--reason", "issue 41"];
    let refused = |more: &[&str], code, words: &str| {
        add(&[more, &why[..]].concat()).ends(code).complains(words);
        assert!(!dir.path("b.json").exists(), "{more:?}");
    };
    refused(&["gk1:aa", "run"], 2, "gk1:aa: more than one finding begins so: gk1:aa11, gk1:aa22");
    refused(&["gk1:c", "run"], 2, "gk1:c: no such finding; there are gk1:aa11, gk1:aa22, gk1:bb33");
    refused(&["gk1:aa11", "gk1:c", "run"], 2, "gk1:c: no such finding");
    refused(&["run"], 2, "want the fingerprint of a finding");
    refused(&["gk1:b", "run", "--max", "3"], 2, "3 is below the 4 tasks of gk1:bb33");
    refused(&["gk1:b", "run", "--expires", "2020-02-29"], 2, "--expires: that day is over");
    refused(&["gk1:b"], 4, "nothing checked: ");
    dir.write("cut.ndjson", make::cut(&make::leaky(2, 1)));
    let run = add(&["gk1:b", "run", "cut.ndjson"]).ends(3);
    assert!(run.stderr.contains("cut.ndjson: is cut"), "{run:#?}");
    assert!(!dir.path("b.json").exists());
    add(&["gk1:b", "run"]).ends(2).complains("is accepted for no reason; --reason gives it one");
    add(&["gk1:b", "run", "--reason", "TODO"]).ends(2).complains("--reason gives it one");
    let run = add(&["gk1:b", "run", "--expires", "soon"]).ends(2);
    assert!(run.stderr.contains("want a day as 2027-03-01"), "{run:#?}");
}

#[test]
fn entries_that_are_gone_are_dropped_and_named() {
    let dir = three("prune");
    dir.gleak(&["baseline", "write", "b.json", "run", "--reason", "issue 41"]).ends(0).quiet();
    let before = dir.read("b.json");
    let prune = |inputs: &[&str]| dir.gleak(&[&["baseline", "prune", "b.json"], inputs].concat());
    let run = prune(&["run"]).ends(0).quiet();
    assert_eq!(run.stdout, "b.json: 3 entries, as before\n");
    // Half a run, nothing at all: neither says that anything is gone.
    dir.write("cut.ndjson", make::cut(&make::leaky(2, 1))).write("idle.ndjson", make::idle(3));
    prune(&["fewer", "cut.ndjson"]).ends(3);
    prune(&["idle.ndjson"]).ends(4).complains("nothing checked: ");
    prune(&["missing"]).ends(3);
    prune(&[]).ends(4);
    prune(&["idle.ndjson", "--allow-empty"]).ends(2);
    prune(&["idle.ndjson", "--require-run", "0"]).ends(2);
    prune(&["fewer", "--require-run", "2"]).ends(4).complains("1 of 2 processes reported");
    assert_eq!(dir.read("b.json"), before);
    let run = prune(&["fewer"]).ends(0).quiet();
    let told =
        "dropped gk1:aa22 outlived: c::d\ndropped gk1:bb33 outlived: e::f\nb.json: 1 entry\n";
    assert_eq!(run.stdout, told);
    assert_eq!(entries(&dir).len(), 1);
    dir.gleak(&["gate", "fewer", "--baseline", "b.json", "--strict-baseline"]).ends(0).quiet();
}

#[test]
fn an_entry_that_something_has_moved_from_stays() {
    let dir = WorkDir::new("prune-moved");
    let leak = make::leak_at;
    dir.write("run/a.ndjson", leak("src/pool.rs:49", "app::Pool::start", "src/pool.rs:73"));
    dir.gleak(&["baseline", "write", "b.json", "run", "--reason", "issue 41"]).ends(0).quiet();
    dir.write("run/a.ndjson", leak("src/hub.rs:9", "app::Pool::start", "src/hub.rs:12"));
    let prune = || dir.gleak(&["baseline", "prune", "b.json", "run"]).ends(0).quiet().stdout;
    assert_eq!(prune(), "b.json: 1 entry, as before\n");
    dir.gleak(&["baseline", "add", "b.json", "gk1:", "run", "--reason", "issue 42"])
        .ends(0)
        .quiet();
    assert!(prune().ends_with("b.json: 1 entry\n"));
    dir.gleak(&["gate", "run", "--baseline", "b.json", "--strict-baseline"]).ends(0).quiet();
}

#[test]
fn entries_are_explained() {
    let dir = three("explain");
    dir.gleak(&["baseline", "write", "b.json", "run"]).ends(0).quiet();
    let terms = "\"reason\": \"issue 41: the pool is stopped by nobody, since nobody owns it before \
                 the first request has come\",\n \"owner\": \"net\",\n \"expires\": \"2020-01-31\"";
    dir.write("b.json", dir.read("b.json").replacen("\"reason\": \"TODO\"", terms, 1));
    let explain = |more: &[&str]| {
        let run = dir.gleak(&[&["baseline", "explain", "b.json", "--width", "80"], more].concat());
        run.ends(0).quiet().stdout.replace(&today(), "2026-11-21")
    };
    golden("baseline-explain-80.txt", &explain(&["fewer"]));
    let alone = explain(&[]);
    assert!(!alone.contains("  seen "), "{alone}");
    let one = explain(&["gk1:b", "run"]);
    assert!(
        one.contains("gk1:bb33  outlived, up to 4 tasks\n") && !one.contains("gk1:aa"),
        "{one}"
    );
    assert!(one.contains("  seen     4 tasks in 2 tests\n"), "{one}");
    let run = dir.gleak(&["baseline", "explain", "b.json", "gk1:aa"]).ends(2);
    run.complains("gk1:aa: more than one entry begins so: gk1:aa11, gk1:aa22");
    dir.gleak(&["baseline", "explain", "none.json"]).ends(2).complains("none.json: cannot read");
}

#[test]
fn a_newer_or_faulty_file_is_refused_by_all_and_stays() {
    let dir = three("newer");
    let newer = "{\"schema\": 2, \"accepted\": []}\n";
    dir.write("b.json", newer);
    for command in [
        &["write", "b.json", "run", "--force"][..],
        &["add", "b.json", "gk1:aa11", "run", "--reason", "x"],
        &["prune", "b.json", "run"],
        &["explain", "b.json"],
    ] {
        let run = dir.gleak(&[&["baseline"], command].concat()).ends(2);
        run.complains("b.json: baseline schema 2, this gleak knows schema 1");
        assert_eq!(dir.read("b.json"), newer);
    }
}

#[test]
fn the_lines_of_the_page_do_what_it_says() {
    let page = include_str!("../../../docs/exceptions.md");
    let section = page.split("\n## Baselines\n").nth(1).unwrap();
    let block = section.split("```console\n").nth(1).unwrap().split("```").next().unwrap();
    let dir = WorkDir::new("baseline-page");
    let leak = finding("gk1:02b7aa90c1d4e5f6", "ws::Hub::run", 5);
    dir.write("target/gleak/a.ndjson", findings(1, &[leak]));
    let line = |line: &str| {
        let words = words(line.strip_prefix("$ gleak ").unwrap());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        dir.gleak(&words).ends(0).quiet().stdout
    };
    let said: Vec<String> = block.lines().map(line).collect();
    assert_eq!(said[0], "gleak-baseline.json: 1 entry\n");
    assert!(
        said[1].starts_with("changed gk1:02b7aa90c1d4e5f6 outlived, up to 5 tasks"),
        "{said:?}"
    );
    assert!(said[2].contains("  because  issue 42\n  owner    net\n"), "{said:?}");
    assert_eq!(said[3], "gleak-baseline.json: 1 entry, as before\n");
    assert_eq!(said.len(), 4);
}
