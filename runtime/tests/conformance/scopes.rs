//! Scopes: tasks that borrow, and a parent that does not go on before all of them have ended.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use gleak_runtime::{Chan, Mutex, scope, yield_now};

use crate::support::{Tally, each, each_task};

#[test]
fn what_is_borrowed_is_given_back_when_the_scope_ends() {
    each_task(|| {
        let mut numbers = vec![0; 3000];
        scope(|s| {
            for (index, number) in numbers.iter_mut().enumerate() {
                s.spawn(move || {
                    yield_now();
                    *number = index;
                });
            }
        });
        assert!(numbers.into_iter().eq(0..3000));
    });
}

#[test]
fn the_parent_waits_for_all_that_are_left() {
    each(|world| {
        let gate = Chan::<()>::new(0);
        let closed = gate.recvs();
        let parent = world.go(move || {
            let ended = AtomicU32::new(0);
            scope(|s| {
                for number in 0..500 {
                    let (closed, ended) = (&closed, &ended);
                    s.spawn(move || {
                        if number % 2 == 0 {
                            closed.recv();
                        }
                        ended.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
            ended.into_inner()
        });
        // Half of them, and the parent.
        world.asleep(251);
        assert!(!parent.is_finished());
        gate.close();
        assert_eq!(parent.join().unwrap(), 500);
    });
}

#[test]
fn a_body_that_panics_waits_for_its_tasks_first() {
    each(|world| {
        let (gate, tally) = (Chan::<()>::new(0), Tally::default());
        let (closed, values) = (gate.recvs(), tally.clone());
        let parent = world.go(move || {
            let held: Vec<_> = (0..100).map(|number| values.value(number)).collect();
            scope(|s| {
                for value in &held {
                    let closed = &closed;
                    s.spawn(move || {
                        closed.recv();
                        value.number
                    });
                }
                resume_unwind(Box::new("out of the body"));
            })
        });
        world.asleep(101);
        assert_eq!(tally.alive(), 100, "what is borrowed stays");
        gate.close();
        assert!(parent.join().unwrap_err().to_string().contains("out of the body"));
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn a_panic_that_nobody_joins_comes_out_when_all_have_ended() {
    each_task(|| {
        let ended = AtomicU32::new(0);
        let out = catch_unwind(AssertUnwindSafe(|| {
            scope(|s| {
                for number in 0..300 {
                    let ended = &ended;
                    s.spawn(move || {
                        yield_now();
                        ended.fetch_add(1, Ordering::Relaxed);
                        if number % 100 == 50 {
                            resume_unwind(Box::new("in a task"));
                        }
                    });
                }
            });
        }));
        assert!(out.unwrap_err().downcast_ref::<String>().unwrap().contains("(and 2 more)"));
        assert_eq!(ended.into_inner(), 300);
    });
}

#[test]
fn a_panic_that_was_joined_is_not_told_again() {
    each_task(|| {
        let caught = scope(|s| {
            let tasks: Vec<_> = (0..100)
                .map(|number| s.spawn(move || resume_unwind(Box::new(number)) as ()))
                .collect();
            tasks.into_iter().filter_map(|task| task.join().err()).count()
        });
        assert_eq!(caught, 100);
    });
}

#[test]
fn tasks_of_a_scope_may_spawn_into_it_and_open_their_own() {
    each_task(|| {
        let sum = Mutex::new(0);
        scope(|s| {
            for _ in 0..20 {
                let sum = &sum;
                s.spawn(move || {
                    let mut own = [0; 10];
                    scope(|inner| {
                        for cell in &mut own {
                            inner.spawn(|| *cell = 1);
                        }
                    });
                    // After its spawner has ended, perhaps.
                    s.spawn(move || *sum.lock().unwrap() += own.iter().sum::<u32>());
                });
            }
        });
        assert_eq!(sum.into_inner().unwrap(), 200);
    });
}

#[test]
fn results_are_dropped_once_whether_they_are_joined_or_not() {
    each(|world| {
        let tally = Tally::default();
        let values = tally.clone();
        let task = world.go(move || {
            scope(|s| {
                let tasks = (0..600).map(|number| {
                    let values = &values;
                    s.spawn(move || values.value(number))
                });
                for (number, task) in tasks.collect::<Vec<_>>().into_iter().enumerate() {
                    match number % 3 {
                        0 => assert_eq!(task.join().unwrap().number, number),
                        1 => drop(task),
                        _ => std::mem::forget(task),
                    }
                }
            });
            values.alive()
        });
        assert_eq!(task.join().unwrap(), 200, "those whose handle was forgotten");
    });
}
