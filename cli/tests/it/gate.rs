//! `gleak gate`. The decision is tested beside its code; here it is the whole way from files.

use gleak_detector::{Certainty, Rule};

use crate::make::{self, finding, findings};
use crate::work_dir::{WorkDir, golden, today};

#[test]
fn green_with_its_baseline_and_red_for_one_task_more() {
    let dir = WorkDir::new("ratchet");
    dir.write("run/a.ndjson", make::leaky(1, 2));
    dir.gleak(&["gate", "run"]).ends(1).quiet();
    dir.gleak(&["baseline", "write", "b.json", "run", "--reason", "issue 41"]).ends(0).quiet();
    let committed = dir.read("b.json");
    let gate = ["gate", "run", "--baseline", "b.json"];
    let run = dir.gleak(&gate).ends(0).quiet();
    assert!(run.stdout.ends_with("gate: passed, 1 known\n"), "{}", run.stdout);
    dir.gleak(&[&gate[..], &["--strict-baseline"]].concat()).ends(0).quiet();

    dir.write("run/a.ndjson", make::leaky(1, 3));
    let run = dir.gleak(&gate).ends(1).quiet();
    assert!(run.stdout.contains(" GROWN ") && run.stdout.contains("3>2"), "{}", run.stdout);

    dir.write("run/a.ndjson", make::leaky(1, 2)).write("run/b.ndjson", make::deadlocked());
    let run = dir.gleak(&gate).ends(1).quiet();
    assert!(run.stdout.contains(" NEW ") && run.stdout.contains("src/bank.rs"), "{}", run.stdout);
    assert_eq!(dir.read("b.json"), committed, "the gate never writes the baseline");
}

#[test]
fn code_that_is_edited_stays_known_and_code_that_is_moved_is_said_to_be() {
    let dir = WorkDir::new("edited");
    let leak = make::leak_at;
    dir.write("run/a.ndjson", leak("src/pool.rs:49", "app::Pool::start", "src/pool.rs:73"));
    dir.gleak(&["baseline", "write", "b.json", "run", "--reason", "issue 41"]).ends(0).quiet();
    let gate = ["gate", "run", "--baseline", "b.json"];
    // Forty lines above, and whatever else changes lines.
    dir.write("run/a.ndjson", leak("src/pool.rs:89", "app::Pool::start", "src/pool.rs:114"));
    let run = dir.gleak(&gate).ends(0).quiet();
    assert!(run.stdout.ends_with("gate: passed, 1 known\n"), "{}", run.stdout);
    dir.write("run/a.ndjson", leak("src/pool.rs:49", "app::Pool::launch", "src/pool.rs:73"));
    let run = dir.gleak(&gate).ends(1).quiet();
    let said = run.stdout.contains(" moved? ") && run.stdout.contains("(then app::Pool::start)");
    assert!(said && !run.stdout.contains("stale"), "{}", run.stdout);
    dir.write("run/a.ndjson", leak("src/hub.rs:9", "app::Pool::start", "src/hub.rs:12"));
    let run = dir.gleak(&gate).ends(1).quiet();
    assert!(run.stdout.contains("(same function)"), "{}", run.stdout);
    dir.write("run/a.ndjson", leak("src/hub.rs:9", "app::Hub::new", "src/hub.rs:12"));
    let run = dir.gleak(&gate).ends(1).quiet();
    assert!(run.stdout.contains(" NEW ") && run.stdout.contains("1 stale"), "{}", run.stdout);
}

/// Two test processes, a dump, and every status at once.
fn every_status() -> WorkDir {
    let dir = WorkDir::new("every-status");
    let mut elsewhere = finding("gk1:4410ffc200000000", "db::pool::Pool::keep", 1);
    elsewhere.key.spawn_file = "src/db/pool.rs".into();
    let known = [
        finding("gk1:02b7aa90c1d4e5f6", "ws::Hub::run", 5),
        elsewhere,
        finding("gk1:77d1000000000000", "db::reconnect", 1),
        finding("gk1:aaaa000000000000", "metrics::tick", 1),
    ];
    dir.write("known.ndjson", findings(9, &known));
    dir.gleak(&["baseline", "write", "b.json", "known.ndjson", "--reason", "issue 41"]).ends(0);
    let one = [
        finding("gk1:02b7aa90c1d4e5f6", "ws::Hub::run", 4),
        finding("gk1:aaaa000000000000", "metrics::tick", 1),
        finding("gk1:c81e0f64aa2b9d17", "pool::Pool::start", 2),
    ];
    let two = [
        finding("gk1:02b7aa90c1d4e5f6", "ws::Hub::run", 3),
        finding("gk1:9be4000000000000", "db::reconnect", 1),
    ];
    dir.write("target/gleak/one.ndjson", findings(1, &one));
    dir.write("target/gleak/two.ndjson", findings(2, &two));
    dir.write("target/gleak/notes.txt", "not looked at");
    dir
}

