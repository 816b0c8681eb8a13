//! `gleak flame`.

use crate::make;
use crate::work_dir::{WorkDir, golden};
use crate::xml::well_formed;

#[test]
fn every_picture_is_well_formed() {
    let dir = WorkDir::new("pictures");
    dir.write("busy", make::busy()).write("empty", make::empty()).write("hostile", make::hostile());
    for input in ["busy", "empty", "hostile"] {
        for by in ["spawn", "block", "both"] {
            for more in [
                &[][..],
                &["--icicle"],
                &["--inverted"],
                &["--weight", "time"],
                &["--diff", "hostile"],
                &["--diff", "empty", "--reverse"],
                &["--title", "<&\"'\x1b\u{1}>"],
            ] {
                let arguments = [&["flame", input, "--by", by], more].concat();
                let picture = dir.gleak(&arguments).ends(0).quiet().stdout;
                assert!(picture.contains("<svg"), "{picture}");
                well_formed(&picture);
            }
        }
    }
}

#[test]
fn no_task_is_a_picture_that_says_so() {
    let dir = WorkDir::new("no-task");
    dir.write("empty", make::empty());
    dir.gleak(&["flame", "empty", "-o", "empty.svg"]).ends(0).quiet();
    golden("empty.svg", &dir.read("empty.svg"));
    let folded = dir.gleak(&["flame", "empty", "--format", "folded"]).ends(0).quiet();
    assert_eq!(folded.stdout, "");
}

#[test]
fn a_picture_counts_tasks_and_is_the_same_twice() {
    let dir = WorkDir::new("twice");
    dir.write("busy", make::busy());
    let first = dir.gleak(&["flame", "busy"]).ends(0).quiet().stdout;
    assert!(first.contains(">app, process 4711: 65 tasks<"), "{first}");
    assert!(first.contains("(40 tasks, "), "{first}");
    assert_eq!(dir.gleak(&["flame", "busy"]).ends(0).stdout, first);
    assert_ne!(dir.gleak(&["flame", "busy", "--icicle"]).ends(0).stdout, first);
}

#[test]
fn folded_lines_count_every_task_and_split_at_semicolons_only() {
    let dir = WorkDir::new("folded");
    dir.write("busy", make::busy()).write("hostile", make::hostile());
    for (input, tasks) in [("busy", 65), ("hostile", 4)] {
        for by in ["spawn", "block", "both"] {
            let run = dir.gleak(&["flame", input, "--by", by, "--format", "folded"]).ends(0);
            let mut sum = 0;
            for line in run.stdout.lines() {
                let (stack, count) = line.rsplit_once(' ').unwrap();
                sum += count.parse::<u64>().unwrap();
                assert!(stack.split(';').all(|frame| !frame.is_empty()), "{line:?}");
            }
            assert_eq!(sum, tasks, "{input} by {by}: {}", run.stdout);
        }
    }
}

#[test]
fn time_is_told_in_milliseconds_and_who_does_not_wait_has_none() {
    let dir = WorkDir::new("time");
    dir.write("busy", make::busy()).write("held", make::held());
    let time = ["--weight", "time", "--format", "folded"];
    let folded = dir.gleak(&[&["flame", "busy"][..], &time].concat()).ends(0).quiet().stdout;
    let sums: u64 =
        folded.lines().map(|it| it.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum();
    // 58 of 65 wait, since the clock began.
    assert_eq!(sums, 58 * 180_000, "{folded}");
    assert!(!folded.contains("running"), "{folded}");
    let picture = dir.gleak(&["flame", "busy", "--weight", "time"]).ends(0).quiet().stdout;
    assert!(picture.contains("65 tasks, 10 440 s waited"), "{picture}");
    let none = dir.gleak(&["flame", "held", "--weight", "time"]).ends(0).quiet().stdout;
    assert!(none.contains(">0 ms<"), "{none}");
}

#[test]
fn two_dumps_are_compared_in_both_directions() {
    let dir = WorkDir::new("flame-diff");
    dir.write("old", make::leaky(1, 5)).write("new", make::growing(60, 3));
    let folded = ["flame", "new", "--diff", "old", "--format", "folded", "--by", "block"];
    let run = dir.gleak(&folded).ends(0).quiet();
    assert_eq!(
        run.stdout,
        "app;running 1 0\napp;src/pool.rs:73;receive 5 0\napp;src/request.rs:8;receive 0 3\n"
    );
    let draw = |more: &[&str]| {
        let all = [&["flame", "new", "--diff", "old", "--by", "block"][..], more].concat();
        dir.gleak(&all).ends(0).quiet().stdout
    };
    let there = draw(&[]);
    assert!(there.contains("3 tasks, 6 before<"), "{there}");
    assert!(there.contains("2 stacks are gone, seen with --reverse"), "{there}");
    assert!(there.contains("request.rs:8 (3 tasks") && !there.contains("pool.rs:73 ("), "{there}");
    let back = draw(&["--reverse"]);
    assert!(back.contains("pool.rs:73 (5 tasks") && !back.contains("request.rs:8 ("), "{back}");
    assert!(back.contains("1 stack is new, not seen"), "{back}");
    // A dump beside itself has not changed.
    let same = dir.gleak(&["flame", "old", "--diff", "old"]).ends(0).quiet().stdout;
    let changes: Vec<&str> = same.split("%; ").skip(1).map(|it| &it[..6]).collect();
    assert!(!changes.is_empty() && changes.iter().all(|it| *it == "0.00%)"), "{changes:?}");
    // Files of Go programs have no name but their own.
    dir.write("a.txt", GO).write("b.txt", GO);
    let run = dir.gleak(&["flame", "a.txt", "--diff", "b.txt", "--format", "folded"]).ends(0);
    assert_eq!(run.stdout, "a.txt;main.f (/app/main.go:7);main.f (/app/main.go:3);receive 1 1\n");
}

const GO: &str = "goroutine 7 [chan receive]:\nmain.f()\n\t/app/main.go:3 +0x1\n\
                  created by main.main in goroutine 1\n\t/app/main.go:7 +0x2\n";

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let dir = WorkDir::new("flame-flags");
    dir.write("a", make::busy());
    assert!(dir.gleak(&["flame", "a", "--reverse"]).ends(2).stderr.contains("--diff <OLD>"));
    let run = dir.gleak_with_stdin(&["flame", "-", "--diff", "-"], &make::busy());
    run.ends(2).complains("standard input can be read only once");
}

#[test]
fn a_findings_file_has_no_tasks_to_draw() {
    let dir = WorkDir::new("flame-findings");
    dir.write("f", make::findings(7, &[]));
    dir.gleak(&["flame", "f"]).ends(3).complains("f: holds findings and no tasks");
}
