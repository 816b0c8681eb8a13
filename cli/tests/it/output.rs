//! Where answers go: files that are kept, disks that are full, readers that leave; and the help.

use std::fs::File;
use std::process::Stdio;

use crate::make;
use crate::work_dir::{Run, WorkDir};

#[test]
fn a_file_that_exists_is_kept_without_force() {
    let dir = WorkDir::new("keep");
    dir.write("x.ndjson", make::leaky(4711, 1)).write("out", "precious");
    for command in [&["report"][..], &["flame"], &["diff", "x.ndjson"]] {
        let arguments = [command, &["x.ndjson", "-o", "out"]].concat();
        dir.gleak(&arguments).ends(2).complains("out: exists; --force overwrites it");
        assert_eq!(dir.read("out"), "precious");
    }
    let run = dir.gleak(&["baseline", "write", "out", "x.ndjson"]);
    run.ends(2).complains("out: exists; --force overwrites it");
    assert_eq!(dir.read("out"), "precious");

    let run = dir.gleak(&["flame", "x.ndjson", "-o", "out", "--force"]).ends(0).quiet();
    assert_eq!(run.stdout, "");
    assert!(dir.read("out").contains("<svg"));
    assert_eq!(dir.names(), ["out", "x.ndjson"]);
}

#[test]
fn the_same_answer_goes_to_a_file_as_to_standard_output() {
    let dir = WorkDir::new("same");
    dir.write("x.ndjson", make::leaky(4711, 1));
    let said = dir.gleak(&["report", "x.ndjson"]).ends(0).stdout;
    dir.gleak(&["report", "x.ndjson", "-o", "out"]).ends(0).quiet();
    assert_eq!(dir.read("out"), said);
}

