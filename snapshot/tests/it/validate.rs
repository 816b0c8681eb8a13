//! Each rule of validity, broken once.

use gleak_snapshot::{
    Arm, FrameId, Hold, HoldMode, Invalid, ModuleId, ObjectDetail, ObjectId, Record, RegionId,
    SiteId, Snapshot, SnapshotBuilder, SpawnId, StackId, TaskId, TaskState, Touched, WaitOp,
    WaitReason, WaiterKind, Worker, WorkerId,
};

const ONE: TaskId = TaskId(1);
const TWO: TaskId = TaskId(2);
const LOCK: ObjectId = ObjectId(1);
const JOBS: ObjectId = ObjectId(2);
const TABLE: ObjectId = ObjectId(3);

/// `t1` owns a mutex and reads a table, `t2` waits for the mutex.
fn base() -> Snapshot {
    let mut b = SnapshotBuilder::new();
    b.region("test");
    let (lock, jobs) = (b.mutex("src/a.rs:1"), b.channel("src/a.rs:2", None));
    let table = b.rwlock("src/a.rs:3");
    let one = b.task("src/a.rs:4", "app::one").receives(jobs, "src/a.rs:5").id();
    b.owns(lock, one, "src/a.rs:6", 1);
    b.reads(table, one);
    b.task("src/a.rs:7", "app::two").locks(lock, "src/a.rs:8");
    b.build()
}

#[track_caller]
fn check(change: impl FnOnce(&mut Snapshot), expected: &[Invalid]) {
    let mut s = base();
    change(&mut s);
    let faults = s.validate().err().unwrap_or_default();
    assert_eq!(faults, expected);
    assert!(faults.iter().all(|fault| !fault.to_string().is_empty()));
}

fn set_wait(s: &mut Snapshot, reason: WaitReason, arms: &[Arm]) {
    let TaskState::Waiting(wait) = &mut s.tasks[1].state else { panic!("t2 waits") };
    wait.reason = reason;
    wait.arms = arms.to_vec();
}

fn set_owner(s: &mut Snapshot, task: TaskId, is_alive: bool) {
    let ObjectDetail::Mutex { owner: Some(owner), .. } = &mut s.objects[0].detail else {
        panic!("the lock is owned")
    };
    owner.task = task;
    owner.alive = is_alive;
}

#[test]
fn lists_are_sorted() {
    check(|s| s.tasks.swap(0, 1), &[Invalid::Order(Record::Task(ONE))]);
    check(|s| s.objects[1].id = LOCK, &[Invalid::Order(Record::Object(LOCK))]);
    check(|s| s.regions.push(s.regions[0].clone()), &[Invalid::Order(Record::Region(RegionId(1)))]);
}

#[test]
fn what_is_named_is_there() {
    let (site, spawn, region) = (SiteId(99), SpawnId(9), RegionId(9));
    let task = Record::Task(TWO);
    check(|s| s.spawns[1].site = site, &[Invalid::NoSite { by: Record::Spawn(SpawnId(1)), site }]);
    check(|s| s.objects[1].site = site, &[Invalid::NoSite { by: Record::Object(JOBS), site }]);
    check(|s| s.tasks[1].spawn = Some(spawn), &[Invalid::NoSpawn { by: task, spawn }]);
    check(|s| s.tasks[1].ancestry.push(spawn), &[Invalid::NoSpawn { by: task, spawn }]);
    check(|s| s.tasks[1].region = Some(region), &[Invalid::NoRegion { by: task, region }]);
    check(
        |s| s.objects[1].touched = Touched::Only(region),
        &[Invalid::NoRegion { by: Record::Object(JOBS), region }],
    );
    let object = ObjectId(9);
    check(
        |s| set_wait(s, WaitReason::Receive, &[Arm::object(WaitOp::Receive, object)]),
        &[Invalid::NoObject { task: TWO, object }],
    );
    check(
        |s| s.tasks[1].holds.push(Hold { object, mode: HoldMode::Shared }),
        &[Invalid::NoObject { task: TWO, object }],
    );
}

