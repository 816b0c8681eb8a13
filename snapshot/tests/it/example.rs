//! One snapshot in which every kind of record, object and wait occurs: what the golden file and the
//! description of the format are checked against.

use gleak_snapshot::{
    Arm, Counters, Coverage, Endpoint, HoldMode, Joined, KernelSleep, LastUse, Misuse,
    MisusedObject, ObjectDetail, ObjectId, ObjectKind, Reason, RegionId, RegionKind, Registers,
    Snapshot, SnapshotBuilder, Symbol, Target, TaskId, TaskState, Touched, WaitOp, WaitReason,
};

pub(crate) fn example() -> Snapshot {
    let mut b = SnapshotBuilder::new();
    header(&mut b);
    let test = b.region("pool::drains");
    let guard = b.region("startup");
    b.region_mut(guard).kind = RegionKind::Guard;
    b.region_mut(guard).closed = true;
    let run = b.region("main");
    b.region_mut(run).kind = RegionKind::Run;

    let jobs = b.channel("src/pool.rs:12:20", Some(2));
    let results = b.channel("src/pool.rs:13:20", None);
    let state = b.mutex("src/state.rs:7:5");
    let table = b.rwlock("src/table.rs:4:5");
    let group = b.wait_group("src/pool.rs:20:9", 2);
    let stop = b.context("src/main.rs:3:16");
    let forgotten = b.mutex("src/state.rs:8:5");
    name_objects(&mut b, jobs, stop, test);

    let main = b.task("src/main.rs:5:5", "app::main").main().region(run).id();
    b.task_mut(main).waits_group(group, "src/main.rs:30:9").since(1_000_000);
    let worker = b.task("src/pool.rs:41:17", "app::pool::Pool::start::{{closure}}").id();
    let entry = b.task_mut(worker).region(test).parent(main).name("worker-1");
    entry.label("queue", "jobs").label("host", "a").receives(jobs, "src/pool.rs:58:24").since(9);
    let registers = Registers { ip: 0x5555_0000_1234, sp: u64::MAX, bp: 0 };
    b.task_mut(worker).registers(registers).stack(262_144, 8_192);
    let spawn = |b: &mut SnapshotBuilder| {
        b.task("src/pool.rs:41:17", "app::pool::Pool::start::{{closure}}").parent(worker).id()
    };
    let writer = spawn(&mut b);
    b.task_mut(writer).locks(table, "src/table.rs:20:9").since(70);
    b.owns(state, writer, "src/state.rs:31:13", 60);
    let reader = spawn(&mut b);
    b.task_mut(reader).locks(state, "src/state.rs:31:13").until(90_000_000);
    b.reads(table, reader);
    let id = spawn(&mut b);
    b.task_mut(id).read_locks(table, "src/table.rs:25:9");
    let id = spawn(&mut b);
    b.task_mut(id).sends(results, "src/pool.rs:66:13").unlisted(0);
    let id = spawn(&mut b);
    b.task_mut(id).waits_context(stop, "src/pool.rs:70:13");
    let id = spawn(&mut b);
    b.task_mut(id).joins(worker, "src/pool.rs:72:13");
    let id = spawn(&mut b);
    b.task_mut(id).sleeps(80_000_000, "src/pool.rs:75:13");
    let id = spawn(&mut b);
    let arms = [Arm::object(WaitOp::Receive, jobs), Arm::never(WaitOp::Send)];
    b.task_mut(id).select(&arms, "src/pool.rs:80:13").unlisted(3);
    let id = spawn(&mut b);
    b.task_mut(id).fresh();
    let cruncher = spawn(&mut b);
    b.task_mut(cruncher).running();
    let id = spawn(&mut b);
    b.task_mut(id).moving();
    spawn(&mut b);
    stacks(&mut b, worker, writer);
    outside(&mut b);
    primitives(&mut b, state);
    b.thread("tests").waits(WaitReason::Host, &[Arm::task(main)], "src/main.rs:5:5");

    workers(&mut b, main, worker, cruncher);
    b.owned_by_finished(forgotten, TaskId(99), "src/state.rs:50:13", 5);
    b.object_mut(forgotten).unsettled = true;
    b.still().timers(2).thread_outside(4242, "metrics");
    b.activity_mut().queued = 1;
    lock_order(&mut b, test, [state, table, forgotten]);
    panics(&mut b, test);
    misuses(&mut b, group, test);
    b.build()
}