#[test]
fn an_answer_that_cannot_be_written_is_code_5_and_leaves_nothing() {
    let dir = WorkDir::new("unwritable");
    dir.write("x.ndjson", make::leaky(4711, 1)).write("folder/keep", "");
    let report = |to: &str| dir.gleak(&["report", "x.ndjson", "--force", "-o", to]).ends(5);
    report("no/such/folder").complains("no/such/folder: no such file or directory");
    report("folder").complains("folder: ");
    report("x.ndjson/out").complains("x.ndjson/out: ");
    assert_eq!(dir.names(), ["folder", "x.ndjson"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_code_5() {
    let dir = WorkDir::new("full");
    dir.write("x.ndjson", make::leaky(4711, 1));
    dir.gleak(&["baseline", "write", "b.json", "x.ndjson"]).ends(0).quiet();
    for arguments in [
        &["report", "x.ndjson"][..],
        &["flame", "x.ndjson"],
        &["gate", "x.ndjson"],
        &["show", "x.ndjson", "t1"],
        &["diff", "x.ndjson", "x.ndjson"],
        &["explain"],
        &["baseline", "explain", "b.json"],
        &["baseline", "prune", "b.json", "x.ndjson"],
        &["completions", "bash"],
        &["man"],
        &["schema", "dump"],
        &["--help"],
        &["report", "--help"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let run = Run::of(dir.command(arguments).stdout(full));
        run.ends(5).complains("stdout: no space left on device");
    }
    let run = dir.gleak(&["report", "x.ndjson", "-o", "/dev/full"]);
    run.ends(5).complains("/dev/full: no space left on device");
    // A device is written into, not replaced by a file.
    dir.gleak(&["report", "x.ndjson", "-o", "/dev/null", "--force"]).ends(0).quiet();
    use std::os::unix::fs::FileTypeExt;
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

#[test]
#[cfg(unix)]
fn a_link_stays_a_link() {
    let dir = WorkDir::new("link");
    dir.write("x.ndjson", make::leaky(4711, 1)).write("real/out", "old");
    std::os::unix::fs::symlink("real/out", dir.path("out")).unwrap();
    dir.gleak(&["report", "x.ndjson", "-o", "out"]).ends(2);
    dir.gleak(&["report", "x.ndjson", "-o", "out", "--force"]).ends(0).quiet();
    assert!(dir.path("out").symlink_metadata().unwrap().is_symlink());
    assert_ne!(dir.read("real/out"), "old");
}

#[test]
fn a_reader_that_has_gone_changes_nothing() {
    let dir = WorkDir::new("pipe");
    dir.write("x.ndjson", make::leaky(4711, 1));
    dir.gleak(&["baseline", "write", "b.json", "x.ndjson"]).ends(0).quiet();
    for (arguments, code) in [
        (&["report", "x.ndjson"][..], 0),
        (&["report", "x.ndjson", "--exit-code"], 1),
        (&["flame", "x.ndjson"], 0),
        (&["gate", "x.ndjson"], 1),
        (&["show", "x.ndjson", "t1"], 0),
        (&["diff", "x.ndjson", "x.ndjson"], 0),
        (&["explain"], 0),
        (&["baseline", "explain", "b.json"], 0),
        (&["baseline", "prune", "b.json", "x.ndjson"], 0),
        (&["baseline", "add", "b.json", "gk1:", "x.ndjson", "--reason", "issue 41"], 0),
        (&["completions", "bash"], 0),
        (&["man"], 0),
        (&["schema", "dump"], 0),
        (&["--help"], 0),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Run::of(dir.command(arguments).stdout(Stdio::from(writer))).ends(code).quiet();
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    let dir = WorkDir::new("help");
    let version = dir.gleak(&["--version"]).ends(0).quiet();
    assert_eq!(version.stdout, format!("gleak {}\n", env!("CARGO_PKG_VERSION")));
    let help = dir.gleak(&["--help"]).ends(0).quiet();
    for word in ["report", "show", "diff", "flame", "gate", "baseline", "explain", "Exit codes:"] {
        assert!(help.stdout.contains(word), "{word}: {}", help.stdout);
    }
    for command in [
        &["report"][..],
        &["show"],
        &["diff"],
        &["explain"],
        &["flame"],
        &["gate"],
        &["baseline", "write"],
        &["baseline", "add"],
        &["baseline", "prune"],
        &["baseline", "explain"],
        &["schema"],
    ] {
        let help = dir.gleak(&[command, &["--help"]].concat()).ends(0).quiet();
        let long = help.stdout.lines().find(|line| line.chars().count() > 100);
        assert_eq!(long, None, "{command:?}");
    }
}

#[test]
fn wrong_arguments_are_code_2() {
    let dir = WorkDir::new("usage");
    for arguments in [
        &[][..],
        &["no-such-command"],
        &["report"],
        &["report", "x", "--format", "yaml"],
        &["report", "x", "--width", "3"],
        &["report", "x", "--force"],
        &["flame"],
        &["gate", "--max-new", "-1"],
        &["gate", "--fail-on", "sometimes"],
        &["gate", "--strict-baseline"],
        &["gate", "--allow-empty", "--require-run", "2"],
        &["baseline"],
        &["baseline", "write"],
        &["baseline", "add", "b.json"],
        &["schema"],
    ] {
        let run = dir.gleak(arguments).ends(2);
        assert_eq!(run.stdout, "", "{arguments:?}");
        assert_ne!(run.stderr, "", "{arguments:?}");
    }
}

#[test]
fn what_is_mistyped_is_answered_with_what_may_be_meant() {
    let dir = WorkDir::new("mistyped");
    dir.write("x", make::leaky(4711, 1));
    for (arguments, words) in [
        (&["reprot", "x"][..], "a similar subcommand exists: 'report'"),
        (&["baseline", "prnue", "x"], "a similar subcommand exists: 'prune'"),
        (&["report", "x", "--formt", "json"], "a similar argument exists: '--format'"),
        (&["gate", "x", "--hyperlink", "auto"], "a similar argument exists: '--hyperlinks'"),
        (&["report", "x", "--format", "jsn"], "a similar value exists: 'json'"),
        (&["gate", "x", "--format=sarrif=a.sarif"], "a similar value exists: 'sarif'"),
        (&["gate", "x", "--fail-on", "week"], "a similar value exists: 'weak'"),
        (&["report", "x", "--color", "nevr"], "a similar value exists: 'never'"),
        (&["schema", "findngs"], "a similar value exists: 'findings'"),
        (&["report", "x", "--where", "stat=waiting"], "is `state` meant?"),
        (&["report", "x", "--where", "state=waitin"], "is `waiting` meant?"),
        (&["report", "x", "--group-by", "spwan"], "is `spawn` meant?"),
        (&["explain", "cylce"], "is `cycle` meant?"),
    ] {
        let run = dir.gleak(arguments).ends(2);
        assert!(run.stdout.is_empty() && run.stderr.contains(words), "{arguments:?}: {run:#?}");
    }
    // A file that an answer was asked for in is not made by the way.
    assert_eq!(dir.names(), ["x"]);
}

#[test]
fn all_text_of_ours_is_ascii() {
    let dir = WorkDir::new("ascii");
    dir.write("x", make::deadlocked());
    for arguments in [
        &["--help"][..],
        &["report", "--help"],
        &["show", "--help"],
        &["gate", "--help"],
        &["baseline", "add", "--help"],
        &["man"],
        &["explain"],
        &["report", "x", "--frames", "all"],
        &["show", "x", "t1"],
        &["gate", "x"],
    ] {
        let run = dir.gleak(arguments).quiet();
        assert!(run.stdout.is_ascii(), "{arguments:?}: {}", run.stdout);
    }
    for arguments in [&["show", "x", "zz"][..], &["baseline", "add", "b.json", "x"]] {
        let run = dir.gleak(arguments).ends(2);
        assert!(run.stderr.is_ascii(), "{arguments:?}: {}", run.stderr);
    }
}