#[test]
fn every_status_is_said_and_the_default_folder_is_read() {
    let dir = every_status();
    for (width, file) in [("80", "gate-80.txt"), ("120", "gate-120.txt")] {
        let run = dir.gleak(&["gate", "--baseline", "b.json", "--width", width]).ends(1).quiet();
        golden(file, &run.stdout);
    }
    let run = dir.gleak(&["gate", "--baseline", "b.json", "--format", "json"]).ends(1).quiet();
    golden("gate.json", &run.stdout);
    golden("baseline.json", &dir.read("b.json").replace(&today(), "2026-11-21"));
}

#[test]
fn processes_are_merged_and_no_file_is_counted_twice() {
    let dir = WorkDir::new("merged");
    dir.write("run/a.ndjson", make::leaky(1, 2)).write("run/b.ndjson", make::leaky(2, 3));
    // A second dump of the first process.
    dir.write("again.ndjson", make::leaky(1, 2));
    let inputs = ["gate", "run", "run/a.ndjson", "./run/b.ndjson", "again.ndjson"];
    let run = dir.gleak(&inputs).ends(1).quiet();
    assert!(run.stdout.starts_with("checked 2 processes, 0 tests, 200 tasks spawned\n"), "{run:?}");
    assert!(run.stdout.contains(" 5x "), "{}", run.stdout);
    dir.gleak(&["gate", "run", "--require-run", "2", "--max-new", "1"]).ends(0).quiet();
    let run = dir.gleak(&["gate", "run", "--require-run", "3", "--max-new", "1"]).ends(4);
    assert!(run.stdout.contains("2 of 3 processes reported"), "{}", run.stdout);
}

#[test]
fn nothing_checked_is_not_green() {
    let dir = WorkDir::new("nothing");
    std::fs::create_dir(dir.path("empty")).unwrap();
    for arguments in [&["gate"][..], &["gate", "empty"], &["gate", "--max-new", "9"]] {
        let run = dir.gleak(arguments).ends(4).complains("nothing checked: ");
        assert!(run.stdout.contains("gate: FAILED, nothing checked"), "{run:?}");
    }
    let run = dir.gleak(&["gate", "--allow-empty"]).ends(0).quiet();
    assert!(run.stdout.ends_with("gate: passed, 0 known\n"), "{run:?}");
    // One process that found nothing is something.
    dir.write("empty/x.ndjson", findings(1, &[]));
    let run = dir.gleak(&["gate", "empty"]).ends(0).quiet();
    assert!(run.stdout.starts_with("checked 1 process, 3 tests, 6 452 tasks spawned\n"), "{run:?}");
}

#[test]
fn processes_without_a_task_are_nothing_checked() {
    let dir = WorkDir::new("idle");
    dir.write("run/a.ndjson", make::idle(1)).write("run/b.ndjson", make::idle(2));
    let run = dir.gleak(&["gate", "run"]).ends(4).complains("nothing checked: no task was spawned");
    let last =
        "gate: FAILED, nothing checked: 2 processes reported, and no task was spawned, 0 known";
    assert!(run.stdout.ends_with(&format!("{last}\n")), "{run:?}");
    dir.gleak(&["baseline", "write", "b.json", "run", "--reason", "issue 41"])
        .ends(4)
        .complains("nothing checked: no task was spawned");
    dir.gleak(&["gate", "run", "--allow-empty"]).ends(0).quiet();
    // One that spawned something is enough.
    dir.write("run/c.ndjson", findings(3, &[]));
    let run = dir.gleak(&["gate", "run"]).ends(0).quiet();
    assert!(
        run.stdout.starts_with("checked 3 processes, 9 tests, 6 452 tasks spawned\n"),
        "{run:?}"
    );
}

#[test]
fn a_cut_or_damaged_input_is_code_3_and_the_rest_is_still_said() {
    let dir = WorkDir::new("partly");
    let file = findings(1, &[finding("gk1:aa", "a::b", 1), finding("gk1:bb", "c::d", 1)]);
    dir.write("whole.ndjson", make::leaky(3, 1));
    for (name, bytes) in [
        ("cut-dump.ndjson", make::cut(&make::leaky(4, 1)).to_vec()),
        ("damaged-dump.ndjson", make::damaged(&make::leaky(5, 1), 2)),
        ("cut-findings.ndjson", make::cut(&file).to_vec()),
        ("damaged-findings.ndjson", make::torn(&file, 1)),
        ("empty.ndjson", Vec::new()),
    ] {
        dir.write(name, bytes);
        let run = dir.gleak(&["gate", "whole.ndjson", name, "--max-new", "9"]).ends(3).quiet();
        assert!(run.stdout.contains(&format!("UNREAD  {name}: ")), "{run:?}");
        assert!(run.stdout.contains(" NEW ") && run.stdout.contains("gate: FAILED, 1 input"));
    }
}

