//! Pairs of locks: what a snapshot says of the order in which a program takes them.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use gleak_runtime::report::snapshot::{
    Completeness, HoldMode, LockPair, ObjectKind, Snapshot, read_dump, write_dump,
};
use gleak_runtime::{
    Builder, Chan, Cond, Mutex, Region, RegionKind, Runtime, RwLock, blocking, go, report, scope,
    spawn,
};

use crate::support::{program, unique};

/// A mutex with a name of its own.
fn lock(name: &str) -> Mutex<u32> {
    Mutex::new(0).named(name)
}

/// So many names, each used by this call alone.
fn names<const N: usize>() -> [String; N] {
    std::array::from_fn(|_| unique("ordered"))
}

/// Runs it as a task of a runtime that records, with one worker and with four.
fn recorded(body: impl Fn() + Clone + Send + 'static) {
    for workers in [1, 4] {
        let runtime = Runtime::builder().workers(workers).lock_order(true).start();
        let runtime = runtime.expect("workers");
        let task = Builder::new().spawn_in(&runtime, body.clone()).expect("room for a task");
        task.join().expect("no panic");
    }
}

/// The pairs of these two locks.
fn pairs(snapshot: &Snapshot, held: &str, wanted: &str) -> Vec<LockPair> {
    let is = |pair: &&LockPair| {
        pair.held.name.as_deref() == Some(held) && pair.wanted.name.as_deref() == Some(wanted)
    };
    snapshot.lock_order.iter().filter(is).cloned().collect()
}

/// Held and wanted, by name, of all pairs in which one of the names is.
fn told(of: &[String]) -> Vec<(String, String)> {
    let snapshot = report::snapshot();
    assert_eq!(snapshot.validate(), Ok(()));
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    let both = snapshot.lock_order.iter().map(|it| (name(&it.held.name), name(&it.wanted.name)));
    let mut told: Vec<_> =
        both.filter(|(held, wanted)| of.contains(held) || of.contains(wanted)).collect();
    told.sort();
    told
}

fn pair(held: &str, wanted: &str) -> (String, String) {
    (held.to_owned(), wanted.to_owned())
}

#[test]
fn a_pair_tells_both_locks_who_took_them_and_where() {
    recorded(|| {
        let [a, b, gate, who] = names();
        let region = Region::open(RegionKind::Test, "ordered");
        let (first, second) = (lock(&a), RwLock::new(0).named(&b));
        let around = lock(&gate);
        let made = line!() - 2;
        let line = line!() + 4;
        let body = move || {
            let around = around.lock().unwrap();
            #[rustfmt::skip]
            let first = first.lock().unwrap();
            drop(second.read().unwrap());
            drop((first, around));
        };
        let task = region.builder().name(&who).spawn(body).unwrap();
        let id = task.id();
        task.join().unwrap();
        let snapshot = report::snapshot();
        let place = |site: gleak_runtime::report::snapshot::SiteId| {
            let site = &snapshot.sites[site.0 as usize];
            assert_eq!(site.file, file!());
            site.line
        };
        let [pair] = &pairs(&snapshot, &a, &b)[..] else { panic!("one pair") };
        assert_eq!((pair.held.kind, pair.held.mode), (ObjectKind::Mutex, HoldMode::Exclusive));
        assert_eq!((pair.wanted.kind, pair.wanted.mode), (ObjectKind::RwLock, HoldMode::Shared));
        assert_eq!((place(pair.wanted.site), pair.timed), (made, false));
        let [outer] = &pairs(&snapshot, &gate, &a)[..] else { panic!("one pair") };
        assert_eq!((&pair.gates[..], &outer.gates[..]), (&[outer.held.object][..], &[][..]));
        let [witness] = &pair.witnesses[..] else { panic!("one task") };
        assert_eq!((witness.task.0, witness.name.as_deref()), (id, Some(&*who)));
        assert_eq!(witness.region.map(|it| it.0), Some(region.id()));
        assert_eq!((place(witness.held_at), place(witness.wanted_at)), (line, line + 1));
        let spawn = &snapshot.spawns[witness.spawn.unwrap().0 as usize];
        assert!(spawn.entry.contains("a_pair_tells_both"), "{}", spawn.entry);
        assert!(!witness.parents.is_empty() && witness.born < witness.first);
        assert!(witness.joined.is_some_and(|it| it.by == witness.parents[0]));
        let mut file = Vec::new();
        write_dump(&snapshot, &mut file).unwrap();
        let read = read_dump(&mut file.as_slice()).unwrap();
        assert_eq!((&read.lock_order, read.completeness.damaged_lines), (&snapshot.lock_order, 0));
    });
}

