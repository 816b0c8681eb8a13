//! `thread`: OS threads with a record. What is known of them, what they are charged to, and deadlocks
//! between threads and tasks.

use std::sync::{Arc, mpsc};

use gleak_runtime::report::detector::render::text;
use gleak_runtime::report::detector::{Certainty, Finding, Question, Report, Rule, Scope, analyze};
use gleak_runtime::report::snapshot::{
    Arm, RegionId, TaskId, TaskState, Tenure, ThreadState, WaitReason, WaiterKind, read_dump,
    write_dump,
};
use gleak_runtime::{
    Builder, Chan, Mutex, Region, RegionKind, Runtime, go, report, spawn, task_id, thread,
};

use crate::support::{named, parked, unique, until};

/// Calls `body` as a task of a region of its own.
fn in_region<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> (Region, T) {
    let runtime = Runtime::builder().workers(2).start().expect("workers");
    let region = Region::open(RegionKind::Test, name);
    let task = region.builder().spawn_in(&runtime, body).expect("room for a task");
    let value = task.join().expect("no panic");
    (region, value)
}

/// What is left of a region.
fn left_of(region: &Region) -> Report {
    let scope = Scope::Region(RegionId(region.id()));
    analyze(&report::snapshot(), &Question { scope, ..Question::default() })
}

/// Waits until there is a certain finding on this region.
fn certain(region: &Region) -> (Report, Finding) {
    loop {
        let report = left_of(region);
        let found = report.findings.iter().find(|it| it.certainty == Certainty::Certain).cloned();
        if let Some(finding) = found {
            return (report, finding);
        }
        std::thread::yield_now();
    }
}

#[track_caller]
fn named_thread<T: Send + 'static>(
    name: &str,
    f: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    thread::Builder::new().name(name.to_owned()).spawn(f).expect("a thread")
}

#[test]
fn a_thread_is_known_from_its_spawn_on() {
    let (gate, outer) = (mpsc::channel::<()>(), unique("region"));
    let name = unique("known");
    let own = name.clone();
    let (region, (id, line, parent)) = in_region(&outer, move || {
        let (line, spawned) = (line!(), named_thread(&own, move || gate.1.recv().is_err()));
        (spawned.id(), line, task_id())
    });
    let (snapshot, task) = named(&name).expect("it lives");
    assert_eq!(
        (task.id, task.kind, &task.state),
        (TaskId(id), WaiterKind::Thread, &TaskState::Running)
    );
    assert_eq!((task.parent, task.region), (parent.map(TaskId), Some(RegionId(region.id()))));
    let point = &snapshot.spawns[task.spawn.expect("a spawn point").0 as usize];
    let site = &snapshot.sites[point.site.0 as usize];
    assert_eq!((site.file.as_str(), site.line), (file!(), line));
    assert!(point.entry.contains("a_thread_is_known_from_its_spawn_on"), "{}", point.entry);
    assert_eq!(region.live(), 1);
    let report = left_of(&region);
    let finding = &report.findings[0];
    assert_eq!((finding.key.rule, finding.certainty), (Rule::Outlived, Certainty::Weak));
    let said = text(&report, &Default::default());
    assert!(said.contains("thread leak, 1 thread left over"), "{said}");
    assert!(said.contains(&format!("spawned  {}:{line}", file!())), "{said}");
    let mut dump = Vec::new();
    write_dump(&snapshot, &mut dump).expect("memory");
    assert_eq!(read_dump(&mut &dump[..]).expect("a dump"), snapshot);
    drop(gate.0);
    until(|| region.live() == 0 && named(&name).is_none());
}

