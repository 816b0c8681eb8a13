//! Groups of tasks with one error, and one run for all who ask the same.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gleak_runtime::report::snapshot::{ObjectDetail, Target, WaitReason};
use gleak_runtime::singleflight::Group;
use gleak_runtime::{
    Builder, Chan, Context, ErrGroup, Runtime, WaitGroup, go, run, spawn, yield_now,
};

use crate::support::{parked, unique, until};

#[test]
fn the_first_error_comes_out_and_ends_the_others() {
    run(|| {
        let (group, ctx) = ErrGroup::with_context(&Context::background());
        let ended = Arc::new(AtomicU32::new(0));
        for _ in 0..100 {
            let (ctx, ended) = (ctx.clone(), ended.clone());
            group.go(move || {
                ctx.done().wait();
                ended.fetch_add(1, Ordering::SeqCst);
                Err("cancelled")
            });
        }
        group.go(|| Ok(()));
        group.go(|| Err("failed"));
        assert_eq!(group.wait(), Err("failed"));
        assert_eq!(ended.load(Ordering::SeqCst), 100, "all have ended before it returns");
        assert!(ctx.is_done());
    });
}

#[test]
fn a_group_without_errors_cancels_its_context_when_it_returns() {
    run(|| {
        let (group, ctx) = ErrGroup::<()>::with_context(&Context::background());
        group.go(|| Ok(()));
        assert!(!ctx.is_done());
        assert_eq!(group.wait(), Ok(()));
        assert!(ctx.is_done());
        assert_eq!(ErrGroup::<()>::new().wait(), Ok(()), "of nobody");
    });
}

#[test]
fn a_limit_holds_and_members_may_add_members() {
    for workers in [1, 4] {
        let runtime = Runtime::builder().workers(workers).start().unwrap();
        let body = || {
            let (running, most, ran) = (
                Arc::new(AtomicU32::new(0)),
                Arc::new(AtomicU32::new(0)),
                Arc::new(AtomicU32::new(0)),
            );
            let group = ErrGroup::<()>::new().limit(7);
            for n in 0..3000_u32 {
                let (running, most, ran) = (running.clone(), most.clone(), ran.clone());
                let adds = (n % 10 == 0).then(|| group.clone());
                group.go(move || {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    yield_now();
                    if let Some(group) = adds {
                        let ran = ran.clone();
                        // `go` would wait for its own place once all who run add.
                        let _ = group.try_go(move || {
                            ran.fetch_add(1_000_000, Ordering::SeqCst);
                            Ok(())
                        });
                    }
                    running.fetch_sub(1, Ordering::SeqCst);
                    ran.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                });
            }
            group.wait().unwrap();
            assert_eq!(ran.load(Ordering::SeqCst) % 1_000_000, 3000);
            assert_eq!(running.load(Ordering::SeqCst), 0);
            assert!(most.load(Ordering::SeqCst) <= 7);
        };
        Builder::new().spawn_in(&runtime, body).unwrap().join().unwrap();
        assert_eq!(runtime.live(), 0);
    }
}

#[test]
fn a_full_group_gives_the_function_back_or_waits_where_it_was_asked() {
    let group = ErrGroup::<()>::new().limit(1);
    let gate = Chan::<()>::new(0);
    let closed = gate.recvs();
    group.go(move || {
        closed.recv();
        Ok(())
    });
    let back = group.try_go(|| Ok(())).expect_err("it is full");
    assert_eq!(back(), Ok(()));
    let name = unique("waits-for-a-place");
    let adds = group.clone();
    let adder = Builder::new().name(&name).spawn(move || adds.go(|| Ok(()))).unwrap();
    let (snapshot, _, wait) = parked(&name);
    assert_eq!(wait.reason, WaitReason::Send);
    assert!(snapshot.sites[wait.site.0 as usize].file.ends_with("groups.rs"));
    gate.close();
    adder.join().unwrap();
    assert_eq!(group.wait(), Ok(()));
}

#[test]
fn a_wait_for_a_group_is_a_join_of_its_members() {
    let group = ErrGroup::<()>::new();
    let gate = Chan::<()>::new(0);
    let closed = gate.recvs();
    group.go(move || {
        closed.recv();
        Ok(())
    });
    let name = unique("waits-for-a-group");
    let waits = Builder::new().name(&name).spawn(move || group.wait()).unwrap();
    let (snapshot, _, wait) = parked(&name);
    assert_eq!(wait.reason, WaitReason::Join);
    let Target::Task(member) = wait.arms[0].on else { panic!("on a member: {:?}", wait.arms) };
    let member = snapshot.tasks.iter().find(|task| task.id == member).unwrap();
    let entry = &snapshot.spawns[member.spawn.unwrap().0 as usize].entry;
    assert!(entry.contains("a_wait_for_a_group"), "the member's own closure: {entry}");
    gate.close();
    assert_eq!(waits.join().unwrap(), Ok(()));
}

#[test]
fn a_panic_comes_out_of_wait_after_all_have_ended() {
    run(|| {
        let (group, ctx) = ErrGroup::<()>::with_context(&Context::background());
        let ended = Arc::new(AtomicU32::new(0));
        for _ in 0..10 {
            let (ctx, ended) = (ctx.clone(), ended.clone());
            group.go(move || {
                ctx.done().wait();
                ended.fetch_add(1, Ordering::SeqCst);
                Ok(())
            });
        }
        group.go(|| panic!("member down"));
        let panic = catch_unwind(AssertUnwindSafe(|| group.wait())).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"member down"));
        assert_eq!(ended.load(Ordering::SeqCst), 10);
    });
}