#[test]
fn stacks_lead_to_modules() {
    let with_stack = |s: &mut Snapshot| {
        let mut b = SnapshotBuilder::new();
        let app = b.module("/bin/app", 0, None);
        let frame = b.frame(Some(app), 16, &[]);
        let stack = b.stack_of(&[frame]);
        let made = b.build();
        (s.modules, s.frames, s.stacks) = (made.modules, made.frames, made.stacks);
        (s.tasks[0].backtrace, s.tasks[1].spawn_backtrace) = (Some(stack), Some(stack));
    };
    check(with_stack, &[]);
    let (module, frame, stack) = (ModuleId(1), FrameId(1), StackId(1));
    let first = (FrameId(0), StackId(0));
    check(
        |s| {
            with_stack(s);
            s.frames[0].module = Some(module);
        },
        &[Invalid::NoModule { frame: first.0, module }],
    );
    check(
        |s| {
            with_stack(s);
            s.stacks[0].frames.push(frame);
        },
        &[Invalid::NoFrame { stack: first.1, frame }],
    );
    check(
        |s| (s.tasks[0].backtrace, s.tasks[1].spawn_backtrace) = (Some(stack), Some(stack)),
        &[Invalid::NoStack { task: ONE, stack }, Invalid::NoStack { task: TWO, stack }],
    );
}

#[test]
fn tasks_have_an_origin_and_threads_may_have_one() {
    check(|s| s.tasks[1].spawn = None, &[Invalid::Origin { task: TWO }]);
    check(|s| (s.tasks[1].kind, s.tasks[1].worker) = (WaiterKind::Thread, None), &[]);
    check(
        |s| s.tasks[1].ancestry = vec![SpawnId(0); 5],
        &[Invalid::Ancestry { task: TWO, len: 5 }],
    );
    let label = |key: &str| (key.to_owned(), String::new());
    check(|s| s.tasks[1].labels = vec![label("b"), label("a")], &[Invalid::Labels { task: TWO }]);
}

#[test]
fn arms_fit_their_target_and_reason() {
    let fault = |reason, arm| Invalid::Arm { task: TWO, reason, arm };
    for (reason, arm) in [
        (WaitReason::Send, Arm::object(WaitOp::Receive, JOBS)),
        (WaitReason::Send, Arm::object(WaitOp::Send, LOCK)),
        (WaitReason::Lock, Arm::object(WaitOp::Lock, TABLE)),
        (WaitReason::WriteLock, Arm::object(WaitOp::Lock, LOCK)),
        (WaitReason::Join, Arm::object(WaitOp::Join, JOBS)),
        (WaitReason::Select, Arm::object(WaitOp::Cancel, JOBS)),
    ] {
        check(|s| set_wait(s, reason, &[arm]), &[fault(reason, arm)]);
    }
    check(|s| set_wait(s, WaitReason::Send, &[Arm::never(WaitOp::Send)]), &[]);
    check(|s| set_wait(s, WaitReason::Join, &[Arm::task(TaskId(77))]), &[]);
}

#[test]
fn waits_have_as_many_arms_as_their_reason_says() {
    let send = Arm::object(WaitOp::Send, JOBS);
    let fault = |reason| Invalid::Wait { task: TWO, reason };
    check(|s| set_wait(s, WaitReason::Send, &[]), &[fault(WaitReason::Send)]);
    check(|s| set_wait(s, WaitReason::Send, &[send, send]), &[fault(WaitReason::Send)]);
    check(|s| set_wait(s, WaitReason::Sleep, &[]), &[fault(WaitReason::Sleep)]);
    check(|s| set_wait(s, WaitReason::Select, &[]), &[]);
    check(
        |s| {
            set_wait(s, WaitReason::Select, &[]);
            let TaskState::Waiting(wait) = &mut s.tasks[1].state else { panic!("it waits") };
            wait.wanted = Some(2);
        },
        &[fault(WaitReason::Select)],
    );
    check(|s| set_wait(s, WaitReason::Select, &[send, send]), &[]);
}