#[test]
fn who_is_not_told_to_records_nothing() {
    let [a, b] = names();
    let (first, second) = (lock(&a), lock(&b));
    let runtime = Runtime::builder().workers(1).lock_order(false).start().unwrap();
    let body = move || {
        let _first = first.lock().unwrap();
        *second.lock().unwrap() += 1;
    };
    Builder::new().spawn_in(&runtime, body).unwrap().join().unwrap();
    assert_eq!(told(&[a, b]), []);
}

#[test]
fn an_attempt_wants_nothing_and_holds_what_it_got() {
    recorded(|| {
        let [a, b, c, d] = names();
        let (first, second, third, fourth) =
            (lock(&a), lock(&b), RwLock::new(0).named(&c), lock(&d));
        let _first = first.lock().unwrap();
        let _second = second.try_lock().unwrap();
        let _third = third.try_read().unwrap();
        drop(fourth.lock().unwrap());
        let all = [pair(&a, &d), pair(&b, &d), pair(&c, &d)];
        assert_eq!(told(&[a.clone(), b.clone(), c.clone(), d.clone()]), all);
        let snapshot = report::snapshot();
        let mode = pairs(&snapshot, &c, &d)[0].held.mode;
        assert_eq!(mode, HoldMode::Shared, "and is no gate");
        assert_eq!(pairs(&snapshot, &a, &d)[0].gates.len(), 1);
    });
}

#[test]
fn a_limit_is_told() {
    recorded(|| {
        let [a, b, c] = names();
        let (first, second, third) = (lock(&a), lock(&b), RwLock::new(0).named(&c));
        let _first = first.lock().unwrap();
        drop(second.lock_timeout(Duration::from_secs(9)).unwrap());
        drop(third.write_timeout(Duration::from_secs(9)).unwrap());
        drop(third.write().unwrap());
        let snapshot = report::snapshot();
        let timed = |wanted: &str| -> Vec<bool> {
            pairs(&snapshot, &a, wanted).iter().map(|pair| pair.timed).collect()
        };
        assert_eq!((timed(&b), timed(&c)), (vec![true], vec![false, true]));
    });
}

#[test]
fn what_was_let_go_is_held_no_more_in_whatever_order() {
    recorded(|| {
        let [a, b, c] = names();
        let (first, second, third) = (lock(&a), lock(&b), lock(&c));
        let first_guard = first.lock().unwrap();
        let second_guard = second.lock().unwrap();
        drop(first_guard);
        let third_guard = third.lock().unwrap();
        drop(second_guard);
        drop((first.lock().unwrap(), third_guard));
        drop(first.lock().unwrap());
        assert_eq!(
            told(&[a.clone(), b.clone(), c.clone()]),
            [pair(&a, &b), pair(&b, &c), pair(&c, &a)]
        );
    });
}

