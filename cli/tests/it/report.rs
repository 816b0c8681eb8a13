//! `gleak report`. The words are the detector's and tested there.

use crate::make;
use crate::work_dir::WorkDir;

#[test]
fn findings_change_the_exit_code_only_when_asked() {
    let dir = WorkDir::new("exit-code");
    dir.write("bad", make::deadlocked()).write("good", make::healthy());
    dir.write("cut", make::cut(&make::leaky(1, 1))).write("none", make::empty());
    for (input, code) in [("bad", 1), ("good", 0), ("none", 0), ("cut", 1)] {
        dir.gleak(&["report", input]).ends(0).quiet();
        dir.gleak(&["report", input, "--exit-code"]).ends(code).quiet();
    }
}

#[test]
fn a_deadlock_is_named_with_its_places() {
    let dir = WorkDir::new("deadlock");
    dir.write("bad", make::deadlocked());
    let said = dir.gleak(&["report", "bad"]).ends(0).stdout;
    for place in ["src/bank.rs:31", "src/bank.rs:41", "src/bank.rs:16", "src/bank.rs:17"] {
        assert!(said.contains(place), "{place}: {said}");
    }
}

#[test]
fn a_held_worker_is_told_and_changes_no_exit_code() {
    let dir = WorkDir::new("held");
    dir.write("held", make::held());
    let said = dir.gleak(&["report", "held", "--exit-code"]).ends(0).quiet().stdout;
    let line = "worker 0 has been held by t1 \"cruncher\" for 230 ms";
    assert!(said.contains(line) && said.contains("1 ready to run"), "{said}");
    let json = dir.gleak(&["report", "held", "--format", "json"]).ends(0).quiet().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["held"][0]["held_ns"], 230_000_000);
}

#[test]
fn json_is_one_document_whatever_the_number_of_inputs() {
    let dir = WorkDir::new("json");
    dir.write("bad", make::deadlocked()).write("good", make::healthy());
    let one = dir.gleak(&["report", "bad", "--format", "json"]).ends(0).quiet().stdout;
    let one: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!(one["findings"].as_array().map(Vec::len), Some(1), "{one}");
    let two = dir.gleak(&["report", "bad", "good", "--format", "json"]).ends(0).quiet().stdout;
    let two: serde_json::Value = serde_json::from_str(&two).unwrap();
    assert_eq!(two[0]["input"], "bad");
    assert_eq!(two[0]["report"], one);
    assert_eq!(two[1]["input"], "good");
}

#[test]
fn several_inputs_come_under_their_names_and_a_bad_one_hides_no_other() {
    let dir = WorkDir::new("several");
    dir.write("a", make::deadlocked()).write("b", "junk\n").write("c", make::leaky(9, 2));
    let run = dir.gleak(&["report", "a", "b", "c"]).ends(3).complains("b: ");
    assert!(run.stdout.starts_with("==> a <==\n"), "{}", run.stdout);
    assert!(run.stdout.contains("\n==> c <==\n") && !run.stdout.contains("==> b"));
    // Unreadable outweighs found.
    dir.gleak(&["report", "a", "b", "--exit-code"]).ends(3);
    let run = dir.gleak(&["report", "b", "missing"]).ends(3);
    assert_eq!(run.stderr.lines().count(), 3, "{run:?}");
    assert!(run.stderr.ends_with("gleak: 2 inputs could not be read in full\n"), "{run:?}");
    assert_eq!(run.stdout, "");
}

#[test]
fn a_findings_file_is_rendered_too() {
    let dir = WorkDir::new("findings");
    dir.write("f.ndjson", make::findings(7, &[make::finding("gk1:aa", "pool::start", 2)]));
    let run = dir.gleak(&["report", "f.ndjson", "--exit-code"]).ends(1).quiet();
    for word in ["src/pool.rs:49", "src/pool.rs:73", "pool-tests"] {
        assert!(run.stdout.contains(word), "{word}: {}", run.stdout);
    }
}

