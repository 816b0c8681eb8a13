//! Conds: who is notified goes on, in order; nothing is notified in vain.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use gleak_runtime::time::Instant;
use gleak_runtime::{Builder, Chan, Cond, Mutex, WaitGroup, run, spawn};

use crate::support::{parked, under_1_and_4, unique};

static READY: (Mutex<bool>, Cond) = (Mutex::new(false), Cond::new());

#[test]
fn a_wait_gives_the_mutex_back_and_takes_it_again() {
    let waits = spawn(|| {
        let mut guard = READY.0.lock().unwrap();
        while !*guard {
            guard = READY.1.wait(guard).unwrap();
        }
        assert!(READY.0.try_lock().is_err(), "it has the mutex");
    });
    *READY.0.lock().unwrap() = true;
    READY.1.notify_one();
    waits.join().unwrap();
}

/// A queue of Go's textbook: producers and consumers wait for each other through two conds.
struct Queue {
    items: Mutex<(VecDeque<u64>, bool)>,
    not_full: Cond,
    not_empty: Cond,
}

impl Queue {
    fn put(&self, item: u64) {
        let full = |it: &mut (VecDeque<u64>, bool)| it.0.len() == 3;
        let mut items = self
            .not_full
            .wait_while(self.items.lock().expect("not poisoned"), full)
            .expect("not poisoned");
        items.0.push_back(item);
        drop(items);
        self.not_empty.notify_one();
    }

    fn take(&self) -> Option<u64> {
        let empty = |it: &mut (VecDeque<u64>, bool)| it.0.is_empty() && !it.1;
        let mut items = self
            .not_empty
            .wait_while(self.items.lock().expect("not poisoned"), empty)
            .expect("not poisoned");
        let item = items.0.pop_front();
        drop(items);
        self.not_full.notify_one();
        item
    }
}

#[test]
fn a_queue_between_many_loses_nothing() {
    under_1_and_4(|| {
        let queue = Arc::new(Queue {
            items: Mutex::new((VecDeque::new(), false)),
            not_full: Cond::new(),
            not_empty: Cond::new(),
        });
        let takers: Vec<_> = (0..50)
            .map(|_| {
                let queue = queue.clone();
                spawn(move || std::iter::from_fn(|| queue.take()).sum::<u64>())
            })
            .collect();
        let putters = WaitGroup::new();
        for first in 0..1000 {
            let queue = queue.clone();
            putters.go(move || (0..5).for_each(|n| queue.put(first * 5 + n)));
        }
        putters.wait();
        queue.items.lock().unwrap().1 = true;
        queue.not_empty.notify_all();
        let sum: u64 = takers.into_iter().map(|task| task.join().unwrap()).sum();
        assert_eq!(sum, (0..5000).sum::<u64>());
    });
}

#[test]
fn notifications_go_out_in_the_order_of_coming() {
    let shared = Arc::new((Mutex::new(Vec::new()), Cond::new()));
    let tasks: Vec<_> = (0..3)
        .map(|n| {
            let (name, shared) = (unique("in-line"), shared.clone());
            let task = Builder::new().name(&name).spawn(move || {
                let guard = shared.0.lock().unwrap();
                shared.1.wait(guard).unwrap().push(n);
            });
            parked(&name);
            task.unwrap()
        })
        .collect();
    for (come, task) in tasks.into_iter().enumerate() {
        shared.1.notify_one();
        task.join().unwrap();
        assert_eq!(shared.0.lock().unwrap().len(), come + 1, "one for each notification");
    }
    assert_eq!(*shared.0.lock().unwrap(), [0, 1, 2]);
}

#[test]
fn a_wait_that_is_over_says_so_and_has_the_mutex() {
    let (mutex, cond) = (Mutex::new(1), Cond::new());
    let guard = mutex.lock().unwrap();
    let (guard, verdict) = cond.wait_timeout(guard, Duration::ZERO).unwrap();
    assert!(verdict.timed_out());
    let (guard, verdict) = cond.wait_deadline(guard, Instant::now()).unwrap();
    assert!(verdict.timed_out() && mutex.try_lock().is_err());
    let (guard, verdict) = cond.wait_timeout_while(guard, Duration::ZERO, |n| *n == 1).unwrap();
    assert!(verdict.timed_out());
    let (guard, verdict) = cond.wait_timeout_while(guard, Duration::ZERO, |n| *n == 2).unwrap();
    assert!(!verdict.timed_out());
    drop(guard);
    assert_eq!(format!("{cond:?}"), "Cond { waiters: 0 }");
}

#[test]
fn a_mutex_poisoned_meanwhile_is_told() {
    let shared = Arc::new((Mutex::new(()), Cond::new()));
    let (name, other) = (unique("hears-of-poison"), shared.clone());
    let waits = Builder::new().name(&name).spawn(move || {
        let guard = other.0.lock().unwrap();
        other.1.wait(guard).is_err()
    });
    parked(&name);
    let other = shared.clone();
    let panics = spawn(move || {
        let _guard = other.0.lock().unwrap();
        other.1.notify_all();
        panic!("with the mutex");
    });
    assert!(panics.join().is_err());
    assert!(waits.unwrap().join().unwrap());
}

/// Each notification lets exactly one take a coin, whoever else gives up at that moment.
#[test]
fn no_notification_is_spent_on_who_gives_up() {
    const COINS: u32 = 2000;
    under_1_and_4(|| {
        let shared = Arc::new((Mutex::new(0_u32), Cond::new()));
        let patient: Vec<_> = (0..COINS)
            .map(|_| {
                let shared = shared.clone();
                spawn(move || {
                    let coins = shared.0.lock().unwrap();
                    *shared.1.wait_while(coins, |coins| *coins == 0).unwrap() -= 1;
                })
            })
            .collect();
        let (stop, hasty) = (Chan::<()>::new(0), WaitGroup::new());
        for _ in 0..8 {
            let (shared, stop) = (shared.clone(), stop.clone());
            hasty.go(move || {
                // Not a taker: it only stands in line for a moment, and must not use one up.
                while stop.try_recv() == Err(gleak_runtime::TryRecvError::Empty) {
                    let guard = shared.0.lock().unwrap();
                    let (guard, verdict) = shared.1.wait_timeout(guard, Duration::ZERO).unwrap();
                    drop(guard);
                    if !verdict.timed_out() {
                        shared.1.notify_one();
                    }
                }
            });
        }
        for _ in 0..COINS {
            *shared.0.lock().unwrap() += 1;
            shared.1.notify_one();
        }
        patient.into_iter().for_each(|task| task.join().unwrap());
        stop.close();
        hasty.wait();
        assert_eq!(*shared.0.lock().unwrap(), 0);
    });
}

#[test]
fn threads_and_tasks_wait_for_one_cond() {
    let shared = Arc::new((Mutex::new(0), Cond::new()));
    let waiter = |shared: Arc<(Mutex<u32>, Cond)>| {
        move || {
            let guard = shared.0.lock().unwrap();
            *shared.1.wait_while(guard, |n| *n == 0).unwrap() += 1;
        }
    };
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(waiter(shared.clone()))).collect();
    let tasks: Vec<_> = (0..4).map(|_| spawn(waiter(shared.clone()))).collect();
    run(move || {
        *shared.0.lock().unwrap() = 1;
        shared.1.notify_all();
        threads.into_iter().for_each(|thread| {
            gleak_runtime::blocking(|| thread.join()).unwrap();
        });
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(*shared.0.lock().unwrap(), 9);
    });
}
