//! The liveness fixpoint against a naive simulation, and its growth.

use std::collections::BTreeSet;

use gleak_detector::render::json;
use gleak_detector::snapshot::{
    Arm, ObjectDetail, ObjectId, SiteId, Snapshot, SnapshotBuilder, Target, TaskId, TaskState,
    WaitOp, WaitReason,
};
use proptest::prelude::*;

use crate::support::{never_again, process};

/// One arm: which operation, on which object or task.
type Choice = (u8, u8);

/// Tasks with the arms of their select (none: running), owners of mutexes, readers of locks.
#[derive(Clone, Debug)]
struct Plan {
    tasks: Vec<(u8, Vec<Choice>)>,
    owners: Vec<Option<u8>>,
    readers: Vec<Vec<u8>>,
}

const MUTEXES: usize = 3;
const LOCKS: usize = 2;

fn plans() -> impl Strategy<Value = Plan> {
    let arm = (0_u8..5, 0_u8..8);
    let task = (0_u8..12, prop::collection::vec(arm, 0..3));
    (
        prop::collection::vec(task, 1..8),
        prop::collection::vec(prop::option::of(0_u8..8), MUTEXES),
        prop::collection::vec(prop::collection::vec(0_u8..8, 0..3), LOCKS),
    )
        .prop_map(|(tasks, owners, readers)| Plan { tasks, owners, readers })
}

fn build(plan: &Plan) -> Snapshot {
    let mut b = SnapshotBuilder::new();
    let mutexes: Vec<ObjectId> = (0..MUTEXES).map(|_| b.mutex("src/m.rs:1")).collect();
    let locks: Vec<ObjectId> = (0..LOCKS).map(|_| b.rwlock("src/l.rs:1")).collect();
    let channel = b.channel("src/c.rs:1", None);
    let count = plan.tasks.len();
    let id = |number: u8| TaskId(u64::from(number) % count as u64 + 1);
    for (state, arms) in &plan.tasks {
        let task = b.task("src/t.rs:1", "app::task");
        let joined: Vec<Arm> = arms.iter().map(|&(_, on)| Arm::task(id(on))).collect();
        let arms: Vec<Arm> = arms
            .iter()
            .map(|&(op, on)| match op {
                0 => Arm::task(id(on)),
                1 => Arm::object(WaitOp::Lock, mutexes[usize::from(on) % MUTEXES]),
                2 => Arm::object(WaitOp::Lock, locks[usize::from(on) % LOCKS]),
                3 => Arm::object(WaitOp::ReadLock, locks[usize::from(on) % LOCKS]),
                _ if on == 0 => Arm::object(WaitOp::Receive, channel),
                _ => Arm::never(WaitOp::Receive),
            })
            .collect();
        let _ = match state {
            // All that it names, not one of them.
            2 | 3 if !joined.is_empty() => task.waits(WaitReason::Join, &joined, "src/t.rs:3").id(),
            0 => task.running().id(),
            1 => task.select(&arms, "src/t.rs:2").until(9).id(),
            _ => task.select(&arms, "src/t.rs:2").id(),
        };
    }
    for (mutex, owner) in mutexes.iter().zip(&plan.owners) {
        if let Some(owner) = owner {
            b.owns(*mutex, id(*owner), "src/o.rs:1", 0);
        }
    }
    for (lock, readers) in locks.iter().zip(&plan.readers) {
        for reader in readers {
            b.reads(*lock, id(*reader));
        }
    }
    b.build()
}

/// Lets tasks go on one by one, round after round, straight from the definition.
fn simulate(snapshot: &Snapshot) -> Vec<u64> {
    let mut live: BTreeSet<TaskId> = BTreeSet::new();
    loop {
        let before = live.len();
        for task in &snapshot.tasks {
            let goes_on = match &task.state {
                TaskState::Waiting(wait) => {
                    let mut arms = wait.arms.iter().map(|arm| ready(snapshot, &live, *arm));
                    let needs_all = wait.reason == WaitReason::Join;
                    let ready =
                        if needs_all { arms.all(|ready| ready) } else { arms.any(|ready| ready) };
                    wait.until_ns.is_some() || ready
                }
                TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => {
                    true
                }
            };
            if goes_on {
                live.insert(task.id);
            }
        }
        if live.len() == before {
            let stuck = snapshot.tasks.iter().filter(|task| !live.contains(&task.id));
            return stuck.map(|task| task.id.0).collect();
        }
    }
}

