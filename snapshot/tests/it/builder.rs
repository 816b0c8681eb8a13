//! The builder writes both sides of a fact.

use gleak_snapshot::{
    Arm, HoldMode, ObjectDetail, RegionKind, Site, SnapshotBuilder, TaskId, TaskState, WaitOp,
    WaitReason, WaiterKind, WorkerId,
};

#[test]
fn a_cycle_of_two_locks() {
    let mut b = SnapshotBuilder::new();
    let (left, right) = (b.mutex("src/l.rs:1"), b.mutex("src/r.rs:1"));
    let one = b.task("src/main.rs:2", "app::one").id();
    let two = b.task("src/main.rs:3", "app::two").locks(left, "src/two.rs:9").since(50).id();
    b.task_mut(one).locks(right, "src/one.rs:9").since(40);
    b.owns(left, one, "src/one.rs:8", 30);
    b.owns(right, two, "src/two.rs:8", 35);
    let s = b.build();

    assert_eq!((one, two), (TaskId(1), TaskId(2)));
    let ObjectDetail::Mutex { owner: Some(owner), exact: true } = &s.objects[0].detail else {
        panic!("{:?}", s.objects[0])
    };
    assert_eq!((owner.task, owner.since_ns, owner.alive), (one, 30, true));
    assert_eq!(s.sites[owner.site.0 as usize].to_string(), "src/one.rs:8");
    assert_eq!(s.tasks[0].holds[0].object, left);
    let TaskState::Waiting(wait) = &s.tasks[0].state else { panic!("{:?}", s.tasks[0]) };
    assert_eq!((wait.reason, wait.since_ns), (WaitReason::Lock, 40));
    assert_eq!(wait.arms, [Arm::object(WaitOp::Lock, right)]);
}

#[test]
fn writing_a_reader_writer_lock_has_its_own_reason() {
    let mut b = SnapshotBuilder::new();
    let table = b.rwlock("src/t.rs:1");
    let reader = b.task("src/main.rs:2", "app::read").locks(table, "src/t.rs:5").id();
    b.reads(table, reader);
    let s = b.build();
    let TaskState::Waiting(wait) = &s.tasks[0].state else { panic!("{:?}", s.tasks[0]) };
    assert_eq!(wait.reason, WaitReason::WriteLock);
    assert_eq!(s.tasks[0].holds[0].mode, HoldMode::Shared);
    assert!(matches!(s.objects[0].detail, ObjectDetail::RwLock { readers: 1, .. }));
}

#[test]
fn ancestry_follows_from_parents() {
    let mut b = SnapshotBuilder::new();
    let mut parent = b.task("src/main.rs:1", "app::f0").id();
    for depth in 1..7 {
        parent = b.task("src/main.rs:1", &format!("app::f{depth}")).parent(parent).id();
    }
    let s = b.build();
    let last = s.tasks.last().unwrap();
    let names: Vec<&str> =
        last.ancestry.iter().map(|id| s.spawns[id.0 as usize].entry.as_str()).collect();
    assert_eq!(names, ["app::f5", "app::f4", "app::f3", "app::f2"]);
}

#[test]
fn places_are_interned_with_their_columns() {
    let mut b = SnapshotBuilder::new();
    let one = b.site("C:/src/a.rs:10");
    assert_eq!(b.site("C:/src/a.rs:10:1"), one);
    assert_ne!(b.site("C:/src/a.rs:10:2"), one);
    let s = b.build();
    assert_eq!(s.sites[0], Site { file: "C:/src/a.rs".to_owned(), line: 10, column: 1 });
    assert_eq!(s.sites.len(), 2);
}

#[test]
fn the_rest_of_the_process() {
    let mut b = SnapshotBuilder::new();
    let test = b.region("a::test");
    b.task("src/main.rs:1", "app::f").region(test).label("z", "1").label("a", "2").moving();
    b.thread("main").main();
    b.taken_at(9).still().timers(2).thread_outside(7, "io");
    b.panic(TaskId(3), "src/main.rs:4", "app::g", "boom").region = Some(test);
    let s = b.build();
    assert_eq!((s.regions[0].kind, s.regions[0].closed), (RegionKind::Test, false));
    assert_eq!(s.tasks[0].labels[0].0, "a");
    assert_eq!((s.tasks[1].kind, s.tasks[1].spawn), (WaiterKind::Thread, None));
    assert_eq!((s.header.taken_ns, s.activity.timers, s.activity.threads[0].tid), (9, 2, 7));
    assert_eq!((s.activity.still, s.activity.threads_known), (true, true));
    assert_eq!(s.completeness.moving, 1);
    assert_eq!(s.panics[0].message, "boom");
}