fn header(b: &mut SnapshotBuilder) {
    b.taken_at(81_000_311);
    let header = b.header_mut();
    header.program = "pool_test".to_owned();
    header.pid = 4711;
    header.reason = Reason::Region;
    header.wall_s = 1_767_225_600;
    header.counters = Counters { spawned: 20, finished: 6 };
    b.completeness_mut().dropped_panics = 1;
    b.completeness_mut().dropped_misuses = 3;
    b.completeness_mut().lost_stacks = 2;
}

fn workers(b: &mut SnapshotBuilder, main: TaskId, other: TaskId, cruncher: TaskId) {
    let (idle, busy) = (b.worker(), b.worker());
    b.task_mut(main).started_on(idle);
    b.task_mut(other).started_on(busy);
    b.held(busy, cruncher, 51_000_311);
    b.sleeps_in_kernel(busy, KernelSleep::Futex);
}

/// A stack with something inlined in it, that of its spawner, and one that could not be read on.
fn stacks(b: &mut SnapshotBuilder, whole: TaskId, cut: TaskId) {
    let app = b.module("/usr/bin/pool_test", 0x5555_0000_0000, Some("00ff5e1a"));
    let libc = b.module("/usr/lib/libc.so.6", 0x7f00_0000_0000, None);
    let names = [("app::pool::Pool::take", "src/pool.rs:58"), ("app::pool::run", "src/pool.rs:50")];
    let inlined = b.frame(Some(app), 0x1234, &names);
    let entry = b.frame(Some(app), 0x1300, &[("app::pool::Pool::start::{{closure}}", "")]);
    let stack = b.stack_of(&[inlined, entry]);
    let spawner = b.stack(&[("app::pool::Pool::start", "src/pool.rs:41"), ("app::main", "")]);
    b.task_mut(whole).backtrace(stack).spawn_backtrace(spawner);
    let (unnamed, nowhere) = (b.frame(Some(libc), 0x29_d90, &[]), b.frame(None, u64::MAX, &[]));
    let stack = b.cut_stack_of(&[inlined, unnamed, nowhere]);
    b.task_mut(cut).backtrace(stack);
}

/// Waits that end by what is in no record.
fn outside(b: &mut SnapshotBuilder) {
    let socket = b.socket("src/net.rs:11:20", 9);
    let peer = Some("10.0.0.7:443".to_owned());
    b.object_mut(socket).detail = ObjectDetail::Socket { descriptor: 9, peer, listens: false };
    let listener = b.socket("src/net.rs:10:20", 8);
    b.object_mut(listener).detail =
        ObjectDetail::Socket { descriptor: 8, peer: None, listens: true };
    let request = b.context("src/net.rs:9:20");
    b.cancelled(request, 30_000_000, TaskId(2), "src/net.rs:25:9");
    let entry = "app::net::serve";
    b.task("src/net.rs:15:5", entry).asked(request).reads_socket(socket, "src/net.rs:18:9");
    b.task("src/net.rs:15:5", entry).writes_socket(socket, "src/net.rs:19:9");
    b.task("src/net.rs:15:5", entry).blocks(None, "src/net.rs:20:9");
    b.task("src/net.rs:15:5", entry).drives_future("src/net.rs:21:9");
}

/// Each of the primitives besides channels, locks and groups.
fn primitives(b: &mut SnapshotBuilder, state: ObjectId) {
    let (cond, once) = (b.cond("src/state.rs:9:5", state), b.once("src/table.rs:5:5"));
    let (limit, round) = (b.semaphore("src/net.rs:12:5", 8), b.barrier("src/pool.rs:14:5", 3));
    let group = b.wait_group("src/pool.rs:21:9", 1);
    let entry = "app::pool::step";
    b.unheard(cond, TaskId(16), "src/state.rs:44:9", 38);
    let first = b.task("src/pool.rs:95:9", entry).waits_cond(cond, "src/state.rs:40:9").id();
    b.owns(once, first, "src/table.rs:6:9", 40);
    b.task("src/pool.rs:95:9", entry).waits_once(once, "src/table.rs:6:9");
    b.task("src/pool.rs:95:9", entry).acquires(limit, 3, "src/net.rs:16:9");
    b.task("src/pool.rs:95:9", entry).waits_barrier(round, "src/pool.rs:99:9");
    let taken = Some(LastUse { task: first, site: b.site("src/net.rs:16:9") });
    b.object_mut(limit).detail = ObjectDetail::Semaphore { permits: 8, available: 2, taken };
    b.object_mut(round).detail = ObjectDetail::Barrier { size: 3, arrived: 1 };
    b.object_mut(group).detail = ObjectDetail::WaitGroup { count: 1, tokens: 1, loose: false };
}

