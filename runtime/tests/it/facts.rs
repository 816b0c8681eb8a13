//! What a snapshot says of a running program.

use std::collections::BTreeSet;
use std::sync::Arc;

use gleak_runtime::report::snapshot::{
    Arm, HoldMode, ObjectDetail, Snapshot, Target, TaskState, Touched, WaitOp, WaitReason,
    WaiterKind, read_dump, write_dump,
};
use gleak_runtime::{
    Builder, Chan, Context, Mutex, Region, RegionKind, RwLock, WaitGroup, dump, go, report, select,
    spawn, yield_now,
};

use crate::support::{named, parked, unique, until};

/// The only arm's object, as the snapshot has it.
fn object_of<'a>(
    snapshot: &'a Snapshot,
    arms: &[Arm],
) -> &'a gleak_runtime::report::snapshot::Object {
    let [Arm { on: Target::Object(id), .. }] = arms else { panic!("one object: {arms:?}") };
    snapshot.objects.iter().find(|object| object.id == *id).expect("in the snapshot")
}

#[test]
fn a_wait_names_reason_object_sites_and_registers() {
    let chan = Chan::<u32>::new(3).named("jobs");
    let name = unique("receives");
    let waits = chan.clone();
    let spawned = line!() + 1;
    let task = Builder::new().name(&name).label("tenant", "42").spawn(move || waits.recv());
    let (snapshot, task_facts, wait) = parked(&name);
    assert_eq!(wait.reason, WaitReason::Receive);
    assert_eq!(wait.arms[0].op, WaitOp::Receive);
    assert_eq!((wait.unlisted_arms, wait.until_ns), (0, None));
    let site = &snapshot.sites[wait.site.0 as usize];
    assert_eq!((site.file.as_str(), site.line), (file!(), spawned), "spawned and blocked there");
    let spawn = &snapshot.spawns[task_facts.spawn.unwrap().0 as usize];
    assert_eq!(snapshot.sites[spawn.site.0 as usize].line, spawned);
    assert!(spawn.entry.contains("a_wait_names_reason"), "{}", spawn.entry);
    assert_eq!(task_facts.labels, [("tenant".to_owned(), "42".to_owned())]);
    let registers = wait.registers.expect("a parked stack");
    assert!(registers.ip != 0 && registers.sp != 0);
    let object = object_of(&snapshot, &wait.arms);
    assert_eq!(object.name.as_deref(), Some("jobs"));
    assert!(matches!(object.detail, ObjectDetail::Channel { capacity: Some(3), len: 0, .. }));
    assert_eq!(snapshot.validate(), Ok(()));
    chan.close();
    task.unwrap().join().unwrap();
    assert!(named(&name).is_none(), "a finished task is not in a snapshot");
}

#[test]
fn a_lock_names_its_owner_and_where_it_was_taken() {
    let mutex = Arc::new(Mutex::new(()));
    let (holder, waiter) = (unique("holder"), unique("waiter"));
    let leave = Chan::<()>::new(0);
    let (m, l) = (mutex.clone(), leave.clone());
    let taken = line!() + 2;
    let holds = Builder::new().name(&holder).spawn(move || {
        let _guard = m.lock().unwrap();
        l.recv();
    });
    parked(&holder);
    let m = mutex.clone();
    let waits = Builder::new().name(&waiter).spawn(move || drop(m.lock().unwrap()));
    let (snapshot, _, wait) = parked(&waiter);
    let object = object_of(&snapshot, &wait.arms);
    let ObjectDetail::Mutex { owner: Some(owner), exact: true } = &object.detail else {
        panic!("an owner: {object:?}")
    };
    let (_, holder_facts) = named(&holder).unwrap();
    assert_eq!(owner.task, holder_facts.id);
    assert!(owner.alive);
    assert_eq!(snapshot.sites[owner.site.0 as usize].line, taken);
    assert_eq!(holder_facts.holds.len(), 1);
    assert_eq!(holder_facts.holds[0].mode, HoldMode::Exclusive);
    leave.close();
    holds.unwrap().join().unwrap();
    waits.unwrap().join().unwrap();
}

