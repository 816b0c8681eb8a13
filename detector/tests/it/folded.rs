//! Folded stacks.

use gleak_detector::folded::{By, folded};
use gleak_detector::snapshot::SnapshotBuilder;

#[test]
fn three_ways_to_fold() {
    let mut b = SnapshotBuilder::new();
    let own = b.region("drains");
    let jobs = b.channel("src/a.rs:1", None);
    let root = b.task("src/main.rs:1", "app::main::{{closure}}").region(own).running().id();
    let pool = b.task("src/main.rs:2", "app::pool").region(own).parent(root).fresh().id();
    for _ in 0..2 {
        let task = b.task("src/pool.rs:3", "app::work::<[u8; 4]>").region(own).parent(pool);
        let _ = task.receives(jobs, "src/pool.rs:9").id();
    }
    let _ = b.task("src/x.rs:1", "a;\u{1b}[2J").running().id();
    let _ = b.thread("outside").receives(jobs, "src/pool.rs:9").id();
    let snapshot = b.build();
    let line = "app;drains;app::main (src/main.rs:1);app::pool (src/main.rs:2)";
    let main = "app;drains;app::main (src/main.rs:1)";
    assert_eq!(
        folded(&snapshot, By::Spawn),
        [
            "app;a,[2J (src/x.rs:1) 1".to_owned(),
            format!("{main} 1"),
            format!("{line} 1"),
            format!("{line};app::work (src/pool.rs:3) 2"),
        ]
    );
    assert_eq!(
        folded(&snapshot, By::Block),
        ["app;never started 1", "app;running 2", "app;src/pool.rs:9;receive 2"]
    );
    assert_eq!(
        folded(&snapshot, By::Both)[1..3],
        [
            format!("{line};app::work (src/pool.rs:3);src/pool.rs:9;receive 2"),
            format!("{line};never started 1"),
        ]
    );
}

#[test]
fn no_task_no_line_and_no_empty_frame() {
    assert_eq!(folded(&SnapshotBuilder::new().build(), By::Both), Vec::<String>::new());
    let mut b = SnapshotBuilder::new();
    b.header_mut().program = "\u{7}".to_owned();
    let _ = b.task("src/a.rs:1", "").running().id();
    assert_eq!(folded(&b.build(), By::Spawn), ["?; (src/a.rs:1) 1"]);
}
