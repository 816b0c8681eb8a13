//! What is written is what is read.

use std::io::{self, Write};

use gleak_snapshot::{Snapshot, SnapshotBuilder, read_dump, write_dump};
use proptest::prelude::*;

use crate::any::snapshots;
use crate::example::example;
use crate::{dump, read};

proptest! {
    #[test]
    fn every_valid_snapshot_survives(snapshot in snapshots()) {
        prop_assert_eq!(read(&dump(&snapshot)).unwrap(), snapshot);
    }

    #[test]
    fn lines_may_end_as_on_windows_and_checksums_may_be_missing(snapshot in snapshots()) {
        let text = String::from_utf8(dump(&snapshot)).unwrap();
        let by_hand: String =
            text.lines().map(|line| format!("{}}}\r\n\n", &line[..line.len() - 18])).collect();
        prop_assert_eq!(read(by_hand.as_bytes()).unwrap(), snapshot);
    }
}

#[test]
fn an_empty_snapshot_survives() {
    assert_eq!(read(&dump(&Snapshot::default())).unwrap(), Snapshot::default());
}

#[test]
fn many_blocks_survive() {
    let mut b = SnapshotBuilder::new();
    let jobs = b.channel("src/a.rs:1", Some(0));
    for _ in 0..2000 {
        b.task("src/a.rs:2", "app::work").receives(jobs, "src/a.rs:3");
    }
    let snapshot = b.build();
    let bytes = dump(&snapshot);
    assert!(bytes.len() > 200_000);
    assert_eq!(read(&bytes).unwrap(), snapshot);
}

/// Takes a few bytes at a time and is interrupted before each.
struct Reluctant {
    taken: Vec<u8>,
    interrupted: bool,
}

impl Write for Reluctant {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let part = bytes.len().min(7);
        self.taken.extend_from_slice(&bytes[..part]);
        Ok(part)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn short_and_interrupted_writes_are_gone_on_with() {
    let mut out = Reluctant { taken: Vec::new(), interrupted: false };
    write_dump(&example(), &mut out).unwrap();
    assert_eq!(out.taken, dump(&example()));
}

#[test]
fn a_full_disk_is_an_error() {
    let mut room = [0; 100];
    let error = write_dump(&example(), &mut room.as_mut_slice()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
}

#[test]
fn small_reads_give_the_same() {
    let bytes = dump(&example());
    let mut input = io::BufReader::with_capacity(3, bytes.as_slice());
    assert_eq!(read_dump(&mut input).unwrap(), example());
}