#[test]
fn readers_are_found_with_what_they_hold_even_many() {
    let locks: Vec<_> = (0..7).map(|_| RwLock::new(())).collect();
    let name = unique("reads-seven");
    let leave = Chan::<()>::new(0);
    let waits = leave.clone();
    let task = Builder::new().name(&name).spawn(move || {
        let guards: Vec<_> = locks.iter().map(|lock| lock.read().unwrap()).collect();
        waits.recv();
        drop(guards);
    });
    let (snapshot, facts, _) = parked(&name);
    assert_eq!(facts.holds.len(), 7);
    for hold in &facts.holds {
        assert_eq!(hold.mode, HoldMode::Shared);
        let object = snapshot.objects.iter().find(|object| object.id == hold.object).unwrap();
        assert!(matches!(object.detail, ObjectDetail::RwLock { readers: 1, owner: None, .. }));
    }
    leave.close();
    task.unwrap().join().unwrap();
}

#[test]
fn a_finished_owner_is_told_apart() {
    let mutex = Arc::new(Mutex::new(()));
    let m = mutex.clone();
    spawn(move || std::mem::forget(m.lock().unwrap())).join().unwrap();
    let name = unique("waits-for-the-dead");
    let m = mutex.clone();
    drop(Builder::new().name(&name).spawn(move || drop(m.lock().unwrap())));
    until(|| {
        let (snapshot, _, wait) = parked(&name);
        let object = object_of(&snapshot, &wait.arms);
        matches!(&object.detail, ObjectDetail::Mutex { owner: Some(owner), .. } if !owner.alive)
    });
}

#[test]
fn a_select_lists_its_arms_and_its_timer() {
    let (a, b) = (Chan::<u32>::new(0), Chan::<u32>::new(0));
    let (ctx, _cancel) = Context::background().with_timeout(std::time::Duration::from_secs(600));
    let name = unique("selects");
    let (x, y) = (a.clone(), b.clone());
    let task = Builder::new().name(&name).spawn(move || {
        select! {
            _ = recv(x) => {}
            send(y, 1) => {}
            _ = recv(ctx.done()) => {}
        }
    });
    let (_, _, wait) = parked(&name);
    assert_eq!(wait.reason, WaitReason::Select);
    let ops: Vec<_> = wait.arms.iter().map(|arm| arm.op).collect();
    assert_eq!(ops, [WaitOp::Receive, WaitOp::Send, WaitOp::Cancel]);
    assert!(wait.until_ns.is_some());
    a.send(1);
    task.unwrap().join().unwrap();
}

#[test]
fn never_and_empty_waits_are_recorded_as_such() {
    let (never, empty) = (unique("never"), unique("empty"));
    drop(Builder::new().name(&never).spawn(|| Chan::<u32>::never().recv()));
    drop(Builder::new().name(&empty).spawn(|| gleak_runtime::select::Select::new().wait()));
    assert_eq!(parked(&never).2.arms[0].on, Target::Never);
    let (_, _, wait) = parked(&empty);
    assert_eq!((wait.reason, wait.arms.len(), wait.unlisted_arms), (WaitReason::Select, 0, 0));
}

#[test]
fn a_join_names_the_task_and_a_thread_appears_as_one() {
    let (worker, leave) = (unique("joined"), Chan::<()>::new(0));
    let waits = leave.clone();
    let task = Builder::new().name(&worker).spawn(move || waits.recv()).unwrap();
    let (_, joined, _) = parked(&worker);
    let name = unique("joining-thread");
    let thread = std::thread::Builder::new().name(name.clone()).spawn(move || task.join());
    let (_, facts, wait) = parked(&name);
    assert_eq!(facts.kind, WaiterKind::Thread);
    assert_eq!(wait.arms, [Arm::task(joined.id)]);
    assert_eq!(wait.registers, None);
    leave.close();
    thread.unwrap().join().unwrap().unwrap();
    until(|| named(&name).is_none());
}

#[test]
fn ancestry_is_kept_when_ancestors_have_finished() {
    let name = unique("great-grandchild");
    let inner = name.clone();
    let leave = Chan::<()>::new(0);
    let waits = leave.clone();
    spawn(move || {
        go! {
            go! {
                drop(Builder::new().name(inner).spawn(move || waits.recv()));
            };
        };
    })
    .join()
    .unwrap();
    let (snapshot, facts, _) = parked(&name);
    assert!(facts.ancestry.len() >= 3, "{facts:?}");
    let lines: Vec<_> = facts
        .ancestry
        .iter()
        .map(|spawn| snapshot.sites[snapshot.spawns[spawn.0 as usize].site.0 as usize].line)
        .collect();
    assert!(lines.is_sorted_by(|a, b| a > b), "nearest first: {lines:?}");
    leave.close();
}