#[test]
fn owners_and_holds_agree() {
    check(|s| s.tasks[0].holds.clear(), &[Invalid::OwnerWithoutHold { object: LOCK, task: ONE }]);
    check(
        |s| set_owner(s, TaskId(9), true),
        &[
            Invalid::HoldWithoutOwner { object: LOCK, task: ONE },
            Invalid::OwnerNotListed { object: LOCK, task: TaskId(9) },
        ],
    );
    check(
        |s| set_owner(s, ONE, false),
        &[
            Invalid::HoldWithoutOwner { object: LOCK, task: ONE },
            Invalid::FinishedOwnerListed { object: LOCK, task: ONE },
        ],
    );
    check(
        |s| {
            s.objects[2].detail = ObjectDetail::RwLock {
                owner: None,
                readers: 0,
                waiting_writers: 0,
                reader: None,
                exact: true,
            }
        },
        &[Invalid::Readers { object: TABLE, said: 0, found: 1 }],
    );
    let hold = Hold { object: JOBS, mode: HoldMode::Exclusive };
    check(|s| s.tasks[1].holds.push(hold), &[Invalid::Hold { task: TWO, object: JOBS }]);
}

#[test]
fn workers_run_what_has_started_on_them() {
    let worker = WorkerId(4);
    let idle = Worker { id: worker, running: None, held_since_ns: None, sleeps: None };
    let on = |s: &mut Snapshot, running| {
        s.workers.push(Worker { running, held_since_ns: Some(3), ..idle });
    };
    check(|s| s.workers = vec![idle, idle], &[Invalid::Order(Record::Worker(worker))]);
    check(|s| on(s, None), &[Invalid::Held { worker }]);
    check(|s| on(s, Some(ONE)), &[Invalid::Running { worker, task: ONE }]);
    check(|s| on(s, Some(TaskId(9))), &[Invalid::Running { worker, task: TaskId(9) }]);
    check(|s| s.tasks[0].worker = Some(worker), &[Invalid::NoWorker { task: ONE, worker }]);
    let started = |s: &mut Snapshot| {
        s.tasks[0].worker = Some(worker);
        on(s, Some(ONE));
    };
    check(started, &[]);
    check(
        |s| {
            started(s);
            s.tasks[1].worker = Some(worker);
            s.tasks[1].state = TaskState::Fresh;
        },
        &[Invalid::NotStarted { task: TWO, worker }],
    );
    check(
        |s| {
            started(s);
            s.workers.push(Worker {
                id: WorkerId(5),
                running: Some(ONE),
                held_since_ns: None,
                sleeps: None,
            });
        },
        &[Invalid::Running { worker: WorkerId(5), task: ONE }],
    );
}

#[test]
fn what_is_not_settled_need_not_agree() {
    check(
        |s| {
            s.tasks[0].holds.clear();
            s.objects[0].unsettled = true;
            s.completeness.unsettled_objects = 1;
        },
        &[],
    );
    check(
        |s| {
            s.tasks[0].holds.clear();
            s.tasks[0].state = TaskState::Running;
        },
        &[],
    );
}

#[test]
fn what_was_not_seen_is_counted() {
    check(|s| s.tasks[0].state = TaskState::Moving, &[Invalid::MovingCount { said: 0, found: 1 }]);
    check(|s| s.objects[0].unsettled = true, &[Invalid::UnsettledCount { said: 0, found: 1 }]);
}

