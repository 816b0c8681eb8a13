//! What a snapshot says of waits for conds, onces, semaphores, barriers and groups; and what the
//! detector makes of it.

use std::sync::Arc;

use gleak_runtime::report::detector::{Certainty, Question, Rule, Scope, analyze};
use gleak_runtime::report::snapshot::{
    Arm, HoldMode, Object, ObjectDetail, RegionId, Snapshot, Target, Wait, WaitOp, WaitReason,
    read_dump, write_dump,
};
use gleak_runtime::{
    Barrier, Chan, Cond, LazyLock, Mutex, Once, OnceLock, Region, RegionKind, RwLock, Semaphore,
    WaitGroup, report,
};

use crate::support::{named, parked, unique, until};

/// The only arm's object. Reason, operation and site must be these, and the dump must keep them.
fn check(found: &(Snapshot, Wait), reason: WaitReason, op: WaitOp, line: u32) -> Object {
    let (snapshot, wait) = found;
    let [Arm { op: tried, on: Target::Object(id), .. }] = wait.arms[..] else {
        panic!("one object: {wait:?}")
    };
    assert_eq!((wait.reason, tried, wait.until_ns, wait.unlisted_arms), (reason, op, None, 0));
    let site = &snapshot.sites[wait.site.0 as usize];
    assert_eq!((site.file.as_str(), site.line), (file!(), line));
    assert!(wait.since_ns > 0 && wait.since_ns <= snapshot.header.taken_ns);
    assert_eq!(snapshot.validate(), Ok(()));
    let mut bytes = Vec::new();
    write_dump(snapshot, &mut bytes).expect("written");
    assert_eq!(&read_dump(&mut bytes.as_slice()).expect("read back"), snapshot);
    snapshot.objects.iter().find(|object| object.id == id).expect("in the snapshot").clone()
}

/// Runs `body` as a task of the region, and waits until it is parked.
fn park(region: &Region, body: impl FnOnce() + Send + 'static) -> (Snapshot, Wait) {
    let name = unique("parks");
    drop(region.builder().name(&name).spawn(body).expect("room for a task"));
    let (snapshot, _, wait) = parked(&name);
    (snapshot, wait)
}

/// What is certain of the region's tasks: the rule, how many they are, and why.
fn certain(region: &Region) -> Vec<(Rule, usize, String)> {
    let scope = Scope::Region(RegionId(region.id()));
    let report = analyze(&report::snapshot(), &Question { scope, ..Question::default() });
    let certain = report.findings.iter().filter(|it| it.certainty == Certainty::Certain);
    certain.map(|it| (it.key.rule, it.tasks(), it.because.clone())).collect()
}

/// Waits until it is certain that two tasks of the region wait for each other, and nothing else is.
fn until_a_cycle_of_two(region: &Region) {
    until(|| match &certain(region)[..] {
        [] => false,
        [(Rule::Cycle, 2, _)] => true,
        other => panic!("{other:?}"),
    });
}

fn region() -> Region {
    Region::open(RegionKind::Guard, "primitives")
}

#[test]
fn a_cond_and_the_mutex_it_is_used_with() {
    let shared = Arc::new((Mutex::new(false), Cond::new().named("ready")));
    let (region, other, name) = (region(), shared.clone(), unique("waits-for-cond"));
    let line = line!() + 2;
    let task = region.builder().name(&name).spawn(move || {
        drop(other.1.wait_while(other.0.lock().unwrap(), |ready| !*ready));
    });
    let (snapshot, _, wait) = parked(&name);
    let found = (snapshot, wait);
    let object = check(&found, WaitReason::Cond, WaitOp::Cond, line);
    assert_eq!(object.name.as_deref(), Some("ready"));
    let ObjectDetail::Cond { mutex: Some(mutex), .. } = object.detail else { panic!("{object:?}") };
    let mutex = found.0.objects.iter().find(|object| object.id == mutex).expect("the mutex");
    assert_eq!(mutex.detail, ObjectDetail::Mutex { owner: None, exact: true }, "given back");
    assert_eq!(certain(&region), []);
    // Notified, it waits for the mutex like anybody else.
    let mut guard = shared.0.lock().unwrap();
    *guard = true;
    shared.1.notify_all();
    let found = loop {
        let (snapshot, _, wait) = parked(&name);
        if wait.reason == WaitReason::Lock {
            break (snapshot, wait);
        }
    };
    check(&found, WaitReason::Lock, WaitOp::Lock, line);
    drop(guard);
    task.unwrap().join().unwrap();
}