#[test]
fn an_object_knows_which_region_alone_has_used_it() {
    let region = Region::open(RegionKind::Test, "alone");
    let (own, shared) = (Chan::<()>::new(0), Chan::<()>::new(1));
    shared.send(());
    let (o, s) = (own.clone(), shared.clone());
    let (first, second) = (unique("own"), unique("shared"));
    let a = region.builder().name(&first).spawn(move || o.recv());
    let b = region.builder().name(&second).spawn(move || {
        s.recv();
        s.recv()
    });
    let (snapshot, facts, wait) = parked(&first);
    assert_eq!(facts.region.map(|it| it.0), Some(region.id()));
    let Touched::Only(only) = object_of(&snapshot, &wait.arms).touched else { panic!("alone") };
    assert_eq!(only.0, region.id());
    let (snapshot, _, wait) = parked(&second);
    assert_eq!(object_of(&snapshot, &wait.arms).touched, Touched::Shared);
    own.close();
    shared.close();
    a.unwrap().join().unwrap();
    b.unwrap().join().unwrap();
}

#[test]
fn an_unjoined_panic_is_kept_and_a_joined_one_is_not() {
    let (kept, joined) = (unique("unjoined"), unique("joined"));
    let is_kept = |name: &str| {
        let snapshot = report::snapshot();
        snapshot.panics.iter().any(|panic| panic.name.as_deref() == Some(name))
    };
    assert!(Builder::new().name(&joined).spawn(|| panic!("j")).unwrap().join().is_err());
    drop(Builder::new().name(&kept).spawn(|| panic!("nobody listens")).unwrap());
    until(|| is_kept(&kept));
    assert!(!is_kept(&joined));
}

#[test]
fn a_wait_group_shows_its_count() {
    let group = WaitGroup::new();
    group.add(2);
    let name = unique("waits-for-two");
    let waits = group.clone();
    let task = Builder::new().name(&name).spawn(move || waits.wait());
    let (snapshot, _, wait) = parked(&name);
    let object = object_of(&snapshot, &wait.arms);
    assert_eq!(object.detail, ObjectDetail::WaitGroup { count: 2, tokens: 0, loose: true });
    group.done();
    group.done();
    task.unwrap().join().unwrap();
}

#[test]
fn live_snapshots_under_load_are_valid_and_survive_the_file() {
    let stop = Chan::<()>::new(0);
    let load: Vec<_> = (0..8)
        .map(|_| {
            let (a, b, lock, stop) =
                (Chan::new(0), Chan::new(0), Arc::new(Mutex::new(0)), stop.clone());
            let (x, y, l) = (a.clone(), b.clone(), lock.clone());
            let other = Chan::<()>::new(0);
            let pong = spawn(move || {
                while let Some(n) = x.recv() {
                    *l.lock().unwrap() += n;
                    select! { send(y, n) => {} _ = recv(other) => break }
                }
            });
            spawn(move || {
                let mut n = 0_u64;
                while stop.try_recv() == Err(gleak_runtime::TryRecvError::Empty) {
                    *lock.lock().unwrap() += 1;
                    a.send(n);
                    b.recv();
                    n += 1;
                }
                a.close();
                pong.join().unwrap();
            })
        })
        .collect();
    for _ in 0..200 {
        let snapshot = report::snapshot();
        assert_eq!(snapshot.validate(), Ok(()));
        let mut bytes = Vec::new();
        write_dump(&snapshot, &mut bytes).unwrap();
        assert_eq!(read_dump(&mut bytes.as_slice()).unwrap(), snapshot);
    }
    stop.close();
    load.into_iter().for_each(|task| task.join().unwrap());
}

