//! `--suppress`: what a file excepts, in reports, gates and baselines.

use crate::make::{self, finding, findings};
use crate::work_dir::WorkDir;

const FILE: &str = "\
# The pool is never stopped.
name=worker    until 2999-12-31 because issue 41
crate=hyper    because those of others are theirs
";

fn leaky(name: &str, file: &str) -> WorkDir {
    let dir = WorkDir::new(name);
    dir.write("run/a.ndjson", make::leaky(1, 2)).write("s.txt", file);
    dir
}

#[test]
fn a_report_leaves_out_what_is_suppressed_and_says_so() {
    let dir = leaky("suppress-report", FILE);
    dir.gleak(&["report", "run/a.ndjson", "--exit-code"]).ends(1).quiet();
    let run = dir.gleak(&["report", "run/a.ndjson", "--exit-code", "--suppress", "s.txt"]);
    let run = run.ends(0).quiet();
    let told = "
1 finding of 2 tasks suppressed by name=worker because issue 41
unused suppression: crate=hyper because those of others are theirs
";
    assert!(run.stdout.contains(told), "{}", run.stdout);
    let json = ["report", "run/a.ndjson", "--format", "json", "--suppress", "s.txt"];
    let run = dir.gleak(&json).ends(0).quiet();
    let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(report["findings"].as_array().expect("a list").len(), 0);
    let exceptions = report["exceptions"].as_array().expect("a list");
    let counts: Vec<_> = exceptions.iter().map(|it| (&it["what"], &it["tasks"])).collect();
    assert_eq!(counts, [(&"name=worker".into(), &2.into()), (&"crate=hyper".into(), &0.into())]);
}

#[test]
fn the_gate_and_the_baseline_leave_it_out() {
    let dir = leaky("suppress-gate", FILE);
    dir.write("run/b.ndjson", make::leaky(2, 3));
    dir.gleak(&["gate", "run"]).ends(1).quiet();
    let run = dir.gleak(&["gate", "run", "--suppress", "s.txt"]).ends(0).quiet();
    let told = "
 2 findings of 5 tasks suppressed by name=worker because issue 41
 unused suppression: crate=hyper because those of others are theirs
gate: passed, 0 known, 1 suppressed
";
    assert!(run.stdout.ends_with(told), "{}", run.stdout);
    let json = ["gate", "run", "--suppress", "s.txt", "--format", "json"];
    let run = dir.gleak(&json).ends(0).quiet();
    let verdict: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(
        (&verdict["suppressed"], &verdict["exceptions"][0]["tasks"]),
        (&1.into(), &5.into())
    );

    dir.gleak(&["baseline", "write", "b.json", "run", "--suppress", "s.txt"]).ends(0).quiet();
    assert!(dir.read("b.json").contains("\"entries\": []"), "{}", dir.read("b.json"));
}

#[test]
fn what_is_known_and_suppressed_is_stale() {
    let dir = leaky("suppress-stale", FILE);
    dir.gleak(&["baseline", "write", "b.json", "run", "--reason", "issue 41"]).ends(0).quiet();
    let gate = ["gate", "run", "--baseline", "b.json", "--suppress", "s.txt"];
    let run = dir.gleak(&gate).ends(0).quiet();
    assert!(run.stdout.contains(" stale ") && run.stdout.contains("1 stale"), "{}", run.stdout);
    let run = dir.gleak(&[&gate[..], &["--strict-baseline"]].concat()).ends(1).quiet();
    assert!(run.stdout.contains("gate: FAILED, 0 known, 1 suppressed, 1 stale"), "{}", run.stdout);
}

#[test]
fn a_findings_file_is_matched_by_its_fingerprints_and_functions() {
    let dir = WorkDir::new("suppress-findings");
    let known = [
        finding("gk1:02b7aa90c1d4e5f6", "ws::Hub::run", 5),
        finding("gk1:77d1000000000000", "db::reconnect", 1),
        finding("gk1:aaaa000000000000", "metrics::tick", 1),
    ];
    dir.write("target/gleak/one.ndjson", findings(1, &known));
    let file = "fingerprint=gk1:02b7aa90c1d4e5f6 because a\nentry=db::* because b\n";
    dir.write("s.txt", file).write("t.txt", "entry=metrics::tick because c\n");
    let run = dir.gleak(&["gate", "--suppress", "s.txt"]).ends(1).quiet();
    assert!(run.stdout.contains("(1 new), 0 known, 2 suppressed"), "{}", run.stdout);
    dir.gleak(&["gate", "--suppress", "s.txt", "--suppress", "t.txt"]).ends(0).quiet();
}

#[test]
fn a_line_whose_day_is_over_takes_nothing() {
    let dir = leaky("suppress-expired", "name=worker until 2020-02-29 because issue 41\n");
    let run = dir.gleak(&["gate", "run", "--suppress", "s.txt"]).ends(1).quiet();
    let told = " unused suppression (its last day was 2020-02-29): name=worker because issue 41\n";
    assert!(run.stdout.contains(told), "{}", run.stdout);
}

#[test]
fn a_faulty_file_ends_it_in_one_line() {
    let dir = leaky("suppress-faulty", "# one\nnmae=worker because issue 41\n");
    let complaint = "gleak: s.txt: line 2, column 1: `nmae` is not known; is `name` meant?\n";
    for command in [&["gate", "run"][..], &["report", "run/a.ndjson"]] {
        let run = dir.gleak(&[command, &["--suppress", "s.txt"]].concat()).ends(2);
        assert_eq!((&*run.stdout, &*run.stderr), ("", complaint));
        let run = dir.gleak(&[command, &["--suppress", "none.txt"]].concat()).ends(2);
        let absent = "gleak: none.txt: cannot read the suppressions, no such file or directory\n";
        assert_eq!(run.stderr, absent);
        let run = dir.gleak(&[command, &["--suppress", "run"]].concat()).ends(2);
        let folder = "gleak: run: cannot read the suppressions, is a directory\n";
        assert_eq!(run.stderr, folder);
        let run = dir.gleak(&[command, &["--suppress", "/dev/zero"]].concat()).ends(2);
        assert_eq!(run.stderr, "gleak: /dev/zero: line 1, column 1: more than 16 MiB\n");
        dir.write("no.txt", b"name=a because b\nname=\xff because c\n");
        let run = dir.gleak(&[command, &["--suppress", "no.txt"]].concat()).ends(2);
        assert_eq!(run.stderr, "gleak: no.txt: line 2, column 6: not UTF-8\n");
    }
    let run = dir.gleak(&["baseline", "write", "b.json", "run", "--suppress", "s.txt"]).ends(2);
    assert_eq!(run.stderr, complaint);
    assert!(!dir.path("b.json").exists(), "nothing was written");
}