#[test]
fn what_a_thread_spawns_is_charged_with_it() {
    let leave = Chan::<()>::new(0);
    let (task, inner) = (unique("of-a-thread"), unique("thread-of-a-thread"));
    let (own, waits, also) = ((task.clone(), inner.clone()), leave.clone(), leave.clone());
    let (region, id) = in_region(&unique("region"), move || {
        let outer = thread::Builder::new().label("of", "the outer one").spawn(move || {
            drop(Builder::new().name(own.0).spawn(move || waits.recv()));
            drop(named_thread(&own.1, move || also.recv()));
        });
        let outer = outer.expect("a thread");
        let id = outer.id();
        outer.join().expect("no panic");
        id
    });
    for name in [task, inner] {
        let (snapshot, facts, wait) = parked(&name);
        assert_eq!(facts.region, Some(RegionId(region.id())));
        assert_eq!(facts.parent, Some(TaskId(id)));
        assert_eq!(facts.labels, [("of".to_owned(), "the outer one".to_owned())]);
        assert_eq!(wait.reason, WaitReason::Receive);
        let file = snapshot.spawns[facts.ancestry[0].0 as usize].site;
        assert_eq!(snapshot.sites[file.0 as usize].file, file!());
    }
    assert_eq!(region.live(), 2);
    // Nobody else has used the channel, and none of them runs.
    let left = left_of(&region);
    assert_eq!(left.findings[0].tasks(), 2, "{left:?}");
    leave.close();
    until(|| region.live() == 0);
}

#[test]
fn a_background_thread_is_charged_to_nobody() {
    let leave = Chan::<()>::new(0);
    let (name, waits) = (unique("pool"), leave.clone());
    let own = name.clone();
    let (region, ()) = in_region(&unique("region"), move || {
        let thread = thread::Builder::new().name(own).background();
        drop(thread.spawn(move || waits.recv()).expect("a thread"));
    });
    let (_, facts, _) = parked(&name);
    assert_eq!((facts.tenure, facts.region), (Tenure::Background, None));
    assert_eq!((region.live(), left_of(&region).findings.len()), (0, 0));
    leave.close();
    until(|| named(&name).is_none());
}

#[test]
fn a_join_waits_for_the_thread_and_gives_what_it_came_to() {
    assert_eq!(thread::spawn(|| 7).join().expect("no panic"), 7);
    let panicked = spawn(|| thread::spawn(|| panic!("at sea")).join()).join().expect("no panic");
    assert_eq!(panicked.expect_err("a panic").downcast_ref(), Some(&"at sea"));
    let (leave, (joined, joining)) = (mpsc::channel::<()>(), (unique("joined"), unique("joins")));
    let thread = named_thread(&joined, move || leave.1.recv().is_err());
    let id = thread.id();
    assert_eq!(thread.thread().name(), Some(joined.as_str()));
    let task = Builder::new().name(&joining).spawn(move || thread.join());
    let (_, _, wait) = parked(&joining);
    assert_eq!((wait.reason, &wait.arms[..]), (WaitReason::Join, &[Arm::task(TaskId(id))][..]));
    drop(leave.0);
    assert!(task.expect("room").join().expect("no panic").expect("no panic"));
}

#[test]
fn a_panic_that_nobody_joins_is_a_finding() {
    let (region, ()) = in_region(&unique("region"), || {
        drop(named_thread("careless", || panic!("nobody hears")));
    });
    until(|| region.live() == 0 && region.has_events());
    let report = left_of(&region);
    let [finding] = &report.findings[..] else { panic!("{report:?}") };
    assert_eq!((finding.key.rule, finding.certainty), (Rule::Panicked, Certainty::Certain));
    assert_eq!(finding.groups[0].kind, WaiterKind::Thread);
    assert!(finding.facts[0].contains("\"careless\" panicked"), "{:?}", finding.facts);
    assert!(finding.facts[0].ends_with("nobody hears"), "{:?}", finding.facts);
    region.close();
}

#[test]
fn panics_of_threads_are_kept_by_their_region() {
    let runtime = Runtime::builder().workers(1).start().expect("workers");
    let region = Region::open(RegionKind::Test, "keeps");
    region.keep_panics();
    let body = || named_thread("loud", || panic!("heard")).join().is_err();
    let task = region.builder().spawn_in(&runtime, body).expect("room");
    assert!(task.join().expect("no panic"));
    let told = region.take_panics().told().concat();
    assert!(told.starts_with("thread t") && told.contains("\"loud\" panicked at "), "{told}");
}