#[test]
fn a_long_lived_group_keeps_no_members_that_have_ended() {
    run(|| {
        let group = ErrGroup::<()>::new().limit(4);
        for _ in 0..20_000 {
            group.go(|| Ok(()));
        }
        let shown = format!("{group:?}");
        let members = shown.split("members: ").nth(1).unwrap().split(',').next().unwrap();
        let members: u32 = members.parse().unwrap();
        assert!(members < 100, "{shown}");
        group.wait().unwrap();
    });
}

#[test]
fn one_run_serves_all_who_ask_meanwhile() {
    for workers in [1, 4] {
        let runtime = Runtime::builder().workers(workers).start().unwrap();
        let body = || {
            let (group, runs) = (Arc::new(Group::new()), Arc::new(AtomicU32::new(0)));
            let gate = Chan::<()>::new(0);
            let askers: Vec<_> = (0..2000)
                .map(|_| {
                    let (group, runs, gate) = (group.clone(), runs.clone(), gate.recvs());
                    spawn(move || {
                        group.run("key", || {
                            gate.recv();
                            runs.fetch_add(1, Ordering::SeqCst);
                            String::from("value")
                        })
                    })
                })
                .collect();
            assert_eq!(group.run("other", || String::from("own")), (String::from("own"), false));
            gate.close();
            for asker in askers {
                assert_eq!(asker.join().unwrap().0, "value");
            }
            let runs = runs.load(Ordering::SeqCst);
            assert!(runs >= 1);
            assert_eq!(group.run("key", || String::from("new")), (String::from("new"), false));
        };
        Builder::new().spawn_in(&runtime, body).unwrap().join().unwrap();
        assert_eq!(runtime.live(), 0);
    }
}

/// A run that is under way until the gate opens, and one who waits for it.
struct Shared {
    group: Arc<Group<u32, u32>>,
    gate: Chan<bool>,
    waits: String,
    runner: gleak_runtime::JoinHandle<(u32, bool)>,
    waiter: gleak_runtime::JoinHandle<(u32, bool)>,
}

fn shared() -> Shared {
    let group = Arc::new(Group::new());
    let gate = Chan::new(0);
    let (runs, waits) = (unique("runs"), unique("waits-for-a-run"));
    let (mine, opened) = (group.clone(), gate.recvs());
    let runner = Builder::new().name(&runs).spawn(move || {
        mine.run(1, || {
            assert!(opened.recv() == Some(true), "told to panic");
            10
        })
    });
    let runner = runner.expect("a task");
    parked(&runs);
    let theirs = group.clone();
    let waiter = Builder::new().name(&waits).spawn(move || theirs.run(1, || 11));
    let waiter = waiter.expect("a task");
    parked(&waits);
    Shared { group, gate, waits, runner, waiter }
}

#[test]
fn who_waits_for_a_run_is_known_to_wait_for_its_runner() {
    let shared = shared();
    let (snapshot, _, wait) = parked(&shared.waits);
    assert_eq!(wait.reason, WaitReason::ReadLock);
    let Target::Object(id) = wait.arms[0].on else { panic!("on the run: {:?}", wait.arms) };
    let object = snapshot.objects.iter().find(|it| it.id == id).unwrap();
    let ObjectDetail::RwLock { owner: Some(owner), .. } = object.detail else {
        panic!("owned: {:?}", object.detail)
    };
    assert_eq!(owner.task.0, shared.runner.id());
    shared.gate.send(true);
    assert_eq!(shared.runner.join().unwrap(), (10, true));
    assert_eq!(shared.waiter.join().unwrap(), (10, true));
}

#[test]
fn a_panic_of_the_run_reaches_all() {
    let shared = shared();
    shared.gate.send(false);
    assert!(shared.runner.join().unwrap_err().to_string().contains("told to panic"));
    let error = shared.waiter.join().unwrap_err().to_string();
    assert!(
        error.contains("the run for this key, begun at") && error.contains("groups.rs"),
        "{error}"
    );
    assert_eq!(shared.group.run(1, || 12), (12, false), "and is forgotten");
}

#[test]
fn a_forgotten_run_serves_who_came_before() {
    let shared = shared();
    shared.group.forget(&1);
    assert_eq!(shared.group.run(1, || 20), (20, false), "a run of its own");
    shared.gate.send(true);
    assert_eq!(shared.runner.join().unwrap(), (10, true));
    assert_eq!(shared.waiter.join().unwrap(), (10, true));
}

#[test]
fn runs_come_and_go_without_losing_anybody() {
    run(|| {
        let (group, open) = (Arc::new(Group::new()), WaitGroup::new());
        for n in 0..5000_u32 {
            open.add(1);
            let (group, open) = (group.clone(), open.clone());
            go! {
                let key = n % 5;
                let (value, _) = group.run(key, || {
                    yield_now();
                    key
                });
                assert_eq!(value, key);
                open.done();
            };
        }
        open.wait();
        until(|| format!("{group:?}").contains("under_way: 0"));
    });
}
