//! Damage is told and never adds certainty.

use gleak_snapshot::{
    Hold, HoldMode, Object, ObjectDetail, Owner, Snapshot, SnapshotBuilder, TaskState, Touched,
};
use proptest::prelude::*;

use crate::any::snapshots;
use crate::example::example;
use crate::{dump, marked, read};

/// What is certain of a snapshot: whole waits, settled owners, objects of one region, holds. Places
/// are left out: they may be lost and prove nothing.
fn certainties(s: &Snapshot) -> Vec<String> {
    let mut all = Vec::new();
    for task in &s.tasks {
        if let TaskState::Waiting(wait) = &task.state
            && wait.unlisted_arms == 0
        {
            all.push(format!("{} {:?} {:?} {:?}", task.id, wait.reason, wait.arms, wait.until_ns));
        }
        all.extend(task.region.map(|region| format!("{} in {region}", task.id)));
        all.extend(task.worker.map(|worker| format!("{} on {worker}", task.id)));
        all.extend(task.holds.iter().map(|hold| format!("{} holds {hold:?}", task.id)));
    }
    for object in &s.objects {
        if let Touched::Only(region) = object.touched {
            all.push(format!("{} only {region}", object.id));
        }
        if !object.unsettled {
            all.push(format!("{} {:?}", object.id, standing(object)));
        }
    }
    for worker in &s.workers {
        if let Some(task) = worker.running {
            all.push(format!("{task} on {}", worker.id));
            all.extend(worker.held_since_ns.map(|since| format!("{} since {since}", worker.id)));
            all.extend(worker.sleeps.map(|sleeps| format!("{} in {sleeps:?}", worker.id)));
        }
    }
    let misuses = s.misuses.iter();
    all.extend(misuses.map(|it| format!("{:?} by {}, {} times", it.kind, it.task, it.times)));
    if s.activity.still {
        all.push(format!("{:?}", s.activity));
    }
    all
}

fn standing(object: &Object) -> String {
    let by = |owner: &Option<Owner>| owner.map(|owner| (owner.task, owner.alive));
    match &object.detail {
        ObjectDetail::Channel { capacity, len, closed, .. } => {
            format!("channel {capacity:?} {len} {closed}")
        }
        ObjectDetail::Mutex { owner, exact } => format!("mutex {:?} {exact}", by(owner)),
        ObjectDetail::RwLock { owner, readers, exact, .. } => {
            format!("rwlock {:?} {readers} {exact}", by(owner))
        }
        ObjectDetail::Once { owner, done } => format!("once {:?} {done}", by(owner)),
        ObjectDetail::Semaphore { permits, available, .. } => {
            format!("semaphore {permits} {available}")
        }
        ObjectDetail::Context { cancelled, deadline_ns, parent, .. } => {
            format!("context {cancelled} {deadline_ns:?} {parent:?}")
        }
        ObjectDetail::Cond { mutex, unheard } => {
            let unheard = unheard.map(|it| (it.by.task, it.at_ns, it.times));
            format!("cond {mutex:?} {unheard:?}")
        }
        ObjectDetail::WaitGroup { .. }
        | ObjectDetail::Socket { .. }
        | ObjectDetail::Barrier { .. } => {
            format!("{:?}", object.detail)
        }
    }
}

/// A damaged file is an error, or equal, or marked, valid and not more certain.
fn check(damaged: &[u8], whole: &Snapshot) -> Result<(), TestCaseError> {
    let Ok(got) = read(damaged) else { return Ok(()) };
    prop_assert_eq!(got.validate(), Ok(()));
    if got == *whole {
        return Ok(());
    }
    prop_assert!(marked(&got.completeness, &whole.completeness), "{:?}", got.completeness);
    let known = certainties(whole);
    for certainty in certainties(&got) {
        prop_assert!(known.contains(&certainty), "{} is new", certainty);
    }
    Ok(())
}