fn name_objects(b: &mut SnapshotBuilder, jobs: ObjectId, stop: ObjectId, test: RegionId) {
    let site = b.site("src/pool.rs:58:24");
    let jobs = b.object_mut(jobs);
    jobs.name = Some("jobs".to_owned());
    jobs.touched = Touched::Only(test);
    if let ObjectDetail::Channel { sender, receiver, .. } = &mut jobs.detail {
        *sender = Endpoint { handles: Some(1), last: None };
        *receiver = Endpoint { handles: None, last: Some(LastUse { task: TaskId(2), site }) };
    }
    b.object_mut(stop).detail = ObjectDetail::Context {
        cancelled: false,
        cancelled_ns: None,
        by: None,
        deadline_ns: Some(95_000_000),
        parent: None,
    };
}

/// A pair under a gate, which two tasks took; one of them has been joined.
fn lock_order(b: &mut SnapshotBuilder, test: RegionId, [held, wanted, gate]: [ObjectId; 3]) {
    let spawn = ("src/pool.rs:41:17", "app::pool::Pool::start::{{closure}}");
    let other = b.pair_witness(TaskId(18), spawn, "src/state.rs:31:13", "src/table.rs:25:9");
    let mut witness = b.pair_witness(TaskId(3), spawn, "src/state.rs:31:13", "src/table.rs:20:9");
    let stack = b.stack(&[("app::table::look", "src/table.rs:20")]);
    witness.name = Some("writer".to_owned());
    witness.parents = vec![TaskId(2), TaskId(1)];
    witness.region = Some(test);
    witness.stack = Some(stack);
    (witness.born, witness.last) = (1, 7);
    witness.joined = Some(Joined { by: TaskId(2), at: 8 });
    let pair = b.lock_pair(held, wanted, witness);
    pair.wanted.name = Some("table".to_owned());
    pair.wanted.mode = HoldMode::Shared;
    pair.timed = true;
    pair.gates = vec![gate];
    pair.witnesses.push(other);
    b.completeness_mut().dropped_pairs = 3;
    b.completeness_mut().unsettled_uncharged = true;
    let coverage = Coverage { wrapped: 20, hooked: 2, counted: Some(1) };
    b.completeness_mut().coverage = Some(coverage);
    b.region_mut(test).unsettled = true;
}

fn panics(b: &mut SnapshotBuilder, test: RegionId) {
    let site = b.site("src/pool.rs:90:9");
    let fact = b.panic(TaskId(17), "src/pool.rs:44:17", "app::pool::retry", "no \"jobs\"\nleft 🦀");
    fact.name = Some("retry".to_owned());
    fact.region = Some(test);
    fact.site = Some(site);
    fact.stack = vec![
        Symbol {
            function: "app::pool::retry".to_owned(),
            file: Some("src/pool.rs".to_owned()),
            line: Some(90),
        },
        Symbol { function: "start".to_owned(), file: None, line: None },
    ];
}

/// One of each kind; the objects of two have gone.
fn misuses(b: &mut SnapshotBuilder, group: ObjectId, test: RegionId) {
    let (add, wait) = (b.site("src/pool.rs:70:9"), b.site("src/pool.rs:71:9"));
    let reused = Some(b.misused(group));
    let fact = b.misuse(Misuse::GroupReused, TaskId(17), "src/pool.rs:44:17", "app::pool::retry");
    (fact.name, fact.region) = (Some("retry".to_owned()), Some(test));
    (fact.object, fact.site) = (reused, Some(add));
    (fact.other, fact.times) = (Some(LastUse { task: TaskId(1), site: wait }), 4);
    let fact = b.misuse(Misuse::StrangerUnlock, TaskId(18), "src/pool.rs:44:17", "app::put_back");
    fact.object = Some(MisusedObject {
        id: ObjectId(99),
        kind: ObjectKind::Mutex,
        site: add,
        name: Some("cache".to_owned()),
    });
    fact.other = Some(LastUse { task: TaskId(17), site: wait });
    let fact = b.misuse(Misuse::UnseenError, TaskId(19), "src/pool.rs:45:17", "app::fetch");
    fact.site = Some(add);
}

#[test]
fn the_example_has_every_kind_of_target() {
    let targets: Vec<Target> = example()
        .tasks
        .iter()
        .filter_map(|task| match &task.state {
            TaskState::Waiting(wait) => Some(wait.arms.clone()),
            TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => None,
        })
        .flatten()
        .map(|arm| arm.on)
        .collect();
    assert!(targets.iter().any(|on| matches!(on, Target::Object(_))));
    assert!(targets.iter().any(|on| matches!(on, Target::Task(_))));
    assert!(targets.iter().any(|on| matches!(on, Target::Never)));
}