fn ready(snapshot: &Snapshot, live: &BTreeSet<TaskId>, arm: Arm) -> bool {
    let object = match arm.on {
        Target::Never => return false,
        Target::Task(task) => return live.contains(&task),
        Target::Object(id) => {
            snapshot.objects.iter().find(|object| object.id == id).expect("valid")
        }
    };
    match &object.detail {
        ObjectDetail::Mutex { owner, .. } | ObjectDetail::Once { owner, .. } => {
            owner.is_none_or(|owner| live.contains(&owner.task))
        }
        ObjectDetail::RwLock { readers: 0, .. } => true,
        ObjectDetail::RwLock { .. } if arm.op == WaitOp::ReadLock => {
            let writes = |it: &Arm| it.is(WaitOp::Lock, arm.on);
            let writers: Vec<TaskId> = snapshot
                .tasks
                .iter()
                .filter(|task| match &task.state {
                    TaskState::Waiting(wait) => wait.arms.iter().any(writes),
                    TaskState::Fresh
                    | TaskState::Runnable
                    | TaskState::Running
                    | TaskState::Moving => false,
                })
                .map(|task| task.id)
                .collect();
            writers.is_empty() || writers.iter().any(|writer| live.contains(writer))
        }
        ObjectDetail::RwLock { .. } => snapshot
            .tasks
            .iter()
            .filter(|task| task.holds.iter().any(|hold| hold.object == object.id))
            .all(|task| live.contains(&task.id)),
        ObjectDetail::Channel { .. }
        | ObjectDetail::WaitGroup { .. }
        | ObjectDetail::Context { .. }
        | ObjectDetail::Socket { .. }
        | ObjectDetail::Cond { .. }
        | ObjectDetail::Semaphore { .. }
        | ObjectDetail::Barrier { .. } => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn stuck_is_what_a_simulation_leaves(plan in plans()) {
        let snapshot = build(&plan);
        prop_assert_eq!(never_again(&process(&snapshot)), simulate(&snapshot));
    }

    #[test]
    fn what_goes_on_takes_nobody_else_down(plan in plans(), choice in any::<prop::sample::Index>()) {
        let mut snapshot = build(&plan);
        let stuck = never_again(&process(&snapshot));
        prop_assume!(!stuck.is_empty());
        let freed = stuck[choice.index(stuck.len())];
        let task = snapshot.tasks.iter_mut().find(|task| task.id.0 == freed).expect("it is one");
        task.state = TaskState::Runnable;
        let left = never_again(&process(&snapshot));
        prop_assert!(left.iter().all(|task| stuck.contains(task) && *task != freed), "{left:?} of {stuck:?}");
    }

    #[test]
    fn a_stranger_changes_nobodys_finding(plan in plans(), kind in 0_u8..4) {
        let mut snapshot = build(&plan);
        let before = process(&snapshot).findings;
        let mut other = SnapshotBuilder::new();
        let task = other.task("src/z.rs:1", "app::stranger");
        let _ = match kind {
            0 => task.running().id(),
            1 => task.fresh().id(),
            2 => task.sleeps(9, "src/z.rs:2").id(),
            _ => task.runnable().id(),
        };
        let mut stranger = other.build().tasks.remove(0);
        stranger.id = TaskId(1_000);
        stranger.spawn = snapshot.tasks[0].spawn;
        if let TaskState::Waiting(wait) = &mut stranger.state {
            wait.site = SiteId(0);
        }
        snapshot.tasks.push(stranger);
        prop_assert_eq!(process(&snapshot).findings, before);
    }

    #[test]
    fn the_order_of_the_tables_does_not_matter(plan in plans(), by in any::<u64>()) {
        let snapshot = build(&plan);
        let mut other = snapshot.clone();
        let turn = |length: usize| usize::try_from(by % length.max(1) as u64).expect("small");
        let (tasks, objects) = (turn(other.tasks.len()), turn(other.objects.len()));
        other.tasks.rotate_left(tasks);
        other.objects.rotate_left(objects);
        other.objects.reverse();
        prop_assert_eq!(json(&process(&snapshot)), json(&process(&other)));
    }
}

/// A hundred thousand tasks behind one that waits for itself, and as many behind one lock with
/// many readers and writers: recursion would end the stack, squares would not end.
#[test]
fn big_graphs() {
    const TASKS: u64 = 100_000;
    let mut b = SnapshotBuilder::new();
    let lock = b.rwlock("src/l.rs:1");
    for task in 1..=TASKS {
        let editor = b.task("src/t.rs:1", "app::task");
        // A chain of joins to the first task, which joins itself.
        let _ = editor.joins(TaskId((task - 1).max(1)), "src/t.rs:2").id();
    }
    for reader in 0..TASKS / 4 {
        let task = b.task("src/t.rs:3", "app::read").joins(TaskId(1), "src/t.rs:4").id();
        b.reads(lock, task);
        let _ = b.task("src/t.rs:5", "app::write").locks(lock, "src/t.rs:6").since(reader).id();
        let _ = b.task("src/t.rs:7", "app::late").read_locks(lock, "src/t.rs:8").id();
    }
    let report = process(&b.build());
    assert_eq!(report.findings.len(), 1);
    let dependents: usize =
        report.findings[0].dependents.iter().map(|group| group.members.len()).sum();
    let all = TASKS as usize + TASKS as usize / 4 * 3;
    assert_eq!((report.findings[0].tasks(), dependents), (1, all - 1));
    assert_eq!(report.totals.stuck as usize, all);

    // One ring of all.
    let mut b = SnapshotBuilder::new();
    for task in 1..=TASKS {
        let _ =
            b.task("src/t.rs:1", "app::task").joins(TaskId(task % TASKS + 1), "src/t.rs:2").id();
    }
    let report = process(&b.build());
    assert_eq!((report.findings.len(), report.findings[0].chain.len()), (1, TASKS as usize));
}
