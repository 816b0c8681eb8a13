//! Go's own dumps, as a Go engineer gives them to the binary.
//!
//! The dumps in `cli/testdata/go` were made by the programs beside them, with `-trimpath`.

use std::path::Path;

use crate::make;
use crate::work_dir::{WorkDir, golden};

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/go").join(name)).unwrap()
}

#[test]
fn reports_are_as_agreed() {
    let dir = WorkDir::new("go-golden");
    for name in ["asleep", "asleep-system", "zoo", "leaked", "profile", "leak-profile"] {
        let file = format!("{name}.txt");
        dir.write(&file, sample(&file));
        let run = dir.gleak(&["report", &file, "--width", "100"]).ends(0).quiet();
        golden(&format!("go/{name}.report"), &run.stdout);
    }
}

#[test]
fn what_was_found_sets_the_code_on_request() {
    let dir = WorkDir::new("go-code");
    dir.write("bad", sample("asleep.txt")).write("good", sample("profile.txt"));
    dir.gleak(&["report", "bad", "--exit-code"]).ends(1).quiet();
    dir.gleak(&["report", "good", "--exit-code"]).ends(0).quiet();
    let old = "goroutine 7 [select, 30 minutes]:\nmain.f()\n\t/app/main.go:3 +0x1\n";
    dir.write("old", old);
    let run = dir.gleak(&["report", "old", "--exit-code", "--longer", "10m"]).ends(0).quiet();
    assert!(run.stdout.contains("30 min"), "{}", run.stdout);
}

#[test]
fn inputs_of_all_kinds_stand_beside_each_other() {
    let dir = WorkDir::new("go-mixed");
    let twice = [sample("asleep.txt"), sample("zoo.txt")].concat();
    dir.write("twice", twice).write("own", make::deadlocked()).write("junk", "junk\n");
    let run = dir.gleak_with_stdin(&["report", "twice", "own", "junk", "-"], &sample("zoo.txt"));
    let run = run.ends(3).complains("junk: ");
    for heading in
        ["==> twice, dump 1 <==", "==> twice, dump 2 <==", "==> own <==", "==> stdin <=="]
    {
        assert!(run.stdout.contains(heading), "{heading}: {}", run.stdout);
    }
    let json = dir.gleak(&["report", "twice", "--format", "json"]).ends(0).quiet().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["input"], "twice, dump 1");
    assert_eq!(json[1]["report"]["totals"]["tasks"], 18);
}

#[test]
fn a_format_for_one_dump_refuses_a_file_of_two() {
    let dir = WorkDir::new("go-two");
    dir.write("twice", [sample("asleep.txt"), sample("zoo.txt")].concat());
    let run = dir.gleak(&["report", "twice", "--format", "speedscope"]).ends(2);
    assert_eq!(run.complains("--format speedscope: takes one dump").stdout, "");
    dir.write("once", sample("zoo.txt"));
    dir.gleak(&["report", "once", "--format", "speedscope"]).ends(0).quiet();
}

#[test]
fn what_cannot_be_used_is_named_with_code_3() {
    let dir = WorkDir::new("go-none");
    dir.write("race", "WARNING: DATA RACE\nRead at 0x1 by goroutine 3:\n  main.f()\n");
    dir.write("goroutine.pb.gz", [0x1f, 0x8b, 8, 0]).write("zoo", sample("zoo.txt"));
    dir.write("events", "{\"Action\":\"run\",\"Package\":\"a\"}\n");
    for (input, words) in [
        ("race", "has no goroutine in it, only a report of the race detector"),
        ("events", "nor is a goroutine"),
        ("goroutine.pb.gz", "goroutine.pb.gz: "),
    ] {
        let run = dir.gleak(&["report", input]).ends(3).complains(words);
        assert_eq!(run.stdout, "");
    }
    let run = dir.gleak(&["gate", "zoo"]).ends(3).quiet();
    assert!(run.stdout.contains("UNREAD  zoo: is a dump of a Go program"), "{run:?}");
}

#[test]
fn a_flame_graph_is_drawn_of_one_dump() {
    let dir = WorkDir::new("go-flame");
    dir.write("zoo", sample("zoo.txt"))
        .write("twice", [sample("zoo.txt"), sample("zoo.txt")].concat());
    let run = dir.gleak(&["flame", "zoo", "--format", "folded"]).ends(0).quiet();
    assert!(run.stdout.contains("main.(*pool).worker"), "{}", run.stdout);
    dir.gleak(&["flame", "twice", "--format", "folded"]).ends(3).complains("holds 2 dumps");
}

#[test]
fn nothing_raw_comes_out_of_a_hostile_dump() {
    let dir = WorkDir::new("go-hostile");
    let text = "goroutine 7 [\x1b[2Jselect, 3 minutes] {\"a\x1b[31m\": \"\u{202e}b\"}:\n\
                main.\u{202e}f\u{202e}()\n\t/app/\u{202e}\x1b[2Jmain.go:3 +0x1\n\
                \x1b]0;title\x07\n";
    dir.write("bad", text);
    for format in ["text", "json"] {
        let run = dir.gleak(&["report", "bad", "--format", format]).ends(0).quiet();
        let is_raw =
            |it: char| it.is_control() && it != '\n' || it == '\u{202e}' && format == "text";
        assert!(!run.stdout.contains(is_raw), "{:?}", run.stdout);
    }
    dir.write(
        "long",
        [b"goroutine 7 [select]:\nmain.f(".as_slice(), &vec![b'x'; 5_000_000]].concat(),
    );
    dir.gleak(&["report", "long"]).ends(0).quiet();
}

#[test]
fn what_was_not_understood_is_told() {
    let dir = WorkDir::new("go-unread");
    let text = "goroutine 7 [select]:\nmain.f()\n\t/app/main.go:3 +0x1\nwhat is this\n";
    dir.write("odd", text);
    let run = dir.gleak(&["report", "odd"]).ends(0).quiet();
    assert!(run.stdout.contains("1 line of the dump"), "{}", run.stdout);
    dir.gleak(&["flame", "odd", "--format", "folded"])
        .ends(0)
        .complains("1 line was not understood");
}
