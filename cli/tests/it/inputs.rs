//! What can be wrong with an input, for every command that reads one.

use crate::make;
use crate::work_dir::WorkDir;

#[test]
fn what_is_no_dump_is_named_with_code_3_and_nothing_is_said_on_stdout() {
    let dir = WorkDir::new("no-dump");
    let go = "goroutine 1: not [running]\nmain.main()\n";
    dir.write("empty", "").write("garbage", [0u8, 159, 146, 150, 255, 10, 0]).write("go.txt", go);
    dir.write("folder/x.ndjson", make::healthy());
    dir.write("json", "{\"a\":1}\n").write("long", vec![b'x'; 300_000]);
    for (input, words) in [
        ("empty", "empty: is empty"),
        ("garbage", "garbage: "),
        ("go.txt", "go.txt: "),
        ("json", "json: "),
        ("long", "long: "),
        ("folder", "folder: is a folder"),
        ("missing", "missing: no such file or directory"),
        ("mis\x1b[31msing\n", "mis\\u{1b}[31msing\\n: no such file"),
    ] {
        for command in ["report", "flame"] {
            let run = dir.gleak(&[command, input]).ends(3).complains(words);
            assert_eq!(run.stdout, "", "{command} {input}");
        }
    }
    for name in ["garbage", "go.txt", "json", "long", "missing"] {
        let run = dir.gleak(&["gate", name]).ends(3).quiet();
        assert!(run.stdout.contains(&format!("UNREAD  {name}: ")), "{run:?}");
    }
}

#[test]
fn a_newer_dump_is_called_newer() {
    let dir = WorkDir::new("newer");
    let text = String::from_utf8(make::healthy()).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let newer = first.replace("\"gleak\":1", "\"gleak\":99");
    assert_ne!(first, newer, "the header has changed its form");
    dir.write("newer.ndjson", format!("{newer}\n{rest}"));
    dir.gleak(&["report", "newer.ndjson"]).ends(3).complains("version");
}

#[test]
#[cfg(unix)]
fn a_file_that_may_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let dir = WorkDir::new("forbidden");
    dir.write("x.ndjson", make::healthy());
    let path = dir.path("x.ndjson");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    dir.gleak(&["report", "x.ndjson"]).ends(3).complains("x.ndjson: permission denied");
}

#[test]
fn a_cut_or_damaged_dump_is_reported_as_far_as_it_goes() {
    let dir = WorkDir::new("cut");
    let whole = make::leaky(4711, 3);
    dir.write("cut.ndjson", make::cut(&whole));
    let damaged = make::damaged(&whole, 3);
    dir.write("damaged.ndjson", damaged);
    for name in ["cut.ndjson", "damaged.ndjson"] {
        let run = dir.gleak(&["report", name]).ends(0);
        assert!(!run.stdout.is_empty(), "{run:?}");
        dir.gleak(&["flame", name]).ends(0).complains(name);
    }
    // Wherever it is cut: an answer or a complaint, never a crash.
    for end in (0..whole.len()).step_by(97) {
        dir.write("some.ndjson", &whole[..end]);
        let run = dir.gleak(&["report", "some.ndjson"]);
        assert!(matches!(run.code, Some(0 | 3)), "cut at {end}: {run:?}");
    }
}

#[test]
fn standard_input_is_read_once() {
    let dir = WorkDir::new("stdin");
    let dump = make::leaky(4711, 1);
    for command in ["report", "gate", "flame"] {
        let run = dir.gleak_with_stdin(&[command, "-"], &dump);
        assert!(matches!(run.code, Some(0 | 1)) && !run.stdout.is_empty(), "{run:?}");
    }
    for command in ["report", "gate"] {
        let run = dir.gleak_with_stdin(&[command, "-", "-"], &dump);
        run.ends(2).complains("only once");
    }
    dir.gleak_with_stdin(&["report", "-"], b"").ends(3).complains("stdin: is empty");
}
