//! Scopes: tasks that borrow, joined before their parent goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use gleak_runtime::report::detector::{Certainty, Question, Rule, Scope, analyze};
use gleak_runtime::report::snapshot::{Arm, Target, TaskState, WaitOp, WaitReason};
use gleak_runtime::{
    Builder, Chan, Mutex, Region, RegionKind, Runtime, bounded, hold_worker, report, run, scope,
    select, spawn, yield_now,
};

use crate::support::{named, parked, unique, until};

fn message(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).expect("text")
}

/// Runs the body as a task of a runtime with so many workers.
fn with_workers<R: Send + 'static>(workers: usize, body: impl FnOnce() -> R + Send + 'static) -> R {
    let runtime = Runtime::builder().workers(workers).start().expect("a runtime");
    let task = Builder::new().spawn_in(&runtime, body).expect("a task");
    task.join().expect("no panic")
}

#[test]
fn tasks_borrow_locals_of_their_parent() {
    for workers in [1, 4] {
        let (words, sum) = with_workers(workers, || {
            let mut words = vec!["a".to_owned()];
            let numbers = [1_u32, 2, 3];
            let sum = scope(|s| {
                s.spawn(|| words.push("b".to_owned()));
                let halves = numbers.split_at(1);
                let first = s.spawn(move || halves.0.iter().sum::<u32>());
                let second = s.spawn(move || halves.1.iter().sum::<u32>());
                first.join().unwrap() + second.join().unwrap()
            });
            (words, sum)
        });
        assert_eq!((words.len(), sum), (2, 6));
    }
}

#[test]
fn a_result_may_borrow_as_well() {
    run(|| {
        let text = "one two".to_owned();
        let longest = scope(|s| {
            let word = s.spawn(|| text.split(' ').next_back().unwrap());
            word.join().unwrap().len()
        });
        assert_eq!(longest, 3);
    });
}

