//! Dumps of version 1 stay readable: `testdata/v1` is kept for ever.
//!
//! `BLESS=1` writes the file anew. Once a version has been released, a change of what the writer
//! writes adds a further file instead.

use std::path::PathBuf;

use gleak_snapshot::ObjectDetail;

use crate::example::example;
use crate::{dump, read};

fn golden() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "testdata", "v1", "example.ndjson"].iter().collect()
}

#[test]
fn the_writer_writes_the_golden_file() {
    let now = dump(&example());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(golden(), &now).unwrap();
    }
    let kept = std::fs::read(golden()).unwrap();
    let (now, kept) = (String::from_utf8(now).unwrap(), String::from_utf8(kept).unwrap());
    for (at, (now, kept)) in now.lines().zip(kept.lines()).enumerate() {
        assert_eq!(now, kept, "line {}; BLESS=1 writes the file anew", at + 1);
    }
    assert_eq!(now.len(), kept.len());
}

#[test]
fn the_golden_file_reads_to_the_example() {
    let kept = std::fs::read(golden()).unwrap();
    assert_eq!(read(&kept).unwrap(), example());
}

/// A group of a dump from before there were tokens may be counted by anybody.
#[test]
fn a_group_of_which_little_is_said_is_loose() {
    let old = r#"{"gleak":1,"k":"header","program":"app","pid":1,"reason":"request","taken_ns":5,"wall_s":0,"counters":{"spawned":1,"finished":0},"completeness":{"moving":0,"unsettled_objects":0,"dropped_panics":0,"missing_tasks":0,"cut":false,"damaged_lines":0,"unknown_lines":0},"lines":{"site":1,"spawn":0,"region":0,"object":1,"worker":0,"task":0,"panic":0,"activity":0}}
{"k":"site","id":0,"file":"src/main.rs","line":5,"column":16}
{"k":"object","id":1,"site":0,"touched":"shared","detail":{"wait-group":{"count":2}}}
"#;
    let read = read(old.as_bytes()).unwrap();
    let detail = ObjectDetail::WaitGroup { count: 2, tokens: 0, loose: true };
    assert_eq!(read.objects[0].detail, detail);
}
