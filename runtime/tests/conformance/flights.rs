//! One run for all who ask the same meanwhile: Go's `singleflight`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gleak_runtime::singleflight::Group;
use gleak_runtime::{Chan, yield_now};

use crate::support::{Tally, each, for_ever, joined};

#[test]
fn who_asks_meanwhile_shares_the_run_and_who_asks_later_does_not() {
    each(|world| {
        let (group, gate) = (Arc::new(Group::new()), Chan::<()>::new(0));
        let runs = Arc::new(AtomicU32::new(0));
        let tasks = world.many(2000, |_| {
            let (group, gate, runs) = (group.clone(), gate.recvs(), runs.clone());
            move || {
                group.run("key", || {
                    gate.recv();
                    runs.fetch_add(1, Ordering::Relaxed)
                })
            }
        });
        world.asleep(2000);
        gate.close();
        assert!(joined(tasks).into_iter().all(|got| got == (0, true)));
        assert_eq!(group.run("key", || 5), (5, false), "nobody shares it");
        assert_eq!(runs.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn keys_do_not_wait_for_each_other() {
    each(|world| {
        let (group, gate) = (Arc::new(Group::new()), Chan::<()>::new(0));
        let tasks = world.many(1000, |number| {
            let (group, gate) = (group.clone(), gate.recvs());
            move || {
                let key = number % 10;
                let (value, _) = group.run(key, || {
                    gate.recv();
                    key
                });
                assert_eq!(value, key);
            }
        });
        world.asleep(1000);
        assert_eq!(group.run(10, || 10), (10, false));
        gate.close();
        joined(tasks);
    });
}

#[test]
fn a_run_that_is_forgotten_serves_who_came_before_and_nobody_else() {
    each(|world| {
        let (group, gate) = (Arc::new(Group::new()), Chan::<()>::new(0));
        let run = |value| {
            let (group, gate) = (group.clone(), gate.recvs());
            move |_| {
                let (group, gate) = (group.clone(), gate.clone());
                move || {
                    group.run("key", || {
                        gate.recv();
                        value
                    })
                }
            }
        };
        let before = world.many(100, run(1));
        world.asleep(100);
        group.forget(&"key");
        let after = world.many(100, run(2));
        world.asleep(200);
        gate.close();
        assert!(joined(before).into_iter().all(|got| got == (1, true)));
        assert!(joined(after).into_iter().all(|got| got == (2, true)));
        // Nothing is under way, and to forget it is nothing.
        group.forget(&"key");
        assert_eq!(group.run("key", || 3), (3, false));
    });
}

#[test]
fn a_panic_reaches_all_who_share_the_run_and_nobody_later() {
    each(|world| {
        let (group, gate) = (Arc::new(Group::<_, u32>::new()), Chan::<()>::new(0));
        let tasks = world.many(300, |_| {
            let (group, gate) = (group.clone(), gate.recvs());
            move || {
                group.run("key", || {
                    gate.recv();
                    panic!("no luck")
                })
            }
        });
        world.asleep(300);
        gate.close();
        let errors: Vec<_> =
            tasks.into_iter().map(|task| task.join().unwrap_err().to_string()).collect();
        assert_eq!(errors.iter().filter(|error| error.contains("no luck")).count(), 1);
        let told = errors.iter().filter(|error| error.contains("the run for this key"));
        assert_eq!(told.count(), 299);
        assert_eq!(group.run("key", || 1), (1, false));
    });
}

#[test]
fn a_run_that_asks_for_its_own_key_waits_for_ever() {
    for_ever(|| {
        let group = Group::new();
        group.run("key", || group.run("key", || 1).0);
    });
}

#[test]
fn a_run_may_ask_for_other_keys() {
    fn fib(group: &Group<u64, u64>, n: u64) -> u64 {
        group.run(n, || if n < 2 { n } else { fib(group, n - 1) + fib(group, n - 2) }).0
    }
    each(|world| {
        let group = Arc::new(Group::new());
        let tasks = world.many(50, |number| {
            let group = group.clone();
            move || fib(&group, number as u64 % 15)
        });
        let known = [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377];
        for (number, value) in joined(tasks).into_iter().enumerate() {
            assert_eq!(value, known[number % 15]);
        }
    });
}

#[test]
fn runs_come_and_go_and_each_value_goes_with_its_last_owner() {
    each(|world| {
        let (group, tally) = (Arc::new(Group::new()), Tally::default());
        let runs = Arc::new(AtomicU32::new(0));
        let tasks = world.many(3000, |number| {
            let (group, tally, runs) = (group.clone(), tally.clone(), runs.clone());
            move || {
                let key = number % 3;
                let (value, shared) = group.run(key, || {
                    runs.fetch_add(1, Ordering::Relaxed);
                    yield_now();
                    Arc::new(tally.value(key))
                });
                assert_eq!(value.number, key);
                if number % 7 == 0 {
                    group.forget(&key);
                }
                u32::from(!shared)
            }
        });
        // Who does not share has run alone; of each shared run there is one who ran.
        let alone: u32 = joined(tasks).into_iter().sum();
        assert!(alone <= runs.load(Ordering::Relaxed));
        assert_eq!(tally.alive(), 0);
        assert_eq!(format!("{group:?}"), "Group { under_way: 0 }");
    });
}