/// A waiter that wakes up and reads a lock while the snapshot is being made: the wait was, and the
/// reading is, but they were never at one moment.
#[test]
fn what_a_waiter_reads_is_of_the_moment_of_its_wait() {
    let (stop, crowd) = (Chan::<()>::new(0), Chan::<()>::new(0));
    let waits = |_| {
        let crowd = crowd.clone();
        spawn(move || assert!(crowd.recv().is_none()))
    };
    // Whom a snapshot goes through while the others move: without them it would be over too soon.
    let standing: Vec<_> = (0..1000).map(waits).collect();
    let turns = |_| {
        let (balls, stop) = (Chan::new(0), stop.clone());
        let caught = balls.clone();
        let reader = spawn(move || {
            let lock = RwLock::new(0);
            while let Some(ball) = caught.recv() {
                let read = lock.read().unwrap();
                (0..4).for_each(|_| yield_now());
                assert_eq!(*read, ball);
            }
        });
        spawn(move || {
            while stop.try_recv() == Err(gleak_runtime::TryRecvError::Empty) {
                balls.send(0);
            }
            balls.close();
            reader.join().unwrap();
        })
    };
    let load: Vec<_> = (0..8).map(turns).collect();
    for _ in 0..600 {
        assert_eq!(report::snapshot().validate(), Ok(()));
    }
    stop.close();
    crowd.close();
    load.into_iter().chain(standing).for_each(|task| task.join().unwrap());
}

#[test]
fn dump_writes_a_file_that_its_owner_alone_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let path = dump().expect("a dump in the working directory");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
    let snapshot = read_dump(&mut file).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(snapshot.header.pid, std::process::id());
    assert!(snapshot.tasks.iter().all(|task| task.state != TaskState::Moving || task.id.0 > 0));
}

#[test]
fn ids_are_never_used_twice_though_records_are() {
    const ROUNDS: usize = 40;
    const TASKS: usize = 60;
    let (mut tasks, mut objects) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..ROUNDS {
        let gates: Vec<Chan<()>> = (0..TASKS).map(|_| Chan::new(0)).collect();
        let names: Vec<String> = gates.iter().map(|_| unique("once")).collect();
        let spawn = |(gate, name): (&Chan<()>, &String)| {
            let gate = gate.clone();
            Builder::new().name(name).spawn(move || gate.recv()).unwrap()
        };
        let running: Vec<_> = gates.iter().zip(&names).map(spawn).collect();
        names.iter().for_each(|name| drop(parked(name)));
        let snapshot = report::snapshot();
        for task in snapshot
            .tasks
            .iter()
            .filter(|it| names.iter().any(|name| it.name.as_ref() == Some(name)))
        {
            let TaskState::Waiting(wait) = &task.state else { panic!("it waits: {task:?}") };
            assert!(tasks.insert(task.id), "{} twice", task.id);
            assert!(objects.insert(object_of(&snapshot, &wait.arms).id));
        }
        gates.iter().for_each(Chan::close);
        running.into_iter().for_each(|task| drop(task.join()));
    }
    assert_eq!((tasks.len(), objects.len()), (ROUNDS * TASKS, ROUNDS * TASKS));
}

#[test]
fn waiters_of_an_object_are_shown_in_their_order() {
    let gate = Chan::<()>::new(0);
    let tasks = [(); 3].map(|()| {
        let (name, gate) = (unique("queues"), gate.clone());
        let task =
            Builder::new().name(&name).spawn(move || assert!(gate.recv().is_none())).unwrap();
        let (_, _, wait) = parked(&name);
        (name, task, wait.arms[0].place)
    });
    assert_eq!(tasks[0].2, None, "it was alone");
    let places = [0, 1, 2].map(|at: usize| parked(&tasks[at].0).2.arms[0].place);
    assert_eq!(places, [Some(0), Some(1), Some(2)]);
    gate.close();
    tasks.into_iter().for_each(|(_, task, _)| task.join().unwrap());
}

#[test]
fn a_lock_that_is_read_says_who_was_let_in_last() {
    let lock = Arc::new(RwLock::new(()));
    let (gate, ready) = (Chan::<()>::new(0), Chan::<()>::new(0));
    let (name, reads, waits, tells) = (unique("reads"), lock.clone(), gate.clone(), ready.clone());
    let line = line!() + 2;
    let task = Builder::new().name(&name).spawn(move || {
        let held = reads.read().unwrap();
        tells.send(());
        waits.recv();
        drop(held);
    });
    ready.recv();
    let (snapshot, task_seen, _) = parked(&name);
    let lock_held = task_seen.holds[0].object;
    let object = snapshot.objects.iter().find(|it| it.id == lock_held).unwrap();
    let ObjectDetail::RwLock { reader: Some(reader), .. } = object.detail else {
        panic!("{object:?}")
    };
    assert_eq!(reader.task, task_seen.id);
    assert_eq!(snapshot.sites[reader.site.0 as usize].line, line);
    gate.close();
    task.unwrap().join().unwrap();
}