#[test]
fn nothing_from_outside_steers_the_terminal() {
    let dir = WorkDir::new("hostile");
    dir.write("x", make::hostile());
    for arguments in [
        &["report", "x"][..],
        &["report", "x", "--format", "json"],
        &["report", "x", "--format", "md"],
        &["report", "x", "--format", "junit"],
        &["report", "x", "--format", "sarif"],
        &["report", "x", "--format", "gitlab"],
        &["report", "x", "--format", "github"],
        &["report", "x", "--format", "mermaid"],
        &["report", "x", "--format", "dot"],
        &["report", "x", "--format", "folded"],
        &["report", "x", "--format", "speedscope"],
        &["flame", "x", "--format", "folded"],
        &["gate", "x"],
        &["gate", "x", "--format", "json"],
        &["gate", "x", "--format", "md"],
        &["gate", "x", "--format", "junit"],
        &["gate", "x", "--format", "sarif"],
        &["gate", "x", "--format", "gitlab"],
        &["gate", "x", "--format", "github"],
    ] {
        let said = dir.gleak(arguments).stdout;
        let raw = said.find(|c: char| c.is_control() && c != '\n');
        assert_eq!(raw, None, "{arguments:?}: {said:?}");
        assert!(!said.contains('\u{202e}'), "{arguments:?}");
    }
    let colored = dir.gleak(&["report", "x", "--color", "always"]).ends(0).stdout;
    assert!(!colored.contains("\x1b]") && !colored.contains("\x1b[2J"), "{colored:?}");
}

#[test]
fn colour_and_width_follow_the_flags() {
    let dir = WorkDir::new("looks");
    dir.write("bad", make::deadlocked());
    let plain = dir.gleak(&["report", "bad"]).ends(0).stdout;
    assert!(!plain.contains('\x1b'));
    let colored = dir.gleak(&["report", "bad", "--color", "always"]).ends(0).stdout;
    assert!(colored.contains("\x1b["));
    let narrow = dir.gleak(&["report", "bad", "--width", "60"]).ends(0).stdout;
    assert_ne!(plain, narrow);
    let by_environment = dir.command(&["report", "bad"]).env("COLUMNS", "60").output().unwrap();
    assert_eq!(String::from_utf8(by_environment.stdout).unwrap(), narrow);
}

#[test]
fn as_many_frames_as_asked_for_or_all() {
    let dir = WorkDir::new("frames");
    dir.write("f.ndjson", make::findings(7, &[make::with_stack(make::finding("gk1:aa", "a", 2))]));
    let shown = |flags: &[&str]| {
        let said = dir.gleak(&[&["report", "f.ndjson"][..], flags].concat()).ends(0).quiet().stdout;
        let runtime = said.contains("gleak_runtime::chan");
        (said.matches("app::frame").count(), said.contains("and 4 more frames"), runtime)
    };
    assert_eq!(shown(&[]), (8, true, false));
    assert_eq!(shown(&["--frames", "all"]), (12, false, false));
    assert_eq!(shown(&["--frames", "0"]), (0, false, false));
    assert_eq!(shown(&["--frames", "all", "--runtime-frames"]), (12, false, true));
    let run = dir.gleak(&["report", "f.ndjson", "--frames", "most"]).ends(2);
    assert!(run.stderr.contains("neither a number nor `all`"), "{run:?}");
}