/// Two tasks, each of which owns what the other waits for.
fn small() -> Snapshot {
    let mut b = SnapshotBuilder::new();
    let test = b.region("t");
    let (left, right) = (b.mutex("a.rs:1"), b.mutex("a.rs:2"));
    let one = b.task("a.rs:3", "one").region(test).locks(right, "a.rs:5").id();
    let two = b.task("a.rs:3", "one").region(test).locks(left, "a.rs:6").id();
    b.owns(left, one, "a.rs:7", 1);
    b.owns(right, two, "a.rs:8", 2);
    b.object_mut(left).touched = Touched::Only(test);
    b.still();
    b.build()
}

/// Changes each byte in turn.
fn check_each_byte(whole: &Snapshot, changes: impl Fn(usize, u8) -> Vec<u8>) {
    let mut bytes = dump(whole);
    for at in 0..bytes.len() {
        let kept = bytes[at];
        for byte in changes(at, kept) {
            bytes[at] = byte;
            check(&bytes, whole).unwrap_or_else(|error| panic!("byte {at} = {byte}: {error}"));
        }
        bytes[at] = kept;
    }
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    check_each_byte(&small(), |_, byte| (0..8).map(|bit| byte ^ (1 << bit)).collect());
}

#[test]
fn no_byte_that_ends_a_line_or_a_value_goes_unnoticed() {
    check_each_byte(&small(), |_, _| b"\n \"}{,0".to_vec());
}

#[test]
fn no_damaged_byte_of_the_example_goes_unnoticed() {
    check_each_byte(&example(), |at, byte| vec![byte ^ (1 << (at % 8))]);
}

