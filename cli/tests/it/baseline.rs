//! `gleak baseline write`.

use crate::make::{self, finding, findings};
use crate::work_dir::WorkDir;

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
