//! Barriers: all of a round go on together, and one of them leads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gleak_runtime::{Barrier, yield_now};

use crate::support::{each, joined};

#[test]
fn nobody_goes_on_before_the_last_has_come() {
    each(|world| {
        let barrier = Arc::new(Barrier::new(1000));
        let wait = |_| {
            let barrier = barrier.clone();
            move || barrier.wait().is_leader()
        };
        let early = world.many(999, wait);
        world.asleep(999);
        let last = world.go(wait(0));
        assert!(last.join().unwrap(), "the last leads");
        assert!(joined(early).into_iter().all(|leads| !leads), "and nobody else");
    });
}

#[test]
fn each_of_many_rounds_has_all_of_its_tasks_and_one_leader() {
    const TASKS: usize = 16;
    const ROUNDS: usize = 300;
    each(|world| {
        let barrier = Arc::new(Barrier::new(TASKS));
        let come = Arc::new(AtomicUsize::new(0));
        let tasks = world.many(TASKS, |number| {
            let (barrier, come) = (barrier.clone(), come.clone());
            move || {
                let mut led = 0;
                for round in 1..=ROUNDS {
                    if (round + number) % 3 == 0 {
                        yield_now();
                    }
                    come.fetch_add(1, Ordering::Relaxed);
                    led += usize::from(barrier.wait().is_leader());
                    // All of this round have come before; of the next one, all but me at most.
                    let come = come.load(Ordering::Relaxed);
                    assert!((round * TASKS..(round + 1) * TASKS).contains(&come));
                }
                led
            }
        });
        assert_eq!(joined(tasks).into_iter().sum::<usize>(), ROUNDS);
    });
}

#[test]
fn more_tasks_than_its_size_go_on_in_groups_of_it() {
    each(|world| {
        let barrier = Arc::new(Barrier::new(7));
        let wait = |_| {
            let barrier = barrier.clone();
            move || barrier.wait().is_leader()
        };
        let tasks = world.many(7 * 300 - 1, wait);
        world.asleep(6);
        assert!(barrier.wait().is_leader());
        assert_eq!(joined(tasks).into_iter().filter(|leads| *leads).count(), 299);
    });
}

#[test]
fn a_barrier_for_one_or_none_keeps_nobody() {
    for size in [0, 1] {
        let barrier = Barrier::new(size);
        assert!((0..10).all(|_| barrier.wait().is_leader()));
    }
}