#[test]
fn no_lost_or_doubled_line_goes_unnoticed() {
    let whole = example();
    let text = String::from_utf8(dump(&whole)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for at in 1..lines.len() {
        let mut lost = lines.clone();
        lost.remove(at);
        let got = read(lost.join("\n").as_bytes()).unwrap();
        assert!(marked(&got.completeness, &whole.completeness), "lost {}", lines[at]);
        check(lost.join("\n").as_bytes(), &whole).unwrap();

        let mut doubled = lines.clone();
        doubled.insert(at, lines[at]);
        let mut got = read(doubled.join("\n").as_bytes()).unwrap();
        assert_eq!(got.completeness.damaged_lines, 1, "doubled {}", lines[at]);
        got.completeness.damaged_lines = 0;
        assert_eq!(got, whole, "doubled {}", lines[at]);
    }
}

#[test]
fn a_lost_object_leaves_an_unlisted_arm_and_no_hold() {
    let whole = example();
    let text = String::from_utf8(dump(&whole)).unwrap();
    let lost = text.replacen("{\"k\":\"object\",\"id\":3,", "{\"k\":\"object\",\"id\":80,", 1);
    let got = read(lost.as_bytes()).unwrap();
    assert_eq!(got.completeness.damaged_lines, 1);
    assert_eq!(got.objects.len(), whole.objects.len() - 1);
    let mutex = gleak_snapshot::ObjectId(3);
    let hold = Hold { object: mutex, mode: HoldMode::Exclusive };
    for (task, before) in got.tasks.iter().zip(&whole.tasks) {
        assert!(!task.holds.contains(&hold));
        let (TaskState::Waiting(wait), TaskState::Waiting(was)) = (&task.state, &before.state)
        else {
            continue;
        };
        let lost = was.arms.iter().filter(|arm| arm.on == gleak_snapshot::Target::Object(mutex));
        assert_eq!(wait.unlisted_arms, was.unlisted_arms + lost.count() as u32);
    }
}

#[test]
fn a_lost_worker_takes_the_tasks_off_it_and_a_lost_task_leaves_its_worker_alone() {
    let whole = example();
    let text = String::from_utf8(dump(&whole)).unwrap();
    let busy = whole.workers[1];
    let got = read(text.replacen("{\"k\":\"worker\",\"id\":1,", "{", 1).as_bytes()).unwrap();
    assert_eq!((got.completeness.damaged_lines, got.workers.len()), (1, 1));
    assert!(got.tasks.iter().all(|task| task.worker != Some(busy.id)));

    let cruncher = format!("{{\"k\":\"task\",\"id\":{},", busy.running.unwrap().0);
    let got = read(text.replacen(&cruncher, "{", 1).as_bytes()).unwrap();
    assert_eq!((got.completeness.damaged_lines, got.workers.len()), (1, 2));
    assert_eq!((got.workers[1].running, got.workers[1].held_since_ns), (None, None));
}

#[test]
fn a_lost_module_or_frame_leaves_a_placeholder_and_a_lost_stack_nothing() {
    let whole = example();
    let text = String::from_utf8(dump(&whole)).unwrap();
    let without = |kind: &str, id: u32| {
        let line = format!("{{\"k\":\"{kind}\",\"id\":{id},");
        let got = read(text.replacen(&line, "{", 1).as_bytes()).unwrap();
        assert_eq!((got.validate(), got.completeness.damaged_lines), (Ok(()), 1));
        got
    };
    let got = without("module", 0);
    let of = got.frames[0].module.unwrap();
    assert_eq!((got.modules[of.0 as usize].path.as_str(), got.modules.len()), ("<lost>", 2));
    assert_eq!(got.frames[0].symbols, whole.frames[0].symbols);

    let got = without("frame", 0);
    let first = |index: usize| &got.frames[got.stacks[index].frames[0].0 as usize];
    assert_eq!(first(0).symbols[0].function, "<lost>");
    assert_eq!((first(0), got.frames.len()), (first(2), whole.frames.len()));

    let got = without("stack", 0);
    let (task, before) = (&got.tasks[1], &whole.tasks[1]);
    assert!(before.backtrace.is_some() && task.backtrace.is_none());
    assert_eq!(got.completeness.lost_stacks, whole.completeness.lost_stacks + 1);
    let frames = |s: &Snapshot, task: &gleak_snapshot::Task| {
        s.stacks[task.spawn_backtrace.unwrap().0 as usize].frames.clone()
    };
    assert_eq!(frames(&got, task), frames(&whole, before));
}

#[test]
fn a_damaged_header_loses_only_itself() {
    let whole = example();
    let text = String::from_utf8(dump(&whole)).unwrap();
    let got = read(text.replacen("pool_test", "pool_tesT", 1).as_bytes()).unwrap();
    assert_eq!(got.header.program, "<lost>");
    assert_eq!((got.completeness.damaged_lines, got.completeness.cut), (1, false));
    assert_eq!((got.tasks, got.objects), (whole.tasks, whole.objects));
}

proptest! {
    #[test]
    fn any_damage_to_any_dump_is_told(
        snapshot in snapshots(),
        at: proptest::sample::Index,
        byte: u8,
    ) {
        let mut bytes = dump(&snapshot);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        check(&bytes, &snapshot)?;
    }

    #[test]
    fn any_lost_lines_are_told(
        snapshot in snapshots(),
        lost in proptest::collection::vec(any::<proptest::sample::Index>(), 1..4),
    ) {
        let text = String::from_utf8(dump(&snapshot)).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        for line in lost {
            if lines.len() > 1 {
                lines.remove(1 + line.index(lines.len() - 1));
            }
        }
        check(lines.join("\n").as_bytes(), &snapshot)?;
    }

    #[test]
    fn lines_may_come_in_any_order(snapshot in snapshots(), seed: u64) {
        let mut snapshot = snapshot;
        // Only panics and misuses have no order of their own.
        snapshot.panics.truncate(1);
        snapshot.misuses.truncate(1);
        let text = String::from_utf8(dump(&snapshot)).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        let last = lines.len() - 1;
        // A rotation by any number moves every line.
        let between = &mut lines[1..last];
        if !between.is_empty() {
            between.rotate_left((seed % between.len() as u64) as usize);
        }
        prop_assert_eq!(read(lines.join("\n").as_bytes()).unwrap(), snapshot);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
        let mut behind_header = b"{\"gleak\":1,\"k\":\"header\",\"reason\":\"request\",\"taken_ns\":0}\n".to_vec();
        behind_header.extend(bytes);
        prop_assert_eq!(read(&behind_header).unwrap().validate(), Ok(()));
    }
}
