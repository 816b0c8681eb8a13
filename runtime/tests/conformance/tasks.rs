//! Tasks: what a spawn evaluates and orders, what panics and results do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gleak_runtime::{Chan, go, spawn, yield_now};

use crate::support::{each, each_task};

#[test]
fn arguments_are_evaluated_by_the_task_that_spawns() {
    each_task(|| {
        let mut next = 0;
        let mut number = || {
            next += 1;
            next
        };
        let tasks: Vec<_> = (0..1000)
            .map(|_| {
                let argument = number();
                go! { argument }
            })
            .collect();
        assert!(tasks.into_iter().map(|task| task.join().unwrap()).eq(1..=1000));
    });
}

#[test]
fn what_comes_before_a_spawn_happens_before_its_task() {
    each_task(|| {
        let word = Arc::new(AtomicU32::new(0));
        for round in 1..=2000 {
            word.store(round, Ordering::Relaxed);
            let other = word.clone();
            let seen = go! { other.load(Ordering::Relaxed) };
            assert_eq!(seen.join().unwrap(), round);
        }
    });
}

#[test]
fn what_comes_before_a_send_happens_before_what_comes_after_its_receive() {
    each_task(|| {
        for capacity in [0, 1] {
            let (chan, word) = (Chan::new(capacity), Arc::new(AtomicU32::new(0)));
            let (sends, other) = (chan.sends(), word.clone());
            let sender = go! {
                for round in 1..=2000 {
                    other.store(round, Ordering::Relaxed);
                    sends.send(round);
                }
                sends.close();
            };
            for round in &chan {
                assert!(word.load(Ordering::Relaxed) >= round);
            }
            sender.join().unwrap();
        }
    });
}

#[test]
fn what_comes_before_a_close_happens_before_its_end_is_received() {
    each_task(|| {
        for _ in 0..1000 {
            let (done, word) = (Chan::<()>::new(0), Arc::new(AtomicU32::new(0)));
            let (closes, other) = (done.sends(), word.clone());
            go! {
                other.store(1, Ordering::Relaxed);
                closes.close();
            };
            done.recv();
            assert_eq!(word.load(Ordering::Relaxed), 1);
        }
    });
}

#[test]
fn a_panic_ends_its_own_task_and_reaches_who_joins_it() {
    each_task(|| {
        let chan = Chan::new(0);
        let recvs = chan.recvs();
        let other = go! { recvs.recv() };
        let error = spawn(|| -> u32 { panic!("out of ideas") }).join().unwrap_err();
        assert!(error.is_panic() && error.to_string().contains("out of ideas"), "{error}");
        chan.send(1);
        assert_eq!(other.join().unwrap(), Some(1), "others go on");
    });
}

#[test]
fn what_a_panic_unwinds_is_dropped() {
    each(|world| {
        let (alive, gate) = (Arc::new(()), Chan::<()>::new(0));
        let (held, closes) = (alive.clone(), gate.sends());
        let task = world.go(move || {
            struct Close(gleak_runtime::Sends<()>);
            impl Drop for Close {
                fn drop(&mut self) {
                    self.0.close();
                }
            }
            let _deferred = (Close(closes), held);
            panic!("on the way");
        });
        assert_eq!(gate.recv(), None, "what Go defers is a drop");
        assert!(task.join().is_err());
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

#[test]
fn a_task_goes_on_when_its_handle_is_dropped() {
    each_task(|| {
        let done = Chan::<()>::new(0);
        let closes = done.sends();
        drop(go! { closes.close() });
        assert_eq!(done.recv(), None);
    });
}

#[test]
fn giving_way_lets_every_other_task_run() {
    // Also under one worker, where nobody takes it away from a task.
    each_task(|| {
        let turns = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let turns = turns.clone();
                go! { turns.fetch_add(1, Ordering::Relaxed) }
            })
            .collect();
        while turns.load(Ordering::Relaxed) < 100 {
            yield_now();
        }
        tasks.into_iter().for_each(|task| drop(task.join()));
    });
}

#[test]
fn tasks_may_spawn_tasks_to_any_depth() {
    fn depth(left: u32) -> u32 {
        if left == 0 { 0 } else { 1 + spawn(move || depth(left - 1)).join().unwrap() }
    }
    each_task(|| assert_eq!(depth(2000), 2000));
}

#[test]
fn ten_thousand_tasks_wait_at_once() {
    each(|world| {
        let (gate, sum) = (Chan::<()>::new(0), Chan::new(10_000));
        for n in 0..10_000_u64 {
            let (gate, sum) = (gate.recvs(), sum.sends());
            world.go(move || {
                gate.recv();
                sum.send(n);
            });
        }
        world.asleep(10_000);
        gate.close();
        world.asleep(0);
        sum.close();
        assert_eq!(sum.iter().sum::<u64>(), (0..10_000).sum::<u64>());
    });
}

#[test]
fn a_thread_local_is_its_workers_and_all_tasks_there_share_it() {
    // What differs from Go, which has none: docs/from-go.md.
    thread_local! {
        static SEEN: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
    }
    let runtime = gleak_runtime::Runtime::builder().workers(1).start().unwrap();
    let count = || {
        SEEN.with(|seen| seen.set(seen.get() + 1));
        yield_now();
        SEEN.with(std::cell::Cell::get)
    };
    let spawn = || gleak_runtime::Builder::new().spawn_in(&runtime, count).unwrap();
    let tasks: Vec<_> = (0..10).map(|_| spawn()).collect();
    let most = tasks.into_iter().map(|task| task.join().unwrap()).max();
    assert_eq!(most, Some(10));
    assert_eq!(SEEN.with(std::cell::Cell::get), 0, "this thread has its own");
}