#[test]
fn a_cond_takes_its_mutex_again_under_what_is_held() {
    recorded(|| {
        let [a, b] = names();
        let shared = Arc::new((lock(&a), lock(&b), Cond::new()));
        let other = shared.clone();
        let first = shared.0.lock().unwrap();
        let _second = shared.1.lock().unwrap();
        let waker = spawn(move || {
            *other.0.lock().unwrap() = 1;
            other.2.notify_one();
        });
        drop(shared.2.wait_while(first, |value| *value == 0).unwrap());
        waker.join().unwrap();
        assert_eq!(told(&[a.clone(), b.clone()]), [pair(&a, &b), pair(&b, &a)]);
    });
}

#[test]
fn of_more_locks_than_there_is_room_for_nothing_is_told_until_they_are_gone() {
    recorded(|| {
        let [a, b] = names();
        let (first, second) = (lock(&a), lock(&b));
        let many: Vec<Mutex<()>> = (0..9).map(|_| Mutex::new(())).collect();
        let guards: Vec<_> = many.iter().map(|it| it.lock().unwrap()).collect();
        let outer = first.lock().unwrap();
        drop(second.lock().unwrap());
        assert_eq!(told(&[a.clone(), b.clone()]), []);
        drop((outer, guards));
        let _outer = first.lock().unwrap();
        drop(second.lock().unwrap());
        assert_eq!(told(&[a.clone(), b.clone()]), [pair(&a, &b)]);
    });
}

#[test]
fn moments_tell_what_was_over_when_another_began() {
    recorded(|| {
        let [a, b] = names();
        let both = Arc::new((lock(&a), lock(&b)));
        let take = |both: &Arc<(Mutex<u32>, Mutex<u32>)>| {
            let _first = both.0.lock().unwrap();
            *both.1.lock().unwrap() += 1;
        };
        let (turn, done) = (Chan::<()>::new(0), Chan::<()>::new(0));
        let (its, its_turn, its_done) = (both.clone(), turn.clone(), done.clone());
        let first = go! {
            while its_turn.recv().is_some() {
                take(&its);
                its_done.send(());
            }
        };
        let step = || {
            turn.send(());
            done.recv();
        };
        let witness = |task: u64| {
            let pairs = pairs(&report::snapshot(), &a, &b);
            let all = pairs.iter().flat_map(|it| &it.witnesses);
            all.clone().find(|it| it.task.0 == task).cloned().expect("a witness")
        };
        step();
        let its = both.clone();
        let second = go! { take(&its) };
        let later = second.id();
        second.join().unwrap();
        assert!(witness(first.id()).last < witness(later).born, "spawned afterwards");
        step();
        assert!(witness(first.id()).last >= witness(later).first, "and once more");
        let id = first.id();
        turn.close();
        first.join().unwrap();
        let joined = witness(id).joined.expect("joined");
        assert!(joined.at > witness(later).first && witness(id).parents[0] == joined.by);
    });
}

#[test]
fn some_of_many_tasks_are_kept() {
    recorded(|| {
        let [a, b] = names();
        let both = Arc::new((lock(&a), lock(&b)));
        for _ in 0..20 {
            let both = both.clone();
            let task = go! {
                let _first = both.0.lock().unwrap();
                *both.1.lock().unwrap() += 1;
            };
            task.join().unwrap();
        }
        let pairs = pairs(&report::snapshot(), &a, &b);
        assert_eq!(pairs.iter().map(|it| it.witnesses.len()).collect::<Vec<_>>(), [8]);
    });
}

#[test]
fn a_helper_acts_for_its_task_and_under_its_locks() {
    recorded(|| {
        let [a, b, c] = names();
        let (first, second, third) = (lock(&a), lock(&b), lock(&c));
        let task = spawn(move || {
            let _first = first.lock().unwrap();
            blocking(|| {
                let _second = second.lock().unwrap();
                drop(third.lock().unwrap());
            });
        });
        let id = task.id();
        task.join().unwrap();
        let all = [pair(&a, &b), pair(&a, &c), pair(&b, &c)];
        assert_eq!(told(&[a.clone(), b.clone(), c.clone()]), all);
        let inner = &pairs(&report::snapshot(), &b, &c)[0];
        assert_eq!((inner.witnesses[0].task.0, inner.gates.len()), (id, 1));
    });
}