#[test]
fn only_what_is_certain_enough_fails() {
    let dir = WorkDir::new("fail-on");
    dir.write("weak.ndjson", findings(1, &[finding("gk1:aa", "a::b", 1)]));
    dir.gleak(&["gate", "weak.ndjson"]).ends(1);
    let run = dir.gleak(&["gate", "weak.ndjson", "--fail-on", "strong"]).ends(0).quiet();
    assert!(run.stdout.ends_with("gate: passed, 0 known, 1 too weak to count\n"), "{run:?}");
    dir.write("sure.ndjson", make::deadlocked());
    dir.gleak(&["gate", "sure.ndjson", "--fail-on", "certain"]).ends(1);
    let mut potential = finding("gk1:aa", "a::b", 1);
    potential.key.rule = Rule::LockOrder;
    potential.certainty = Certainty::Potential;
    dir.write("potential.ndjson", findings(1, &[potential]));
    dir.gleak(&["gate", "potential.ndjson"]).ends(0).quiet();
    dir.gleak(&["gate", "potential.ndjson", "--fail-on", "potential"]).ends(1);
    dir.gleak(&["report", "potential.ndjson", "--exit-code"]).ends(0).quiet();
}

#[test]
fn a_faulty_baseline_is_code_2() {
    let dir = WorkDir::new("faulty");
    dir.write("x.ndjson", make::healthy());
    dir.write("b.json", "{\"schema\":1,\"entries\":[],\"more\":1}\n");
    let gate = ["gate", "x.ndjson", "--baseline"];
    let with = |file| dir.gleak(&[&gate[..], &[file]].concat()).ends(2);
    with("b.json").complains("b.json: not a baseline, unknown field `more`");
    with("missing.json").complains("missing.json: cannot read the baseline, no such file");
    dir.write("b.json", "{\"schema\":7}");
    with("b.json").complains("schema 7");
    dir.write("b.json", "");
    with("b.json").complains("not a baseline");
    dir.write("b.json", [0xff, 0xfe]);
    with("b.json").complains("cannot read the baseline");
}

#[test]
fn what_has_moved_is_let_through_if_asked() {
    let dir = WorkDir::new("accept-moved");
    let leak = make::leak_at;
    dir.write("run/a.ndjson", leak("src/pool.rs:49", "app::Pool::start", "src/pool.rs:73"));
    dir.gleak(&["baseline", "write", "b.json", "run", "--reason", "issue 41"]).ends(0).quiet();
    dir.write("run/a.ndjson", leak("src/hub.rs:9", "app::Pool::start", "src/hub.rs:12"));
    let gate = ["gate", "run", "--baseline", "b.json"];
    dir.gleak(&gate).ends(1).quiet();
    let run = dir.gleak(&[&gate[..], &["--accept-moved"]].concat()).ends(0).quiet();
    assert!(run.stdout.ends_with("gate: passed, 1 moved let through, 0 known\n"), "{}", run.stdout);
    dir.gleak(&[&gate[..], &["--accept-moved", "--strict-baseline"]].concat()).ends(2);
    dir.gleak(&["gate", "run", "--accept-moved"]).ends(2);
}

#[test]
fn one_run_says_it_in_every_format_at_once() {
    let dir = every_status();
    let gate = ["gate", "--baseline", "b.json"];
    let formats = [("sarif", "g.sarif"), ("junit", "g.xml"), ("md", "summary"), ("json", "g.json")];
    let named: Vec<String> =
        formats.iter().map(|(it, file)| format!("--format={it}={file}")).collect();
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    let text = dir.gleak(&gate).ends(1).quiet().stdout;
    let run = dir.gleak(&[&gate[..], &named].concat()).ends(1).quiet();
    assert_eq!(run.stdout, text);
    for (format, file) in formats {
        let alone = dir.gleak(&[&gate[..], &["--format", format]].concat()).ends(1).stdout;
        assert_eq!(dir.read(file), alone, "{format}");
    }
    // What is there stays, and nothing is written beside it, unless it was said.
    let run = dir.gleak(&[&gate[..], &["--format=text=new"], &named].concat()).ends(2);
    run.complains("g.sarif: exists; --force overwrites it");
    assert!(!dir.path("new").exists());
    dir.gleak(&[&gate[..], &named, &["--force"]].concat()).ends(1).quiet();
    // The answer on standard output may have any format, or a file of its own.
    let run = dir.gleak(&[&gate[..], &["--format=github", "--format=md=other"]].concat()).ends(1);
    assert!(run.stdout.starts_with("::error "), "{}", run.stdout);
    let run = dir.gleak(&[&gate[..], &["-o", "a.json", "--format=md=b"]].concat()).ends(1).quiet();
    assert_eq!((run.stdout.as_str(), dir.read("a.json")), ("", dir.read("g.json")));
    assert_eq!(dir.read("b"), dir.read("summary"));
    let run = dir.gleak(&[&gate[..], &["--format=sarf=x"]].concat()).ends(2);
    assert!(run.stderr.contains("a similar value exists: 'sarif'"), "{run:#?}");
    dir.gleak(&[&gate[..], &["--format=md", "--format=json"]].concat())
        .ends(2)
        .complains("--format: ");
    dir.gleak(&[&gate[..], &["--format=md=x", "-o", "x"]].concat())
        .ends(2)
        .complains("x: two answers");
    dir.gleak(&[&gate[..], &["--force"]].concat()).ends(2).complains("--force: no file is written");
    dir.gleak(&[&gate[..], &["--format=md=no/such/x"]].concat()).ends(5).complains("no/such/x: ");
}
