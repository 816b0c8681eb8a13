//! Fingerprints: what they depend on and what not.

use gleak_detector::Fingerprint;
use gleak_detector::snapshot::{SnapshotBuilder, TaskId};

use crate::support::{bank, process, region};

fn outlived(spawn: &str, entry: &str, block: &str, before: usize) -> Fingerprint {
    let mut b = SnapshotBuilder::new();
    for _ in 0..before {
        let _ = b.channel("src/x.rs:1", None);
        let _ = b.region("earlier");
        let _ = b.task("src/x.rs:1", "app::x").running().id();
    }
    let own = b.region(if before == 0 { "one" } else { "two" });
    let channel = b.channel("src/c.rs:1", None);
    let _ = b.task(spawn, entry).region(own).receives(channel, block).id();
    region(&b.build(), own).findings[0].fingerprint.clone()
}

#[test]
fn lines_ids_tests_and_types_do_not_count() {
    let print = outlived("src/a.rs:5", "app::Pool<u8>::run::{{closure}}", "src/b.rs:7", 0);
    assert_eq!(print, outlived("./src/a.rs:99", "app::Pool<String>::run", "src/b.rs:1", 3));
    for (spawn, entry, block) in [
        ("src/z.rs:5", "app::Pool<u8>::run", "src/b.rs:7"),
        ("src/a.rs:5", "app::Pool<u8>::stop", "src/b.rs:7"),
        ("src/a.rs:5", "app::Pool<u8>::run", "src/z.rs:7"),
    ] {
        assert_ne!(print, outlived(spawn, entry, block, 0));
    }
}

/// Baselines are committed files: the scheme never changes without a new prefix.
#[test]
fn the_scheme_is_fixed() {
    let print = outlived("src/a.rs:5", "app::work", "src/b.rs:7", 0);
    // sha256("outlived\napp::work\nsrc/a.rs\nreceive\nchannel\nsrc/b.rs")
    assert_eq!(print.0, "gk1:b6eba82588040056");
}

#[test]
fn a_cycle_is_the_same_whoever_comes_first() {
    let one = process(&bank().build()).findings[0].fingerprint.clone();
    let mut snapshot = bank().build();
    // The two change their roles.
    for task in &mut snapshot.tasks {
        task.id = TaskId(10 - task.id.0);
    }
    for object in &mut snapshot.objects {
        let detail = &mut object.detail;
        if let gleak_detector::snapshot::ObjectDetail::Mutex { owner: Some(owner), .. } = detail {
            owner.task = TaskId(10 - owner.task.0);
        }
    }
    assert_eq!(process(&snapshot).findings[0].fingerprint, one);
}
