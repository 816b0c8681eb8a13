//! Dumps of version 1 stay readable: `testdata/v1` is kept for ever.
//!
//! `BLESS=1` writes the file anew. Once a version has been released, a change of what the writer
//! writes adds a further file instead.

use std::path::PathBuf;

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
