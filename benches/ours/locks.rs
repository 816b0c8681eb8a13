//! Lock, add one, unlock.

use std::sync::Arc;

use gleak_runtime::{Mutex, Runtime, spawn};

use crate::protocol::{Clock, Figures};

fn add(lock: &Mutex<u64>, times: u64) {
    (0..times).for_each(|_| *lock.lock().expect("not poisoned") += 1);
}

/// Nobody else wants it.
pub(crate) fn free(n: u64) -> Figures {
    let lock = Mutex::new(0);
    let clock = Clock::start();
    add(&lock, n);
    clock.ns(n)
}

/// So many tasks want it all the time.
pub(crate) fn contended(tasks: u64, n: u64) -> Figures {
    let lock = Arc::new(Mutex::new(0));
    let clock = Clock::start();
    let handles = Vec::from_iter((0..tasks).map(|_| {
        let lock = Arc::clone(&lock);
        spawn(move || add(&lock, n / tasks))
    }));
    handles.into_iter().for_each(|it| it.join().expect("no panic"));
    let figures = clock.ns(n / tasks * tasks);
    assert_eq!(*lock.lock().expect("not poisoned"), n / tasks * tasks);
    figures
}

/// What it costs to record in what order locks are taken: the same on a runtime that does and on one
/// that does not, in turns. Figures are medians; costs are of the differences within a turn.
pub(crate) fn order(n: u64) -> Figures {
    const TURNS: u64 = 15;
    let runtime = |record| {
        let runtime = Runtime::builder().workers(1).lock_order(record).start();
        runtime.expect("a runtime starts")
    };
    let (plain, recorded) = (runtime(false), runtime(true));
    let mut figures: [Vec<f64>; 6] = Default::default();
    for turn in 0..TURNS {
        let mut now = [[0.0; 2]; 2];
        // Who goes first changes.
        for which in [turn % 2, 1 - turn % 2] {
            let which = which as usize;
            now[which] = in_turn([&plain, &recorded][which], n / TURNS);
        }
        let [off, on] = now;
        let all = [off[0], on[0], on[0] - off[0], off[1], on[1], on[1] - off[1]];
        all.iter().zip(&mut figures).for_each(|(now, all)| all.push(*now));
    }
    let names = ["off", "on", "cost", "pair-off", "pair-on", "pair-cost"];
    names.into_iter().zip(figures).map(|(name, all)| (name, median(all))).collect()
}

/// Nanoseconds of a lock alone, and of one inside of another.
fn in_turn(runtime: &Runtime, n: u64) -> [f64; 2] {
    let builder = gleak_runtime::Builder::new();
    let task = builder.spawn_in(runtime, move || {
        let (outer, inner) = (Mutex::new(0), Mutex::new(0));
        let clock = Clock::start();
        add(&outer, n);
        let free = clock.ns(n);
        let clock = Clock::start();
        for _ in 0..n {
            let _outer = outer.lock().expect("not poisoned");
            *inner.lock().expect("not poisoned") += 1;
        }
        [free[0].1, clock.ns(n)[0].1]
    });
    task.expect("a task starts").join().expect("no panic")
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