#[test]
fn ten_thousand_children_end_before_their_parent_goes_on() {
    for workers in [1, 4] {
        let count = with_workers(workers, || {
            let count = AtomicU32::new(0);
            scope(|s| {
                for number in 0..10_000 {
                    let count = &count;
                    s.spawn(move || {
                        if number % 3 == 0 {
                            yield_now();
                        }
                        count.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
            count.into_inner()
        });
        assert_eq!(count, 10_000);
    }
}

#[test]
fn scopes_nest_and_children_spawn_into_them() {
    for workers in [1, 4] {
        let total = with_workers(workers, || {
            let total = AtomicU64::new(0);
            scope(|outer| {
                for _ in 0..50 {
                    outer.spawn(|| {
                        let mut own = [0_u64; 4];
                        scope(|inner| {
                            for part in &mut own {
                                inner.spawn(|| {
                                    yield_now();
                                    *part += 1;
                                });
                            }
                        });
                        outer.spawn(|| total.fetch_add(1000, Ordering::Relaxed));
                        total.fetch_add(own.iter().sum(), Ordering::Relaxed);
                    });
                }
            });
            total.into_inner()
        });
        assert_eq!(total, 50 * 1004);
    }
}

#[test]
fn who_has_left_a_scope_finds_no_task_of_it_counted() {
    let region = Region::open(RegionKind::Guard, "scope");
    let entered = region.enter();
    for _ in 0..500 {
        scope(|s| {
            for _ in 0..20 {
                s.spawn(yield_now);
            }
        });
        assert_eq!(region.live(), 1, "the entered thread itself");
    }
    drop(entered);
}

#[test]
fn values_are_dropped_once_whether_joined_detached_or_leaked() {
    struct Counted<'c>(&'c AtomicU32);
    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    run(|| {
        let (captured, returned) = (AtomicU32::new(0), AtomicU32::new(0));
        scope(|s| {
            for number in 0..300 {
                let inside = Counted(&captured);
                let result = &returned;
                let handle = s.spawn(move || {
                    let _inside = inside;
                    Counted(result)
                });
                match number % 3 {
                    0 => drop(handle.join().unwrap()),
                    1 => drop(handle),
                    // A leaked handle keeps the result for ever, and nobody from going on.
                    _ => std::mem::forget(handle),
                }
            }
        });
        assert_eq!((captured.into_inner(), returned.into_inner()), (300, 200));
    });
}

#[test]
fn a_panic_that_nobody_joins_makes_the_scope_panic() {
    run(|| {
        let ended = AtomicBool::new(false);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            scope(|s| {
                Builder::new().name("culprit").spawn_scoped(s, || panic!("its words")).unwrap();
                s.spawn(|| {
                    yield_now();
                    ended.store(true, Ordering::SeqCst);
                });
            });
        }));
        let payload = panic.unwrap_err();
        let text = message(payload.as_ref());
        assert!(text.starts_with("a scoped task panicked: t"), "{text}");
        assert!(text.contains("\"culprit\"") && text.ends_with("its words"), "{text}");
        assert!(ended.into_inner(), "the others are waited for");
    });
}

#[test]
fn a_joined_panic_is_its_joiners() {
    run(|| {
        let error = scope(|s| s.spawn(|| panic!("heard")).join().unwrap_err());
        assert!(error.to_string().contains("heard"), "{error}");
        let leaked = catch_unwind(|| {
            scope(|s| std::mem::forget(s.spawn(|| panic!("through a leaked handle"))));
        });
        assert!(message(leaked.unwrap_err().as_ref()).contains("through a leaked handle"));
    });
}

#[test]
fn the_bodys_own_panic_comes_first_and_after_the_tasks() {
    #[inline(never)]
    fn culprit() {
        panic!("the body's");
    }
    let region = Region::open(RegionKind::Guard, "panics");
    let task = region.builder().spawn(|| {
        let mut ended = [false; 100];
        let panic = catch_unwind(AssertUnwindSafe(|| {
            scope(|s| {
                for end in &mut ended {
                    s.spawn(move || {
                        yield_now();
                        *end = true;
                    });
                }
                s.spawn(|| panic!("a child's"));
                culprit();
            });
        }));
        assert!(ended.iter().all(|end| *end));
        std::panic::resume_unwind(panic.unwrap_err());
    });
    let error = task.unwrap().join().unwrap_err();
    assert!(error.to_string().contains("the body's"), "{error}");
    let facts = report::snapshot();
    let kept = facts.panics.iter().find(|it| it.message == "a child's").expect("not silent");
    assert_eq!(kept.region.map(|it| it.0), Some(region.id()));
    region.close();
}

#[test]
fn a_panic_through_a_scope_keeps_its_stack() {
    #[inline(never)]
    fn culprit() {
        panic!("with a stack");
    }
    let task = spawn(|| {
        scope(|s| {
            s.spawn(|| catch_unwind(|| panic!("another one here meanwhile")).is_err());
            culprit();
        });
    });
    let stack = task.join().unwrap_err().stack();
    assert!(stack.first().is_some_and(|frame| frame.contains("culprit")), "{stack:#?}");
}

#[test]
fn the_wait_names_the_children_that_are_left() {
    let (parent, child) = (unique("parent"), unique("child"));
    let hold = Chan::<()>::new(0);
    let waits = hold.clone();
    let child_name = child.clone();
    let task = Builder::new().name(&parent).spawn(move || {
        scope(|s| {
            for _ in 0..3 {
                let builder = Builder::new().name(&child_name);
                builder.spawn_scoped(s, || waits.recv()).unwrap();
            }
        });
    });
    // A child that was made under a look is named by the wait, and is in the next look.
    let (snapshot, _, wait) = loop {
        let seen = parked(&parent);
        let lives = |arm: &Arm| seen.0.tasks.iter().any(|task| arm.on == Target::Task(task.id));
        if seen.2.arms.iter().filter(|arm| lives(arm)).count() == 3 {
            break seen;
        }
    };
    assert_eq!((wait.reason, wait.unlisted_arms, wait.until_ns), (WaitReason::Join, 0, None));
    for arm in &wait.arms {
        let Target::Task(id) = arm.on else { panic!("a task: {arm:?}") };
        let named = snapshot.tasks.iter().find(|task| task.id == id).expect("it lives");
        assert_eq!((arm.op, named.name.as_deref()), (WaitOp::Join, Some(child.as_str())));
    }
    assert_eq!(snapshot.validate(), Ok(()));
    hold.send(());
    // One has ended: the same wait goes on without it.
    until(|| match named(&parent).expect("it waits").1.state {
        TaskState::Waiting(wait) => wait.arms.len() == 2 && wait.unlisted_arms == 0,
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => false,
    });
    hold.close();
    task.unwrap().join().unwrap();
}

#[test]
fn a_child_that_wants_its_parents_lock_is_a_certain_cycle_while_its_sister_goes_on() {
    let region = Region::open(RegionKind::Guard, "cycle");
    let (parent, child) = (unique("holds"), unique("wants"));
    let (stop, child_name) = (Chan::<()>::new(0), child.clone());
    let goes_on = stop.clone();
    let builder = region.builder().name(&parent);
    let task = builder.spawn(move || {
        let lock = Mutex::new(());
        let _guard = lock.lock().unwrap();
        scope(|s| {
            // The first that is listed, and it is none of those that are stuck.
            s.spawn(|| {
                while goes_on.try_recv().is_err() {
                    yield_now();
                }
            });
            Builder::new().name(&child_name).spawn_scoped(s, || drop(lock.lock())).unwrap();
        });
    });
    parked(&child);
    parked(&parent);
    let scope = Scope::Region(gleak_runtime::report::snapshot::RegionId(region.id()));
    let found = loop {
        let report =
            analyze(&report::snapshot(), &Question { scope: scope.clone(), ..Question::default() });
        let mut findings = report.findings.into_iter();
        if let Some(found) = findings.find(|it| it.key.rule == Rule::Cycle) {
            break found;
        }
        yield_now();
    };
    assert_eq!(found.certainty, Certainty::Certain);
    assert_eq!((found.tasks(), found.chain.len()), (2, 2), "{found:#?}");
    assert!(!task.unwrap().is_finished());
    stop.send(());
}

#[test]
fn a_scope_whose_tasks_all_go_on_is_no_finding() {
    let region = Region::open(RegionKind::Guard, "healthy");
    let hold = Chan::<()>::new(0);
    let waits = hold.clone();
    let parent = unique("healthy");
    let task = region.builder().name(&parent).spawn(move || {
        scope(|s| {
            for _ in 0..200 {
                s.spawn(|| waits.recv());
            }
        });
    });
    parked(&parent);
    let certain = |report: gleak_runtime::report::detector::Report| {
        report.findings.iter().any(|it| it.certainty == Certainty::Certain)
    };
    let scope = Scope::Region(gleak_runtime::report::snapshot::RegionId(region.id()));
    for _ in 0..200 {
        hold.send(());
        let question = Question { scope: scope.clone(), ..Question::default() };
        assert!(!certain(analyze(&report::snapshot(), &question)));
    }
    task.unwrap().join().unwrap();
}

#[test]
fn outside_threads_and_held_workers_may_have_scopes() {
    let mut numbers = [0_u32; 64];
    scope(|s| {
        for number in &mut numbers {
            s.spawn(|| {
                yield_now();
                *number += 1;
            });
        }
    });
    let held = with_workers(2, || {
        let mut own = 0;
        hold_worker(|| scope(|s| drop(s.spawn(|| own += 1))));
        own
    });
    assert_eq!((numbers.iter().sum::<u32>(), held), (64, 1));
}

#[test]
fn a_scope_in_an_unwinding_waits_too() {
    struct Scoped<'s>(&'s AtomicU32);
    impl Drop for Scoped<'_> {
        fn drop(&mut self) {
            let count = self.0;
            scope(|s| drop(s.spawn(|| count.fetch_add(1, Ordering::SeqCst))));
        }
    }
    let count = with_workers(2, || {
        let count = AtomicU32::new(0);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            let _scoped = Scoped(&count);
            panic!("unwinding on purpose");
        }));
        assert!(panic.is_err());
        count.into_inner()
    });
    assert_eq!(count, 1);
}

