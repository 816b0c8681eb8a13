//! Semaphores: never more at a time than there are, in order, and everything comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gleak_runtime::time::Instant;
use gleak_runtime::{Builder, Mutex, OwnedPermit, Permit, Semaphore, WaitGroup, spawn, yield_now};

use crate::support::{parked, under_1_and_4, unique};

static LIMIT: Semaphore = Semaphore::new(3);

#[test]
fn never_more_than_there_are() {
    under_1_and_4(|| {
        let shared = Arc::new((Semaphore::new(7), AtomicUsize::new(0)));
        let group = WaitGroup::new();
        for task in 0..3000 {
            let shared = shared.clone();
            group.go(move || {
                let (semaphore, used) = &*shared;
                let wanted = task % 7 + 1;
                let permit = semaphore.acquire(wanted);
                assert_eq!(permit.count(), wanted);
                assert!(used.fetch_add(wanted, Ordering::Relaxed) + wanted <= 7);
                yield_now();
                used.fetch_sub(wanted, Ordering::Relaxed);
            });
        }
        group.wait();
        assert_eq!((shared.0.available(), shared.0.size()), (7, 7));
    });
}

#[test]
fn who_asks_for_much_is_not_overtaken() {
    let semaphore = Arc::new(Semaphore::new(2));
    let order = Arc::new(Mutex::new(Vec::new()));
    let held = semaphore.acquire(1);
    let tasks: Vec<_> = [2, 1]
        .into_iter()
        .map(|wanted| {
            let (name, semaphore, order) = (unique("asks"), semaphore.clone(), order.clone());
            let task = Builder::new().name(&name).spawn(move || {
                let _permit = semaphore.acquire(wanted);
                order.lock().unwrap().push(wanted);
            });
            parked(&name);
            task.unwrap()
        })
        .collect();
    assert!(semaphore.try_acquire(1).is_none(), "one is there, and others came before");
    drop(held);
    tasks.into_iter().for_each(|task| task.join().unwrap());
    assert_eq!(*order.lock().unwrap(), [2, 1]);
    assert_eq!(semaphore.available(), 2);
}

#[test]
fn a_limit_in_time() {
    let semaphore = Semaphore::new(2);
    let held = semaphore.acquire(2);
    assert!(semaphore.acquire_timeout(1, Duration::ZERO).is_none());
    assert!(semaphore.acquire_deadline(1, Instant::now()).is_none());
    assert!(semaphore.acquire_timeout(3, Duration::ZERO).is_none(), "more than there are");
    drop(held);
    assert_eq!(semaphore.acquire_timeout(2, Duration::ZERO).map(|permit| permit.count()), Some(2));
    assert!(semaphore.try_acquire(3).is_none());
    assert!(semaphore.try_acquire(2).is_some());
    assert_eq!(semaphore.acquire(0).count(), 0);
    assert_eq!(format!("{semaphore:?}"), "Semaphore { size: 2, available: 2 }");
}

/// Those in front give up again and again: who stands behind them must be served all the same.
#[test]
fn who_gives_up_lets_those_behind_go_on() {
    under_1_and_4(|| {
        let semaphore = Arc::new(Semaphore::new(3));
        let group = WaitGroup::new();
        for task in 0..2000 {
            let semaphore = semaphore.clone();
            group.go(move || {
                if task % 2 == 0 {
                    drop(semaphore.acquire_timeout(3, Duration::ZERO));
                } else {
                    let _permit = semaphore.acquire(1);
                    yield_now();
                }
            });
        }
        group.wait();
        assert_eq!(semaphore.available(), 3);
    });
}

#[test]
fn who_asks_for_more_than_there_are_keeps_nobody_waiting() {
    let semaphore = Arc::new(Semaphore::new(2));
    let (name, greedy) = (unique("greedy"), semaphore.clone());
    drop(Builder::new().name(&name).spawn(move || drop(greedy.acquire(3))));
    parked(&name);
    assert_eq!(semaphore.acquire(2).count(), 2);
}

#[test]
fn permits_go_elsewhere_and_come_back_from_there() {
    let semaphore = Arc::new(Semaphore::new(4));
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let permit: OwnedPermit = semaphore.acquire_owned(n % 4 + 1);
            spawn(move || permit.count())
        })
        .collect();
    let sum: usize = tasks.into_iter().map(|task| task.join().unwrap()).sum();
    assert_eq!(sum, 250);
    assert_eq!((semaphore.available(), Arc::strong_count(&semaphore)), (4, 1));
    assert!(semaphore.try_acquire_owned(5).is_none());
    let permit: Permit<'static> = LIMIT.acquire(2);
    spawn(move || drop(permit)).join().unwrap();
    assert_eq!(LIMIT.available(), 3);
}

#[test]
fn a_panic_gives_permits_back() {
    let semaphore = Arc::new(Semaphore::new(1));
    let panics = semaphore.clone();
    let task = spawn(move || {
        let _permit = panics.acquire(1);
        panic!("with a permit");
    });
    assert!(task.join().is_err());
    assert_eq!(semaphore.available(), 1);
}

#[test]
fn what_was_forgotten_may_be_released_and_nothing_else() {
    let semaphore = Arc::new(Semaphore::new(3));
    semaphore.acquire(1).forget();
    semaphore.acquire_owned(1).forget();
    let held = semaphore.acquire(1);
    assert_eq!((semaphore.available(), Arc::strong_count(&semaphore)), (0, 1));
    semaphore.release(2);
    assert_eq!(semaphore.available(), 2);
    let other = semaphore.clone();
    let error = spawn(move || other.release(1)).join().unwrap_err();
    assert!(error.to_string().contains("1 permits released where 0 were forgotten"), "{error}");
    drop(held);
    assert_eq!(semaphore.available(), 3);
}

#[test]
fn a_release_wakes_as_many_as_it_is_enough_for() {
    let semaphore = Arc::new(Semaphore::new(3));
    semaphore.acquire(3).forget();
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let (name, semaphore) = (unique("waits-for-release"), semaphore.clone());
            let task = Builder::new().name(&name).spawn(move || semaphore.acquire(1).forget());
            parked(&name);
            task.unwrap()
        })
        .collect();
    semaphore.release(3);
    tasks.into_iter().for_each(|task| task.join().unwrap());
    assert_eq!(semaphore.available(), 0);
}