#[test]
fn only_a_context_is_asked_and_only_what_is_over_has_an_end() {
    check(|s| s.tasks[0].asked = Some(JOBS), &[Invalid::Asked { task: ONE, object: JOBS }]);
    let gone = ObjectId(9);
    check(|s| s.tasks[0].asked = Some(gone), &[Invalid::NoObject { task: ONE, object: gone }]);
    let mut b = SnapshotBuilder::new();
    let context = b.context("src/a.rs:1");
    b.cancelled(context, 7, ONE, "src/a.rs:2");
    let listener = b.socket("src/a.rs:3", 4);
    b.task("src/a.rs:4", "app::one").asked(context).reads_socket(listener, "src/a.rs:5");
    let s = b.build();
    let breaks = |change: fn(&mut ObjectDetail), at: usize| {
        let mut broken = s.clone();
        change(&mut broken.objects[at].detail);
        broken.validate().err().unwrap_or_default()
    };
    let revive = |detail: &mut ObjectDetail| {
        let ObjectDetail::Context { cancelled, .. } = detail else { panic!("a context") };
        *cancelled = false;
    };
    assert_eq!(breaks(revive, 0), [Invalid::Detail { object: context }]);
    let both = |detail: &mut ObjectDetail| {
        *detail = ObjectDetail::Socket { descriptor: 4, peer: Some("?".to_owned()), listens: true };
    };
    assert_eq!(breaks(both, 1), [Invalid::Detail { object: listener }]);
}

#[test]
fn pairs_of_locks_are_pairs_of_locks() {
    let with_pair = |change: fn(&mut gleak_snapshot::LockPair)| {
        move |s: &mut Snapshot| {
            let mut b = SnapshotBuilder::new();
            let (lock, table) = (b.mutex("src/a.rs:1"), b.rwlock("src/a.rs:3"));
            let witness =
                b.pair_witness(ONE, ("src/a.rs:4", "app::one"), "src/a.rs:6", "src/a.rs:9");
            b.lock_pair(lock, table, witness);
            b.task("src/a.rs:4", "app::one");
            let mut pair = b.build().lock_order.remove(0);
            change(&mut pair);
            s.lock_order.push(pair);
        }
    };
    let no_pair =
        |held, wanted| Invalid::LockPair { held: ObjectId(held), wanted: ObjectId(wanted) };
    check(with_pair(|_| {}), &[]);
    check(
        |s| {
            with_pair(|_| {})(s);
            s.lock_order.push(s.lock_order[0].clone());
        },
        &[Invalid::Order(Record::LockPair(LOCK, JOBS))],
    );
    check(with_pair(|pair| pair.wanted.object = LOCK), &[no_pair(1, 1)]);
    check(with_pair(|pair| pair.held.mode = HoldMode::Shared), &[no_pair(1, 2)]);
    check(with_pair(|pair| pair.wanted.kind = gleak_snapshot::ObjectKind::Cond), &[no_pair(1, 2)]);
    check(with_pair(|pair| pair.gates.push(LOCK)), &[no_pair(1, 2)]);
    check(with_pair(|pair| pair.witnesses.clear()), &[no_pair(1, 2)]);
    check(with_pair(|pair| pair.witnesses[0].born = 9), &[no_pair(1, 2)]);
    let by = Record::LockPair(LOCK, JOBS);
    let (site, spawn, stack) = (SiteId(99), SpawnId(9), StackId(9));
    check(with_pair(|pair| pair.wanted.site = SiteId(99)), &[Invalid::NoSite { by, site }]);
    check(
        with_pair(|pair| pair.witnesses[0].spawn = Some(SpawnId(9))),
        &[Invalid::NoSpawn { by, spawn }],
    );
    check(
        with_pair(|pair| pair.witnesses[0].region = Some(RegionId(9))),
        &[Invalid::NoRegion { by, region: RegionId(9) }],
    );
    check(
        with_pair(|pair| pair.witnesses[0].stack = Some(StackId(9))),
        &[Invalid::NoStack { task: ONE, stack }],
    );
}