#[test]
fn a_scoped_handle_can_be_selected() {
    run(|| {
        let text = "borrowed".to_owned();
        let (send, receive) = bounded::<()>(1);
        let len = scope(|s| {
            let handle = s.spawn(|| text.len());
            assert!(handle.id() > 0);
            select! {
                len = join(handle) => len.unwrap(),
                _ = recv(receive) => 0,
            }
        });
        drop(send);
        assert_eq!(len, 8);
    });
}

#[test]
fn a_big_closure_goes_into_a_box() {
    run(|| {
        let base = 1_u64;
        let big = [1_u8; 200 << 10];
        let boxed = scope(|s| {
            s.spawn(move || base + big.iter().map(|it| u64::from(*it)).sum::<u64>()).join().unwrap()
        });
        assert_eq!(boxed, (200 << 10) + 1);
    });
}

#[test]
fn parents_and_children_find_each_other_under_stress() {
    for workers in [1, 4] {
        let left = with_workers(workers, || {
            let scopes: Vec<_> = (0..100)
                .map(|_| {
                    spawn(|| {
                        let mut sum = 0_u64;
                        for round in 0..50 {
                            let part = AtomicU64::new(0);
                            scope(|s| {
                                for _ in 0..round % 5 {
                                    s.spawn(|| part.fetch_add(1, Ordering::Relaxed));
                                }
                            });
                            sum += part.into_inner();
                        }
                        sum
                    })
                })
                .collect();
            scopes.into_iter().map(|it| it.join().unwrap()).sum::<u64>()
        });
        assert_eq!(left, 100 * 100);
    }
}
