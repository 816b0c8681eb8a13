//! Wait groups.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gleak_runtime::{WaitGroup, go};

use crate::support::{each, each_task};

#[test]
fn waiting_ends_when_everything_that_was_added_is_done() {
    each_task(|| {
        let (group, done) = (WaitGroup::new(), Arc::new(AtomicU32::new(0)));
        for _ in 0..5000 {
            group.add(1);
            let (group, done) = (group.clone(), done.clone());
            go! {
                done.fetch_add(1, Ordering::Relaxed);
                group.done();
            };
        }
        group.wait();
        assert_eq!(done.load(Ordering::Relaxed), 5000, "done happens before the end of the wait");
    });
}

#[test]
fn waiting_for_nothing_does_not_wait() {
    let group = WaitGroup::new();
    group.wait();
    group.add(3);
    group.add(-3);
    group.wait();
    assert_eq!(group.count(), 0);
}

#[test]
fn everybody_who_waits_is_woken() {
    each(|world| {
        let group = WaitGroup::new();
        group.add(2);
        let waiters: Vec<_> = (0..1000)
            .map(|_| {
                let group = group.clone();
                world.go(move || group.wait())
            })
            .collect();
        world.asleep(1000);
        group.done();
        world.asleep(1000);
        group.done();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

#[test]
fn a_group_may_be_used_again_when_the_waits_have_ended() {
    each_task(|| {
        let group = WaitGroup::new();
        for round in 1..=200 {
            group.add(round);
            for _ in 0..round {
                let group = group.clone();
                go! { group.done() };
            }
            group.wait();
            assert_eq!(group.count(), 0);
        }
    });
}

#[test]
fn a_count_below_zero_panics_and_changes_nothing() {
    each(|world| {
        let group = WaitGroup::new();
        group.add(1);
        let other = group.clone();
        let error = world.go(move || other.add(-2)).join().unwrap_err();
        assert!(error.to_string().contains("counts 1 cannot count -2 more"), "{error}");
        assert_eq!(group.count(), 1);
        group.done();
        group.wait();
    });
}

#[test]
fn a_token_is_done_when_it_goes_wherever_and_however() {
    each(|world| {
        let group = WaitGroup::new();
        let tasks = world.many(900, |number| {
            let token = group.token();
            move || match number % 3 {
                0 => drop(token),
                1 => drop(go! { drop(token) }),
                // Without the noise of the hook.
                _ => std::panic::resume_unwind(Box::new(token)),
            }
        });
        let (here, more) = (group.token(), group.clone());
        let waiter = world.go(move || more.wait());
        let panics: Vec<_> = tasks.into_iter().filter_map(|task| task.join().err()).collect();
        assert_eq!(panics.len(), 300);
        drop(panics);
        world.asleep(1);
        assert_eq!(group.count(), 1);
        drop(here);
        waiter.join().unwrap();
    });
}

#[test]
fn a_clone_of_a_token_is_one_more_piece_of_work() {
    let group = WaitGroup::new();
    let token = group.token();
    let tokens = vec![token.clone(); 10];
    drop(token);
    assert_eq!(group.count(), 10);
    drop(tokens);
    group.wait();
}

#[test]
fn nobody_counts_down_by_hand_what_belongs_to_a_token() {
    each(|world| {
        let group = WaitGroup::new();
        let token = group.token();
        group.add(2);
        let other = group.clone();
        let error = world.go(move || other.add(-3)).join().unwrap_err().to_string();
        assert!(error.contains("counts 2 besides 1 tokens cannot count -3 more"), "{error}");
        group.add(-2);
        assert_eq!(group.count(), 1);
        drop(token);
        group.wait();
    });
}

#[test]
fn what_a_group_runs_is_counted_until_it_has_ended_also_by_a_panic() {
    each_task(|| {
        let (group, ran) = (WaitGroup::new(), Arc::new(AtomicU32::new(0)));
        for number in 0..2000 {
            let ran = ran.clone();
            group.go(move || {
                ran.fetch_add(1, Ordering::Relaxed);
                if number % 100 == 0 {
                    std::panic::resume_unwind(Box::new(number));
                }
            });
        }
        group.wait();
        assert_eq!(ran.load(Ordering::Relaxed), 2000);
    });
}
