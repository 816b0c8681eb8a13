//! Orders: a seed decides who runs, and always the same way.

use std::collections::BTreeSet;
use std::sync::Arc;

use gleak_runtime::{Builder, Chan, Mutex, Order, Runtime, WaitGroup, go, select};

/// What tasks that meet at a lock, a channel and a select do, in the order in which they do it.
fn history(order: Order) -> Vec<u32> {
    let runtime = Runtime::builder().workers(1).order(order).start().expect("a worker");
    let body = || {
        let (log, gate) = (Arc::new(Mutex::new(Vec::new())), Chan::new(1));
        let done = WaitGroup::new();
        for task in 0..4 {
            let (log, gate, done) = (log.clone(), gate.clone(), done.clone());
            done.add(1);
            go! {
                for step in 0..3 {
                    log.lock().expect("not poisoned").push(task * 10 + step);
                    gate.send(());
                    let taken = select! { _ = recv(gate) => 100, default => 200 };
                    log.lock().expect("not poisoned").push(taken + task);
                }
                done.done();
            };
        }
        // Who sends may have to wait until somebody receives.
        let drain = gate.clone();
        let drained = go! { drain.iter().count() };
        done.wait();
        gate.close();
        drained.join().expect("no panic");
        log.lock().expect("not poisoned").clone()
    };
    let task = Builder::new().spawn_in(&runtime, body).expect("room for a task");
    task.join().expect("no panic")
}

#[test]
fn one_seed_is_one_order_and_seeds_differ() {
    let seeds = || (0..40).map(|seed| history(Order::Seeded(seed)));
    let first: Vec<_> = seeds().collect();
    assert!(first == seeds().collect::<Vec<_>>(), "the same seeds take the same order");
    let distinct: BTreeSet<_> = first.iter().collect();
    assert!(distinct.len() > 30, "{} orders of 40 seeds", distinct.len());
    assert!(first.iter().all(|log| log.len() == 24), "everybody does everything");
}

#[test]
fn a_runtime_from_the_pool_follows_the_order_that_is_asked_for_now() {
    let before = history(Order::Seeded(7));
    for _ in 0..10 {
        assert_eq!(history(Order::Fair).len(), 24);
        assert!(history(Order::Seeded(7)) == before, "the same seed");
    }
}

#[test]
fn a_seeded_order_has_one_worker() {
    let error = Runtime::builder().workers(2).order(Order::Seeded(1)).start().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("one worker, not 2"), "{error}");
}