#[test]
fn workers_and_who_is_on_them() {
    let mut b = SnapshotBuilder::new();
    let (idle, busy) = (b.worker(), b.worker());
    let cruncher = b.task("src/a.rs:1", "app::crunch").running().id();
    let parked = b.task("src/a.rs:2", "app::waits").sleeps(9, "src/a.rs:3").started_on(busy).id();
    b.held(busy, cruncher, 7);
    let s = b.build();
    assert_eq!((idle, busy), (WorkerId(0), WorkerId(1)));
    assert_eq!((s.workers[0].running, s.workers[0].held_since_ns), (None, None));
    assert_eq!((s.workers[1].running, s.workers[1].held_since_ns), (Some(cruncher), Some(7)));
    let on: Vec<_> = s.tasks.iter().map(|task| (task.id, task.worker)).collect();
    assert_eq!(on, [(cruncher, Some(busy)), (parked, Some(busy))]);
    assert_eq!(busy.to_string(), "worker 1");
}

#[test]
fn waits_on_what_is_outside_of_the_process() {
    let mut b = SnapshotBuilder::new();
    let socket = b.socket("src/net.rs:1", 7);
    let helper = b.thread("gleak-blocking").id();
    b.task("src/a.rs:1", "app::f").reads_socket(socket, "src/a.rs:2");
    b.task("src/a.rs:1", "app::f").writes_socket(socket, "src/a.rs:3");
    b.task("src/a.rs:1", "app::f").blocks(None, "src/a.rs:4");
    b.task("src/a.rs:1", "app::f").blocks(Some(helper), "src/a.rs:5");
    b.task("src/a.rs:1", "app::f").drives_future("src/a.rs:6");
    let s = b.build();
    let waits: Vec<_> = s
        .tasks
        .iter()
        .filter_map(|task| match &task.state {
            TaskState::Waiting(wait) => Some((wait.reason, wait.arms.len())),
            TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => None,
        })
        .collect();
    let expected = [
        (WaitReason::Read, 1),
        (WaitReason::Write, 1),
        (WaitReason::Blocking, 0),
        (WaitReason::Blocking, 1),
        (WaitReason::Future, 0),
    ];
    assert_eq!(waits, expected);
    assert_eq!(
        s.objects[0].detail,
        ObjectDetail::Socket { descriptor: 7, peer: None, listens: false }
    );
}

#[test]
fn stacks_are_interned() {
    let mut b = SnapshotBuilder::new();
    let app = b.module("/bin/app", 0x1000, Some("ab"));
    assert_eq!(b.module("/bin/app", 0x1000, Some("ab")), app);
    let inlined = b.frame(Some(app), 16, &[("f", "src/a.rs:1"), ("g", "")]);
    let whole = b.stack_of(&[inlined]);
    let by_name = b.stack(&[("f", "src/a.rs:1"), ("g", ""), ("f", "src/a.rs:1")]);
    let cut = b.cut_stack_of(&[inlined]);
    b.task("src/main.rs:1", "app::f").backtrace(whole).spawn_backtrace(by_name);
    b.task("src/main.rs:1", "app::f").backtrace(cut);
    let s = b.build();
    assert_eq!((s.modules.len(), s.frames.len(), s.stacks.len()), (1, 3, 3));
    assert_eq!((s.stacks[0].cut, s.stacks[2].cut), (false, true));
    let [f, g] = &s.frames[0].symbols[..] else { panic!("{:?}", s.frames[0]) };
    assert_eq!((f.function.as_str(), f.file.as_deref(), f.line), ("f", Some("src/a.rs"), Some(1)));
    assert_eq!((g.function.as_str(), g.file.as_deref(), g.line), ("g", None, None));
    let again = &s.stacks[1].frames;
    assert_eq!((again.len(), again[0]), (3, again[2]));
}

#[test]
#[should_panic(expected = "task t1 holds #1 alone but does not own it")]
fn one_side_of_a_fact_alone_is_refused() {
    let mut b = SnapshotBuilder::new();
    let lock = b.mutex("src/a.rs:1");
    let task = b.task("src/a.rs:2", "app::f").holds(lock, HoldMode::Exclusive).id();
    b.task_mut(task).sleeps(5, "src/a.rs:3");
    let _ = b.build();
}

#[test]
#[should_panic(expected = "t1 does not wait")]
fn a_time_needs_a_wait() {
    SnapshotBuilder::new().task("src/a.rs:2", "app::f").since(4);
}
