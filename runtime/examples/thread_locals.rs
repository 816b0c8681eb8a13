//! Thread-locals belong to a worker and are shared by its tasks; task locals belong to a task.
//!
//! A task never leaves the worker that it has started on, so what it keeps in a thread-local stays
//! where it is over a wait. But other tasks of that worker come in between and see the same value:
//! what each task wants for itself goes into a task local. `hold_worker` keeps the others away for a
//! while.

#![expect(clippy::print_stdout, reason = "an example says what it finds")]

use std::cell::Cell;

use gleak_runtime::{Runtime, hold_worker, run, scope, task_local, yield_now};

thread_local! {
    static OF_THE_WORKER: Cell<u32> = const { Cell::new(0) };
}

task_local! {
    static OF_THE_TASK: Cell<u32> = const { Cell::new(0) };
}

/// Each of ten tasks adds one to both, with a wait in between, and says what it finds in the end.
fn ten_tasks(step: fn()) -> Vec<(u32, u32)> {
    scope(|s| {
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                s.spawn(move || {
                    OF_THE_WORKER.set(0);
                    OF_THE_TASK.set(0);
                    step();
                    (OF_THE_WORKER.get(), OF_THE_TASK.get())
                })
            })
            .collect();
        tasks.into_iter().map(|task| task.join().expect("no panic")).collect()
    })
}

fn add_one_to_each() {
    OF_THE_TASK.set(OF_THE_TASK.get() + 1);
    // The wait comes first: all ten set the worker's value to zero, and only then add to it.
    yield_now();
    OF_THE_WORKER.set(OF_THE_WORKER.get() + 1);
}

fn main() {
    Runtime::builder().workers(1).install().expect("the first runtime");
    run(|| {
        let shared = ten_tasks(add_one_to_each);
        let alone = ten_tasks(|| hold_worker(add_one_to_each));
        let most = |all: &[(u32, u32)]| {
            all.iter().copied().fold((0, 0), |(a, b), (c, d)| (a.max(c), b.max(d)))
        };
        println!("of the worker: {}, of the task: {}", most(&shared).0, most(&shared).1);
        println!("while the worker is held: {} and {}", most(&alone).0, most(&alone).1);
    });
}
