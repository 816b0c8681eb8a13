//! Conds: a signal for one, a broadcast for all, nothing for who comes later.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gleak_runtime::{Cond, Mutex, yield_now};

use crate::support::{each, joined};

const FAR: Duration = Duration::from_secs(3600);

type Shared<T> = Arc<(Mutex<T>, Cond)>;

fn shared<T>(value: T) -> Shared<T> {
    Arc::new((Mutex::new(value), Cond::new()))
}

#[test]
fn a_signal_wakes_one_and_that_is_who_has_waited_longest() {
    each(|world| {
        let woken = shared(Vec::new());
        let tasks = world.in_line(20, |number| {
            let woken = woken.clone();
            move || woken.1.wait(woken.0.lock().unwrap()).unwrap().push(number)
        });
        for signals in 1..=20 {
            woken.1.notify_one();
            world.asleep(20 - signals);
            assert!(woken.0.lock().unwrap().iter().copied().eq(0..signals));
        }
        joined(tasks);
    });
}

#[test]
fn what_nobody_waits_for_is_lost() {
    each(|world| {
        let pair = shared(());
        pair.1.notify_one();
        pair.1.notify_all();
        let other = pair.clone();
        let task = world.go(move || drop(other.1.wait(other.0.lock().unwrap())));
        world.asleep(1);
        pair.1.notify_one();
        task.join().unwrap();
    });
}

#[test]
fn a_broadcast_wakes_all_who_wait_and_nobody_who_comes_later() {
    each(|world| {
        let pair = shared(0);
        let wait = |_| {
            let pair = pair.clone();
            move || *pair.1.wait(pair.0.lock().unwrap()).unwrap() += 1
        };
        let early = world.many(2000, wait);
        world.asleep(2000);
        // Under the mutex: all that are woken come to it at once.
        let guard = pair.0.lock().unwrap();
        pair.1.notify_all();
        drop(guard);
        joined(early);
        assert_eq!(*pair.0.lock().unwrap(), 2000);
        let late = world.many(2, wait);
        world.asleep(2);
        pair.1.notify_all();
        joined(late);
    });
}

#[test]
fn who_waits_does_not_have_the_mutex_and_who_is_woken_has_it_alone() {
    each(|world| {
        let (pair, inside) = (shared(()), Arc::new(AtomicUsize::new(0)));
        let tasks = world.many(1000, |_| {
            let (pair, inside) = (pair.clone(), inside.clone());
            move || {
                let _guard = pair.1.wait(pair.0.lock().unwrap()).unwrap();
                assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                yield_now();
                inside.fetch_sub(1, Ordering::Relaxed);
            }
        });
        world.asleep(1000);
        drop(pair.0.try_lock().expect("nobody has it while all wait"));
        pair.1.notify_all();
        joined(tasks);
    });
}

#[test]
fn who_gives_up_swallows_no_signal() {
    // The patient ones came first, so each signal is for one of them, whoever else gives up meanwhile.
    each(|world| {
        let pair = shared(());
        let patient = world.many(500, |_| {
            let pair = pair.clone();
            move || drop(pair.1.wait(pair.0.lock().unwrap()))
        });
        world.asleep(500);
        let hasty = world.many(1000, |number| {
            let pair = pair.clone();
            move || {
                let limit = Duration::from_micros(number as u64 % 300);
                pair.1.wait_timeout(pair.0.lock().unwrap(), limit).unwrap().1.timed_out()
            }
        });
        (0..500).for_each(|_| pair.1.notify_one());
        joined(patient);
        assert!(joined(hasty).into_iter().all(|timed_out| timed_out));
    });
}

#[test]
fn a_signal_passes_who_has_given_up_before_the_one_behind() {
    each(|world| {
        let pair = shared(());
        for _ in 0..50 {
            let other = pair.clone();
            let gives_up = world.go(move || {
                let limit = Duration::from_micros(100);
                other.1.wait_timeout(other.0.lock().unwrap(), limit).unwrap().1.timed_out()
            });
            let other = pair.clone();
            let waits = world.go(move || drop(other.1.wait(other.0.lock().unwrap())));
            assert!(gives_up.join().unwrap());
            world.asleep(1);
            pair.1.notify_one();
            waits.join().unwrap();
        }
    });
}

#[test]
fn a_wait_with_a_limit_ends_by_what_comes_first() {
    each(|world| {
        let pair = shared(false);
        let other = pair.clone();
        let task = world.go(move || {
            let guard = other.0.lock().unwrap();
            let (guard, verdict) = other.1.wait_timeout_while(guard, FAR, |ready| !*ready).unwrap();
            (*guard, verdict.timed_out())
        });
        *pair.0.lock().unwrap() = true;
        pair.1.notify_one();
        assert_eq!(task.join().unwrap(), (true, false));
        // No timer is left: the runtime is quiet.
        world.asleep(0);
        let (guard, brief) = (pair.0.lock().unwrap(), Duration::from_millis(1));
        let (guard, verdict) = pair.1.wait_timeout_while(guard, brief, |ready| *ready).unwrap();
        assert!(*guard && verdict.timed_out());
    });
}

#[test]
fn turns_go_around_among_many_without_a_lost_wake() {
    const TASKS: usize = 60;
    each(|world| {
        let turn = shared(0);
        let tasks = world.many(TASKS, |number| {
            let turn = turn.clone();
            move || {
                for round in 0..20 {
                    let mine = round * TASKS + number;
                    let guard = turn.0.lock().unwrap();
                    *turn.1.wait_while(guard, |turn| *turn != mine).unwrap() += 1;
                    turn.1.notify_all();
                }
            }
        });
        joined(tasks);
        assert_eq!(*turn.0.lock().unwrap(), 20 * TASKS);
    });
}

#[test]
fn a_cond_may_be_used_with_several_mutexes() {
    each(|world| {
        let (cond, locks) = (Arc::new(Cond::new()), [1, 2, 3].map(|n| Arc::new(Mutex::new(n))));
        let tasks = world.many(3, |number| {
            let (cond, lock) = (cond.clone(), locks[number].clone());
            move || *cond.wait(lock.lock().unwrap()).unwrap()
        });
        world.asleep(3);
        assert!(locks.iter().all(|lock| lock.try_lock().is_ok()));
        cond.notify_all();
        assert_eq!(joined(tasks), [1, 2, 3]);
    });
}