#[test]
fn locks_around_a_scope_are_gates_of_its_tasks() {
    recorded(|| {
        let [a, b, gate] = names();
        let (first, second, around) = (lock(&a), lock(&b), lock(&gate));
        let guard = around.lock().unwrap();
        scope(|s| {
            s.spawn(|| {
                let _first = first.lock().unwrap();
                *second.lock().unwrap() += 1;
            });
        });
        drop(guard);
        assert_eq!(told(&[a.clone(), b.clone(), gate.clone()]), [pair(&a, &b)]);
        assert_eq!(pairs(&report::snapshot(), &a, &b)[0].gates.len(), 1);
    });
}

#[test]
fn pairs_that_are_alike_have_a_limit() {
    let before = report::snapshot().completeness.dropped_pairs;
    let name = unique("ordered");
    let outer = lock(&name);
    let runtime = Runtime::builder().workers(1).lock_order(true).start().unwrap();
    let body = move || {
        let _outer = outer.lock().unwrap();
        for _ in 0..1100 {
            *Mutex::new(0).lock().unwrap() += 1;
        }
    };
    Builder::new().spawn_in(&runtime, body).unwrap().join().unwrap();
    let snapshot = report::snapshot();
    let of_outer = |pair: &&LockPair| pair.held.name.as_ref() == Some(&name);
    assert_eq!(snapshot.lock_order.iter().filter(of_outer).count(), 1024);
    let Completeness { dropped_pairs, .. } = snapshot.completeness;
    assert!(dropped_pairs - before >= 76, "{dropped_pairs}");
}

#[test]
fn stacks_of_pairs_are_taken_where_those_of_spawns_are() {
    let [a, b] = names();
    let (first, second) = (lock(&a), lock(&b));
    let builder = Runtime::builder().workers(1).lock_order(true).spawn_stacks(true);
    let runtime = builder.start().unwrap();
    let body = move || {
        let _first = first.lock().unwrap();
        *second.lock().unwrap() += 1;
    };
    Builder::new().spawn_in(&runtime, body).unwrap().join().unwrap();
    let detail = report::Detail { stacks: true, names: true, stack_use: false };
    let snapshot = report::snapshot_with(detail);
    let stack = pairs(&snapshot, &a, &b)[0].witnesses[0].stack.expect("a stack");
    let frames = snapshot.stacks[stack.0 as usize].frames.iter();
    let symbols = frames.flat_map(|id| &snapshot.frames[id.0 as usize].symbols);
    let functions: Vec<&str> = symbols.map(|symbol| &*symbol.function).collect();
    let has = |what: &str| functions.iter().any(|function| function.contains(what));
    assert!(has("stacks_of_pairs_are_taken"), "{functions:#?}");
}

#[test]
fn the_environment_turns_it_on() {
    for (value, records) in
        [(Some("1"), true), (Some("0"), false), (Some(""), false), (None, false)]
    {
        let mut program = program("lock_order");
        program.env_remove("GLEAK_LOCK_ORDER");
        if let Some(value) = value {
            program.env("GLEAK_LOCK_ORDER", value);
        }
        let output = program.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && output.stderr.is_empty(), "{text}");
        assert_eq!(text.contains("lock order: 2 locks in a circle"), records, "{value:?} {text}");
    }
}

#[test]
fn a_thread_of_others_is_recorded_by_nobody_unless_asked() {
    let [a, b] = names();
    let (first, second) = (lock(&a), lock(&b));
    let (done, over) = mpsc::channel();
    std::thread::spawn(move || {
        let _first = first.lock().unwrap();
        drop(second.lock().unwrap());
        done.send(()).unwrap();
    });
    over.recv().unwrap();
    assert_eq!(told(&[a, b]), []);
}