#[test]
fn a_scope_ends_with_its_threads() {
    let (mut words, mut count) = (vec!["a"], 0);
    thread::scope(|s| {
        s.spawn(|| words.push("b"));
        s.spawn(|| s.spawn(|| count += 1).join().expect("no panic"));
    });
    assert_eq!((words, count), (vec!["a", "b"], 1));
    let (leave, name) = (Chan::<()>::new(0), unique("scopes"));
    let (waits, inside) = (leave.clone(), unique("scoped"));
    let own = inside.clone();
    let parent = Builder::new().name(&name).spawn(move || {
        thread::scope(|s| {
            let inner = thread::Builder::new().name(own);
            let joined = inner.spawn_scoped(s, || waits.recv()).expect("a thread");
            joined.thread().name().map(str::to_owned)
        })
    });
    let (_, _, wait) = parked(&name);
    let (_, scoped, _) = parked(&inside);
    assert_eq!((wait.reason, wait.arms), (WaitReason::Join, vec![Arm::task(scoped.id)]));
    leave.close();
    assert_eq!(parent.expect("room").join().expect("no panic"), Some(inside));
}

#[test]
fn a_scope_says_which_of_its_threads_panicked() {
    let scoped = || {
        thread::scope(|s| {
            let named = thread::Builder::new().name("bad".into());
            named.spawn_scoped(s, || panic!("no good")).expect("a thread");
        });
    };
    let said = spawn(scoped).join().expect_err("it panics");
    let said = said.message().unwrap_or_default();
    assert!(
        said.starts_with("a scoped thread panicked: t") && said.ends_with(": no good"),
        "{said}"
    );
    let heard = spawn(|| thread::scope(|s| s.spawn(|| panic!("heard")).join().is_err()));
    assert!(heard.join().expect("a joined panic is the joiner's"));
}

#[test]
fn a_thread_that_cannot_be_made_leaves_nothing_behind() {
    let (region, refused) = in_region(&unique("region"), || {
        let huge = || thread::Builder::new().stack_size(usize::MAX / 2);
        let plain = huge().spawn(|| ()).is_err();
        thread::scope(|s| huge().spawn_scoped(s, || ()).is_err()) && plain
    });
    assert!(refused);
    let zero = || thread::Builder::new().name("a\0b".into());
    let scoped = move || thread::scope(|s| drop(zero().spawn_scoped(s, || ())));
    assert!(spawn(scoped).join().is_err(), "such a name panics, as in std");
    until(|| region.live() == 0);
    assert!(!region.has_events());
}

type Body = Box<dyn FnOnce() + Send>;

/// Two who take two locks in opposite order, each holding one before it takes the other.
fn opposite(run: [fn(Body); 2]) -> impl FnOnce() + Send + 'static {
    move || {
        let locks = Arc::new([Mutex::new(1), Mutex::new(2)]);
        let both_hold = Arc::new(gleak_runtime::Barrier::new(2));
        for (number, run) in run.into_iter().enumerate() {
            let (locks, both_hold) = (locks.clone(), both_hold.clone());
            run(Box::new(move || {
                let _first = locks[number].lock();
                both_hold.wait();
                let _second = locks[1 - number].lock();
            }));
        }
    }
}

fn on_a_thread(f: Body) {
    drop(thread::spawn(f));
}

fn on_a_plain_thread(f: Body) {
    drop(std::thread::spawn(f));
}

fn on_a_task(f: Body) {
    drop(spawn(f));
}

