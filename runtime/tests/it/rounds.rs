//! Barriers and wait groups: all come together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gleak_runtime::{Barrier, Builder, Chan, WaitGroup, WaitToken, spawn, yield_now};

use crate::support::{parked, under_1_and_4, unique};

static START: Barrier = Barrier::new(2);

#[test]
fn nobody_is_a_round_ahead_and_each_has_one_leader() {
    const TASKS: u32 = 200;
    const ROUNDS: u32 = 20;
    under_1_and_4(|| {
        let shared = Arc::new((Barrier::new(TASKS as usize), AtomicU32::new(0)));
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let shared = shared.clone();
                spawn(move || {
                    let mut led = 0;
                    for round in 0..ROUNDS {
                        shared.1.fetch_add(1, Ordering::Relaxed);
                        led += u32::from(shared.0.wait().is_leader());
                        let come = shared.1.load(Ordering::Relaxed);
                        assert!(come >= (round + 1) * TASKS && come < (round + 2) * TASKS);
                    }
                    led
                })
            })
            .collect();
        let led: u32 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
        assert_eq!(led, ROUNDS);
    });
}

#[test]
fn a_barrier_for_one_or_none_keeps_nobody() {
    assert!(Barrier::new(1).wait().is_leader());
    let none = Barrier::new(0);
    assert!(none.wait().is_leader() && none.wait().is_leader());
    assert_eq!(format!("{none:?}"), "Barrier { size: 0, arrived: 0 }");
}

#[test]
fn a_thread_and_a_task_meet() {
    let task = spawn(|| START.wait().is_leader());
    let leader = START.wait().is_leader();
    assert!(leader != task.join().unwrap());
}

#[test]
fn a_group_waits_for_its_tokens() {
    under_1_and_4(|| {
        let (group, ended) = (WaitGroup::new(), Arc::new(AtomicU32::new(0)));
        for _ in 0..2000 {
            let (token, ended) = (group.token(), ended.clone());
            drop(spawn(move || {
                let second = token.clone();
                let again = ended.clone();
                drop(spawn(move || {
                    again.fetch_add(1, Ordering::Relaxed);
                    drop(second);
                }));
                yield_now();
                ended.fetch_add(1, Ordering::Relaxed);
                drop(token);
            }));
        }
        group.wait();
        assert_eq!((ended.load(Ordering::Relaxed), group.count()), (4000, 0));
    });
}

#[test]
fn go_counts_the_task_until_it_has_ended_however() {
    let group = WaitGroup::new().named("jobs");
    let (done, name) = (Arc::new(AtomicU32::new(0)), unique("waits-for-jobs"));
    let (finish, waits) = (Chan::<()>::new(0), group.clone());
    let waiter = Builder::new().name(&name).spawn(move || waits.wait());
    for n in 0..10 {
        let (done, finish) = (done.clone(), finish.clone());
        group.go(move || {
            finish.recv();
            done.fetch_add(1, Ordering::Relaxed);
            assert!(n % 2 == 0, "every other one panics");
        });
    }
    assert_eq!(group.count(), 10);
    let waits = group.clone();
    let late = unique("waits-for-jobs-too");
    let second = Builder::new().name(&late).spawn(move || waits.wait());
    parked(&late);
    finish.close();
    waiter.unwrap().join().unwrap();
    second.unwrap().join().unwrap();
    assert_eq!((group.count(), done.load(Ordering::Relaxed)), (0, 10));
}

#[test]
fn by_hand_nobody_counts_down_what_belongs_to_a_token() {
    let group = WaitGroup::new();
    let token: WaitToken = group.token();
    let (other, site) = (group.clone(), line!() - 1);
    let error = spawn(move || other.done()).join().unwrap_err().to_string();
    let told = format!(
        "counts 0 besides 1 tokens cannot count -1 more; last counted at {}:{site}",
        file!()
    );
    assert!(error.contains(&told), "{error}");
    assert_eq!(group.count(), 1);
    drop(token);
    group.wait();
    group.add(2);
    let other = group.clone();
    let error = spawn(move || other.add(-3)).join().unwrap_err().to_string();
    assert!(error.contains("counts 2 cannot count -3 more; last counted at"), "{error}");
    group.add(-2);
    group.wait();
}

/// A wait that was woken returns, also when the group is in use again by then.
#[test]
fn a_group_may_be_used_again_at_once() {
    under_1_and_4(|| {
        let group = WaitGroup::new();
        for _ in 0..500 {
            let waits: Vec<_> = (0..4)
                .map(|_| {
                    let group = group.clone();
                    spawn(move || group.wait())
                })
                .collect();
            let token = group.token();
            yield_now();
            drop(token);
            let next = group.token();
            // Those that have not begun to wait yet wait for this one.
            drop(next);
            waits.into_iter().for_each(|task| task.join().unwrap());
        }
    });
}
