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
            for more in [&[][..], &["--icicle"], &["--inverted"], &["--title", "<&\"'\x1b\u{1}>"]] {
                let arguments = [&["flame", input, "--by", by], more].concat();
                well_formed(&dir.gleak(&arguments).ends(0).quiet().stdout);
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
fn a_findings_file_has_no_tasks_to_draw() {
    let dir = WorkDir::new("flame-findings");
    dir.write("f", make::findings(7, &[]));
    dir.gleak(&["flame", "f"]).ends(3).complains("f: holds findings and no tasks");
}