#[test]
fn threads_that_lock_in_opposite_order_are_a_cycle() {
    let threads = [
        ([on_a_thread as fn(_), on_a_thread as fn(_)], "deadlock between 2 threads"),
        ([on_a_thread, on_a_task], "deadlock between 1 task and 1 thread"),
    ];
    for (run, said) in threads {
        let (region, ()) = in_region(&unique("region"), opposite(run));
        let (report, finding) = certain(&region);
        assert_eq!((finding.key.rule, finding.chain.len(), finding.tasks()), (Rule::Cycle, 2, 2));
        assert!(finding.chain.iter().all(|link| link.spawn.is_some() && link.taken_at.is_some()));
        let text = text(&report, &Default::default());
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn plain_threads_that_lock_in_opposite_order_are_a_cycle() {
    opposite([on_a_plain_thread, on_a_plain_thread])();
    let cycle = |report: &Report| {
        let is_it = |it: &&Finding| {
            it.key.rule == Rule::Cycle && it.groups.iter().all(|group| group.spawn.is_none())
        };
        report.findings.iter().find(is_it).cloned()
    };
    let finding = loop {
        let report = analyze(&report::snapshot(), &Question::default());
        if let Some(finding) = cycle(&report) {
            break finding;
        }
    };
    assert_eq!((finding.certainty, finding.tasks()), (Certainty::Certain, 2));
}

#[test]
fn a_thread_that_joins_itself_through_another_is_a_cycle() {
    let (region, ()) = in_region(&unique("region"), || {
        let handles = [Chan::<thread::JoinHandle<()>>::new(1), Chan::new(1)];
        let [first, second] = [0, 1].map(|number| {
            let given = handles[number].clone();
            thread::spawn(move || drop(given.recv().map(thread::JoinHandle::join)))
        });
        handles[0].send(second);
        handles[1].send(first);
    });
    let (_, finding) = certain(&region);
    assert_eq!((finding.key.rule, finding.tasks()), (Rule::Cycle, 2), "{finding:?}");
    assert!(finding.chain.iter().all(|link| link.wants.starts_with("the end of ")));
    let (region, ()) = in_region(&unique("region"), || {
        let own = Chan::<thread::JoinHandle<()>>::new(1);
        let given = own.clone();
        own.send(thread::spawn(move || drop(given.recv().map(thread::JoinHandle::join))));
    });
    assert_eq!(certain(&region).1.key.rule, Rule::Structural);
}

#[test]
fn a_thread_in_a_lock_of_stds_is_no_certain_finding() {
    let gate = Arc::new(std::sync::Mutex::new(()));
    let shut = gate.lock().expect("nobody panics");
    let (theirs, lock) = (gate.clone(), Arc::new(Mutex::new(0)));
    let (name, held) = (unique("wants"), lock.clone());
    let own = name.clone();
    let (region, ()) = in_region(&unique("region"), move || {
        let holds = Chan::<()>::new(0);
        let has = holds.clone();
        drop(thread::spawn(move || {
            let _held = held.lock();
            has.close();
            drop(theirs.lock());
        }));
        holds.recv();
        go! { drop(named_thread(&own, move || drop(lock.lock()))) };
    });
    let (_, _, wait) = parked(&name);
    assert_eq!(wait.reason, WaitReason::Lock);
    let report = left_of(&region);
    assert!(report.findings.iter().all(|it| it.certainty == Certainty::Weak), "{report:?}");
    drop(shut);
    until(|| region.live() == 0);
}

#[test]
fn who_looks_for_what_is_left_is_not_left() {
    let (before, found) = thread::spawn(|| {
        let before = report::find();
        let leave = Chan::<()>::new(0);
        let waits = leave.clone();
        let left = named_thread("found-by-a-thread", move || waits.recv());
        let found = report::find();
        leave.close();
        left.join().expect("no panic");
        (before, found)
    })
    .join()
    .expect("no panic");
    let has = |report: &Report, entry: &str| {
        let members = report.findings.iter().flat_map(|it| &it.groups);
        members.filter(|group| group.entry.ends_with(entry)).count()
    };
    let own = "who_looks_for_what_is_left_is_not_left";
    assert_eq!((has(&before, own), has(&found, own)), (0, 1));
}

#[test]
fn threads_that_nobody_spawned_here_are_listed() {
    let (stay, started) = (mpsc::channel::<()>(), mpsc::channel());
    let own = named_thread("of-ours", move || (started.0.send(()), stay.1.recv().is_err()));
    started.1.recv().expect("it has started");
    let (leave, told) = (mpsc::channel::<()>(), mpsc::channel());
    let plain = std::thread::Builder::new().name("of-nobody".into());
    let plain = plain.spawn(move || (told.0.send(()), leave.1.recv().is_err())).expect("a thread");
    told.1.recv().expect("it has started");
    let others = report::other_threads().expect("Linux lists them");
    let listed = others.iter().find(|it| it.name == "of-nobody").expect("it is listed");
    assert!(listed.started_ticks > 0 && listed.age_ns < 600_000_000_000, "{listed:?}");
    until(|| {
        let others = report::other_threads().expect("Linux lists them");
        let state = others.iter().find(|it| it.name == "of-nobody").map(|it| it.state);
        state == Some(ThreadState::Sleeping)
    });
    assert!(others.iter().all(|it| it.name != "of-ours" && !it.name.starts_with("gleak-")));
    assert!(others.iter().any(|it| it.tid == std::process::id()), "the main thread is nobody's");
    drop((stay.0, leave.0));
    own.join().expect("no panic").0.expect("it was heard");
    plain.join().expect("no panic").0.expect("it was heard");
}