#[test]
fn three_dumps_of_one_process_show_what_grows() {
    let dir = WorkDir::new("growing");
    // The names are in no order, nor are the arguments.
    dir.write("late", make::growing(30, 30));
    dir.write("early", make::growing(10, 10));
    dir.write("between", make::growing(20, 20));
    dir.write("stranger", make::healthy());
    let all = ["report", "late", "early", "stranger", "between"];
    let said = dir.gleak(&[&all[..], &["--exit-code"]].concat()).ends(1).quiet().stdout;
    let late = said.split("==> ").find(|part| part.starts_with("late")).unwrap();
    assert!(late.contains("30 tasks, more in each sample"), "{late}");
    assert!(late.contains("src/request.rs:6"), "{late}");
    assert!(late.contains("10, 20, 30 tasks in 3 samples over 20 s"), "{late}");
    assert_eq!(said.matches("more in each sample").count(), 1, "{said}");
    let json = dir.gleak(&[&all[..], &["--format", "json"]].concat()).ends(0).quiet().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["report"]["findings"][0]["key"]["rule"], "growing");
    for other in 1..4 {
        assert_eq!(json[other]["report"]["findings"], serde_json::Value::Array(Vec::new()));
    }
    dir.gleak(&["report", "late", "early", "--exit-code"]).ends(0).quiet();
    dir.gleak(&["report", "late", "late", "early", "--exit-code"]).ends(0).quiet();
}

/// What stands beside the samples, or is none, makes neither more of them nor fewer.
#[test]
fn what_is_no_sample_does_no_harm_and_no_good() {
    let dir = WorkDir::new("samples");
    let middle = make::growing(20, 20);
    dir.write("a", make::growing(10, 10)).write("c", make::growing(30, 30));
    dir.write("b", &middle)
        .write("cut", make::cut(&middle))
        .write("bad", make::damaged(&middle, 9));
    dir.write("junk", "junk\n").write("stranger", make::healthy());
    dir.write("findings", make::findings(4711, &[]));
    let report = |inputs: &[&str]| {
        let run = dir.gleak(&[&["report", "--format", "json", "--exit-code"], inputs].concat());
        let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let found = json.as_array().unwrap().iter().flat_map(|it| {
            it["report"]["findings"].as_array().unwrap().iter().map(|it| it["key"]["rule"].clone())
        });
        (run.code, found.collect::<Vec<_>>())
    };
    for middle in ["cut", "bad", "stranger", "findings"] {
        let grows = report(&["a", middle, "c"]).1.iter().any(|rule| rule == "growing");
        assert!(!grows, "{middle} is no sample of this process");
    }
    assert_eq!(report(&["a", "b", "c"]), (Some(1), vec!["growing".into()]));
    for beside in ["stranger", "findings"] {
        assert_eq!(report(&["a", beside, "b", "c"]), (Some(1), vec!["growing".into()]), "{beside}");
    }
    // The others are told of all the same.
    assert_eq!(report(&["a", "junk", "b", "c"]), (Some(3), vec!["growing".into()]));
    assert_eq!(report(&["a", "missing", "b", "c"]), (Some(3), vec!["growing".into()]));
}

#[test]
fn who_waits_for_long_is_named_on_request() {
    let dir = WorkDir::new("longer");
    dir.write("late", make::growing(3600, 2));
    dir.gleak(&["report", "late", "--exit-code"]).ends(0).quiet();
    let said = dir.gleak(&["report", "late", "--exit-code", "--longer", "10m"]).ends(1).quiet();
    assert!(said.stdout.contains("2 tasks waiting for long"), "{}", said.stdout);
    let json = dir.gleak(&["report", "late", "--longer", "10m", "--format", "json"]).ends(0);
    let json: serde_json::Value = serde_json::from_str(&json.quiet().stdout).unwrap();
    assert_eq!(json["findings"][0]["key"]["rule"], "waiting-long");
    assert_eq!(json["findings"][0]["certainty"], "weak");
    assert_eq!(json["findings"][0]["facts"].as_array().map(Vec::len), Some(2), "{json}");
    dir.gleak(&["report", "late", "--exit-code", "--longer", "2h"]).ends(0).quiet();
    for wrong in ["10", "m", "10w", "99999999999999999999s", "-1s", ""] {
        dir.gleak(&["report", "late", "--longer", wrong]).ends(2);
    }
}