#[test]
fn a_once_and_who_runs_its_initialiser() {
    let (once, go_on, region) = (Arc::new(Once::new()), Chan::<()>::new(0), region());
    let (other, waits, name) = (once.clone(), go_on.clone(), unique("initialises"));
    let begun = line!() + 2;
    let owner = region.builder().name(&name).spawn(move || {
        other.call_once(|| assert_eq!(waits.recv(), None));
    });
    let (_, owner_facts, _) = parked(&name);
    assert_eq!(owner_facts.holds.len(), 1);
    assert_eq!(owner_facts.holds[0].mode, HoldMode::Exclusive);
    let other = once.clone();
    let line = line!() + 1;
    let found = park(&region, move || other.call_once(|| {}));
    let object = check(&found, WaitReason::Once, WaitOp::Once, line);
    let ObjectDetail::Once { owner: Some(by), done: false } = object.detail else {
        panic!("{object:?}")
    };
    assert_eq!((by.task, by.alive), (owner_facts.id, true));
    assert_eq!(found.0.sites[by.site.0 as usize].line, begun);
    assert_eq!(certain(&region), []);
    go_on.close();
    owner.unwrap().join().unwrap();
    assert!(named(&name).is_none());
    let snapshot = report::snapshot();
    let after = snapshot.objects.iter().find(|it| it.id == object.id).unwrap();
    assert_eq!(after.detail, ObjectDetail::Once { owner: None, done: true });
}

#[test]
fn a_semaphore_and_what_is_asked_of_it() {
    let (semaphore, region) = (Arc::new(Semaphore::new(5)), region());
    let taken = line!() + 1;
    let held = semaphore.acquire(3);
    let other = semaphore.clone();
    let line = line!() + 1;
    let found = park(&region, move || drop(other.acquire(4)));
    let object = check(&found, WaitReason::Semaphore, WaitOp::Acquire, line);
    assert_eq!(found.1.wanted, Some(4));
    let ObjectDetail::Semaphore { permits: 5, available: 2, taken: Some(by) } = object.detail
    else {
        panic!("{object:?}")
    };
    assert_eq!(found.0.sites[by.site.0 as usize].line, taken);
    assert_eq!(certain(&region), []);
    drop(held);
}

#[test]
fn a_barrier_and_who_has_come() {
    let (barrier, region) = (Arc::new(Barrier::new(3)), region());
    let other = barrier.clone();
    park(&region, move || assert!(!other.wait().is_leader()));
    let other = barrier.clone();
    let line = line!() + 1;
    let found = park(&region, move || assert!(!other.wait().is_leader()));
    let object = check(&found, WaitReason::Barrier, WaitOp::Barrier, line);
    assert_eq!(object.detail, ObjectDetail::Barrier { size: 3, arrived: 2 });
    assert_eq!(certain(&region), []);
    assert!(barrier.wait().is_leader());
}

#[test]
fn a_group_of_tokens_is_not_loose_until_it_is_counted_by_hand() {
    let (group, region) = (WaitGroup::new(), region());
    let token = group.token();
    let waits = group.clone();
    let line = line!() + 1;
    let found = park(&region, move || waits.wait());
    let object = check(&found, WaitReason::WaitGroup, WaitOp::WaitGroup, line);
    assert_eq!(object.detail, ObjectDetail::WaitGroup { count: 1, tokens: 1, loose: false });
    group.add(2);
    let snapshot = report::snapshot();
    let now = snapshot.objects.iter().find(|it| it.id == object.id).unwrap();
    assert_eq!(now.detail, ObjectDetail::WaitGroup { count: 3, tokens: 1, loose: true });
    assert_eq!(certain(&region), []);
    group.add(-2);
    drop(token);
}

#[test]
fn an_initialiser_that_needs_itself() {
    static ITSELF: LazyLock<u32> = LazyLock::new(|| *ITSELF + 1);
    let region = region();
    park(&region, || assert_eq!(*ITSELF, 0));
    let found = certain(&region);
    let [(Rule::Structural, 1, because)] = &found[..] else { panic!("{found:?}") };
    assert!(because.contains("an initialiser that it runs itself"), "{because}");
}

#[test]
fn initialisers_that_need_each_other() {
    let cells = Arc::new((OnceLock::<u32>::new(), OnceLock::<u32>::new()));
    let (region, first, met) = (region(), cells.clone(), Chan::<()>::new(0));
    let (other, both) = (cells.clone(), met.clone());
    park(&region, move || {
        other.0.get_or_init(|| {
            both.recv();
            *other.1.get_or_init(|| 1)
        });
    });
    park(&region, move || {
        first.1.get_or_init(|| {
            met.send(());
            *first.0.get_or_init(|| 2)
        });
    });
    until_a_cycle_of_two(&region);
}

#[test]
fn more_permits_than_there_are() {
    let (semaphore, region) = (Arc::new(Semaphore::new(2)), region());
    park(&region, move || drop(semaphore.acquire(3)));
    let found = certain(&region);
    let [(Rule::Structural, 1, because)] = &found[..] else { panic!("{found:?}") };
    assert!(because.contains("more permits than its semaphore has"), "{because}");
}

#[test]
fn reading_twice_while_a_writer_waits() {
    let (lock, go_on, region) = (Arc::new(RwLock::new(())), Chan::<()>::new(0), region());
    let (other, waits) = (lock.clone(), go_on.clone());
    park(&region, move || {
        let _first = other.read().unwrap();
        waits.recv();
        let _second = other.read().unwrap();
    });
    park(&region, move || drop(lock.write().unwrap()));
    assert_eq!(certain(&region), []);
    go_on.close();
    until_a_cycle_of_two(&region);
}
