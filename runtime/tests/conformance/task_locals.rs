//! Task locals: each task has its own, inherits none, and they end with it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use gleak_runtime::{Chan, Mutex, after_func, go, scope, spawn_background, task_local, yield_now};

use crate::support::{each, each_task, joined};

task_local! {
    static NUMBER: Cell<usize> = Cell::new(7);
    static KEPT: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
}

/// What goes in the task that it belongs to; it is not `Send`.
struct Held {
    alive: Arc<AtomicI64>,
    number: usize,
    _local: Rc<()>,
}

impl Drop for Held {
    fn drop(&mut self) {
        assert_eq!(NUMBER.get(), self.number, "in its own task, before what is older");
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

fn keep(alive: &Arc<AtomicI64>, number: usize) {
    alive.fetch_add(1, Ordering::Relaxed);
    let held = Held { alive: alive.clone(), number, _local: Rc::default() };
    KEPT.with_borrow_mut(|kept| kept.push(held));
}

#[test]
fn each_of_many_tasks_keeps_its_own_over_its_waits() {
    each(|world| {
        let gate = Chan::<()>::new(0);
        let tasks = world.many(2000, |number| {
            let gate = gate.recvs();
            move || {
                NUMBER.set(number);
                yield_now();
                assert_eq!(NUMBER.get(), number);
                gate.recv();
                NUMBER.get()
            }
        });
        world.asleep(2000);
        gate.close();
        assert!(joined(tasks).into_iter().eq(0..2000));
    });
}

#[test]
fn nothing_that_is_spawned_inherits_them() {
    each_task(|| {
        NUMBER.set(100);
        let (late, fallen) = (Chan::new(1), Chan::new(1));
        let (sends, background) = (late.sends(), fallen.sends());
        let _late = after_func(std::time::Duration::ZERO, move || sends.send(NUMBER.get()));
        let task = spawn_background(move || background.send(NUMBER.get()));
        let spawned = go! { NUMBER.get() };
        let scoped = scope(|s| s.spawn(|| NUMBER.get()).join().unwrap());
        assert_eq!((spawned.join().unwrap(), scoped), (7, 7));
        assert_eq!((late.recv(), fallen.recv()), (Some(7), Some(7)));
        task.join().unwrap();
        assert_eq!(NUMBER.get(), 100);
    });
}

#[test]
fn they_go_in_their_task_at_its_end_also_after_a_panic() {
    each(|world| {
        let alive = Arc::new(AtomicI64::new(0));
        let tasks = world.many(1000, |number| {
            let alive = alive.clone();
            move || {
                NUMBER.set(number);
                (0..3).for_each(|_| keep(&alive, number));
                yield_now();
                if number % 10 == 0 {
                    std::panic::resume_unwind(Box::new(number));
                }
            }
        });
        let panics = tasks.into_iter().filter_map(|task| task.join().err()).count();
        assert_eq!((panics, alive.load(Ordering::Relaxed)), (100, 0), "before the join is over");
    });
}

#[test]
fn a_value_is_made_at_its_first_use_and_once_a_task() {
    static MADE: Mutex<u32> = Mutex::new(0);
    task_local! {
        static COUNTED: u32 = {
            *MADE.lock().unwrap() += 1;
            // Its making may wait.
            yield_now();
            1
        };
    }
    each(|world| {
        *MADE.lock().unwrap() = 0;
        let tasks = world.many(900, |number| {
            move || (0..number % 3).map(|_| COUNTED.with(|one| *one)).sum::<u32>()
        });
        assert_eq!(joined(tasks).into_iter().sum::<u32>(), 900);
        assert_eq!(*MADE.lock().unwrap(), 600, "who never asks has none");
    });
}
