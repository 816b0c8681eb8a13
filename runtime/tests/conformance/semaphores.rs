//! Semaphores: in the order of coming, never more than there is, and everything comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gleak_runtime::{Mutex, Semaphore, yield_now};

use crate::support::{each, for_ever, joined};

const FAR: Duration = Duration::from_secs(3600);
const BRIEF: Duration = Duration::from_millis(1);

#[test]
fn never_more_is_held_than_there_is() {
    each(|world| {
        let (semaphore, held) = (Arc::new(Semaphore::new(10)), Arc::new(AtomicUsize::new(0)));
        let tasks = world.many(3000, |number| {
            let (semaphore, held) = (semaphore.clone(), held.clone());
            move || {
                let permit = semaphore.acquire(number % 11);
                assert!(held.fetch_add(permit.count(), Ordering::Relaxed) + permit.count() <= 10);
                yield_now();
                held.fetch_sub(permit.count(), Ordering::Relaxed);
            }
        });
        joined(tasks);
        assert_eq!(semaphore.available(), 10);
    });
}

/// Takes permits and keeps them: when all are asleep, it can be seen who had a turn.
fn takers(
    world: &crate::support::World,
    semaphore: &Arc<Semaphore>,
    wanted: &'static [usize],
) -> Arc<Mutex<Vec<usize>>> {
    let order = Arc::new(Mutex::new(Vec::new()));
    drop(world.in_line(wanted.len() as u64, |number| {
        let (semaphore, order) = (semaphore.clone(), order.clone());
        move || {
            let wanted = wanted[number as usize];
            semaphore.acquire(wanted).forget();
            order.lock().expect("nobody panics with it").push(wanted);
        }
    }));
    order
}

#[test]
fn who_asks_for_much_is_not_overtaken_by_who_asks_for_little() {
    each(|world| {
        let semaphore = Arc::new(Semaphore::new(10));
        let held = [semaphore.acquire(5), semaphore.acquire(5)];
        let order = takers(world, &semaphore, &[8, 1, 1]);
        let [first, second] = held;
        drop(first);
        // Five are there; the first in line wants eight.
        world.asleep(3);
        assert_eq!(semaphore.available(), 5);
        drop(second);
        world.asleep(0);
        let order = order.lock().unwrap();
        assert_eq!((order.len(), semaphore.available()), (3, 0));
        semaphore.release(10);
    });
}

#[test]
fn what_comes_back_serves_from_the_front_as_far_as_it_goes() {
    each(|world| {
        let semaphore = Arc::new(Semaphore::new(6));
        let held = semaphore.acquire(6);
        let order = takers(world, &semaphore, &[2, 3, 2, 1]);
        drop(held);
        // Five of six are given; the next wants two, and one behind it would do with one.
        world.asleep(2);
        let mut served = order.lock().unwrap().clone();
        served.sort_unstable();
        assert_eq!((served, semaphore.available()), (vec![2, 3], 1));
        semaphore.release(5);
        world.asleep(0);
        assert_eq!(semaphore.available(), 3);
    });
}

#[test]
fn a_try_does_not_overtake_who_waits() {
    each(|world| {
        let semaphore = Arc::new(Semaphore::new(3));
        let held = semaphore.acquire(1);
        let other = semaphore.clone();
        let waits = world.go(move || drop(other.acquire(3)));
        world.asleep(1);
        assert_eq!(semaphore.available(), 2);
        assert!(semaphore.try_acquire(1).is_none() && semaphore.try_acquire_owned(2).is_none());
        drop(held);
        waits.join().unwrap();
        assert!(semaphore.try_acquire(3).is_some());
    });
}

#[test]
fn who_gives_up_at_the_front_lets_those_behind_go_on() {
    each(|world| {
        let semaphore = Arc::new(Semaphore::new(3));
        let held = semaphore.acquire(1);
        for _ in 0..50 {
            let other = semaphore.clone();
            let gives_up = world.go(move || other.acquire_timeout(3, BRIEF).is_none());
            let behind = world.many(2, |_| {
                let other = semaphore.clone();
                move || drop(other.acquire(1))
            });
            // Nothing is given back meanwhile.
            joined(behind);
            assert!(gives_up.join().unwrap());
        }
        drop(held);
        assert_eq!(semaphore.available(), 3);
    });
}

