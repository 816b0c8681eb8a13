//! What a group keeps: locks by record, permits by the last taker, memory by what was measured.

use gleak_detector::render::{TextOptions, text};
use gleak_detector::snapshot::{
    LastUse, ObjectDetail, ObjectId, Snapshot, SnapshotBuilder, StackUse, TaskId,
};
use gleak_detector::view::{Ask, View};
use gleak_detector::{Group, Keeps, filter::RegionNames};

use crate::support::process;

/// Three workers: each has a lock of its own and reads a common one; the second took permits last.
fn workers(touched: u64, available: u64) -> (Snapshot, Vec<TaskId>) {
    let mut b = SnapshotBuilder::new();
    let common = b.rwlock("src/pool.rs:1");
    b.object_mut(common).name = Some("config".into());
    let permits = b.semaphore("src/pool.rs:2", 4);
    let never = b.channel("src/pool.rs:3", Some(0));
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let own = b.mutex("src/pool.rs:4");
        let task = b.task("src/pool.rs:9", "app::worker").receives(never, "src/pool.rs:12");
        let task = task.stack(256 << 10, touched).id();
        b.owns(own, task, "src/pool.rs:10", 0);
        b.reads(common, task);
        tasks.push(task);
    }
    let site = b.site("src/pool.rs:11");
    set_taken(&mut b, permits, available, LastUse { task: tasks[1], site });
    (b.build(), tasks)
}

fn set_taken(b: &mut SnapshotBuilder, semaphore: ObjectId, left: u64, by: LastUse) {
    let ObjectDetail::Semaphore { available, taken, .. } = &mut b.object_mut(semaphore).detail
    else {
        panic!("a semaphore was made");
    };
    (*available, *taken) = (left, Some(by));
}

fn group(snapshot: &Snapshot) -> Group {
    let groups = process(snapshot).groups;
    assert_eq!(groups.len(), 1);
    groups.into_iter().next().expect("one group")
}

#[test]
fn a_group_keeps_what_its_members_hold_and_have_touched() {
    let (snapshot, _) = workers(64 << 10, 1);
    let keeps = group(&snapshot).keeps;
    let locks = ["lock #1 \"config\" for reading", "lock #4", "lock #5", "1 more lock"];
    assert_eq!(keeps.locks, locks);
    assert_eq!(keeps.permits, ["semaphore #2 (1 of 4 left)"]);
    assert_eq!(keeps.stack, Some(StackUse { bytes: 768 << 10, touched: 192 << 10 }));
}

#[test]
fn permits_that_are_all_there_are_kept_by_nobody() {
    let (snapshot, _) = workers(0, 4);
    assert_eq!(group(&snapshot).keeps.permits, Vec::<String>::new());
}

#[test]
fn a_claim_of_absurd_sizes_is_summed_without_overflow() {
    let (snapshot, _) = workers(u64::MAX, 4);
    let touched = group(&snapshot).keeps.stack.map(|stack| stack.touched);
    assert_eq!(touched, Some(u64::MAX));
}

#[test]
fn of_a_part_of_a_group_nothing_is_said() {
    let (snapshot, tasks) = workers(64 << 10, 1);
    let report = process(&snapshot);
    let filter = Some(format!("task={}", tasks[0]).parse().expect("a filter"));
    let view = View::of(&report, &RegionNames::of(&snapshot), &Ask { filter, ..Ask::default() });
    let shown = view.shown().groups;
    assert_eq!(shown.iter().map(|group| group.members.len()).collect::<Vec<_>>(), [1]);
    assert_eq!(shown[0].keeps, Keeps::default());
}

#[test]
fn text_tells_it_of_groups_that_are_found() {
    let mut b = SnapshotBuilder::new();
    b.still();
    let (first, second) = (b.mutex("src/a.rs:1"), b.mutex("src/a.rs:2"));
    let one = b.task("src/a.rs:5", "app::one").locks(second, "src/a.rs:7").stack(1 << 20, 100_000);
    let one = one.id();
    let two = b.task("src/a.rs:6", "app::two").locks(first, "src/a.rs:8").stack(1 << 20, 4096);
    let two = two.id();
    b.owns(first, one, "src/a.rs:7", 0);
    b.owns(second, two, "src/a.rs:8", 0);
    let told = text(&process(&b.build()), &TextOptions::default());
    assert!(told.contains("keeps    lock #1, up to 97 KiB of stack\n"), "{told}");
    // So little memory is not what anybody looks for.
    assert!(told.contains("keeps    lock #2\n"), "{told}");
}