#[test]
fn who_gives_up_in_the_middle_takes_nothing_and_gives_nothing() {
    each(|world| {
        let semaphore = Arc::new(Semaphore::new(3));
        let held = semaphore.acquire(1);
        let order = takers(world, &semaphore, &[3]);
        let other = semaphore.clone();
        let gives_up = world.go(move || other.acquire_timeout(2, BRIEF).is_none());
        let other = semaphore.clone();
        let last = world.go(move || drop(other.acquire(1)));
        assert!(gives_up.join().unwrap());
        // Who is in front still wants three, so who is behind still waits.
        world.asleep(2);
        assert_eq!(semaphore.available(), 2);
        drop(held);
        world.asleep(1);
        assert_eq!(*order.lock().unwrap(), [3]);
        semaphore.release(3);
        last.join().unwrap();
        assert_eq!(semaphore.available(), 3);
    });
}

#[test]
fn giving_up_and_being_served_exclude_each_other() {
    each(|world| {
        let (semaphore, held) = (Arc::new(Semaphore::new(4)), Arc::new(AtomicUsize::new(0)));
        let tasks = world.many(3000, |number| {
            let (semaphore, held) = (semaphore.clone(), held.clone());
            move || {
                let (wanted, limit) = (number % 4 + 1, Duration::from_micros(number as u64 % 400));
                let permit = match number % 3 {
                    0 => Some(semaphore.acquire(wanted)),
                    _ => semaphore.acquire_timeout(wanted, limit),
                };
                if let Some(permit) = permit {
                    let count = permit.count();
                    assert!(held.fetch_add(count, Ordering::Relaxed) + count <= 4);
                    yield_now();
                    held.fetch_sub(count, Ordering::Relaxed);
                }
            }
        });
        joined(tasks);
        assert_eq!((semaphore.available(), held.load(Ordering::Relaxed)), (4, 0));
        // And nobody is left in line.
        assert!(semaphore.try_acquire(4).is_some());
    });
}

#[test]
fn a_limit_that_is_not_reached_changes_nothing() {
    each(|world| {
        let semaphore = Arc::new(Semaphore::new(1));
        let held = semaphore.acquire(1);
        let other = semaphore.clone();
        let waits = world.go(move || other.acquire_timeout(1, FAR).map(|permit| permit.count()));
        drop(held);
        assert_eq!(waits.join().unwrap(), Some(1));
        world.asleep(0);
    });
}

#[test]
fn more_than_there_is_waits_for_ever_and_keeps_nobody_waiting() {
    for_ever(|| drop(Semaphore::new(2).acquire(3)));
    each(|world| {
        let semaphore = Arc::new(Semaphore::new(2));
        let held = semaphore.acquire(2);
        let waiting = takers(world, &semaphore, &[1, 1]);
        // More than any test has had at a time: some of them wait for the first time.
        let greedy = world.many(20_000, |_| {
            let semaphore = semaphore.clone();
            move || semaphore.acquire_timeout(3, BRIEF * 50).is_none()
        });
        assert!(joined(greedy).into_iter().all(|gave_up| gave_up));
        world.asleep(2);
        drop(held);
        world.asleep(0);
        assert_eq!(*waiting.lock().unwrap(), [1, 1], "and who stood in line is still there");
    });
}

#[test]
fn an_owned_permit_may_go_from_task_to_task() {
    each(|world| {
        let semaphore = Arc::new(Semaphore::new(2));
        for _ in 0..500 {
            let permit = semaphore.acquire_owned(2);
            drop(world.go(move || permit.count()));
        }
        drop(semaphore.acquire(2));
        world.asleep(0);
        assert_eq!((semaphore.available(), Arc::strong_count(&semaphore)), (2, 1));
    });
}

#[test]
fn a_panic_gives_permits_back_to_who_waits() {
    each(|world| {
        let semaphore = Arc::new(Semaphore::new(3));
        let tasks = world.many(300, |number| {
            let semaphore = semaphore.clone();
            move || {
                let _permit = semaphore.acquire(number % 3 + 1);
                yield_now();
                std::panic::resume_unwind(Box::new(number));
            }
        });
        assert!(tasks.into_iter().all(|task| task.join().is_err()));
        assert_eq!(semaphore.available(), 3);
    });
}

#[test]
fn giving_back_more_than_was_forgotten_panics_and_changes_nothing() {
    each(|world| {
        let semaphore = Arc::new(Semaphore::new(3));
        semaphore.acquire(2).forget();
        let other = semaphore.clone();
        let error = world.go(move || other.release(3)).join().unwrap_err().to_string();
        assert!(error.contains("3 permits released where 2 were forgotten"), "{error}");
        assert_eq!(semaphore.available(), 1);
        semaphore.release(2);
        assert_eq!(semaphore.available(), 3);
    });
}
