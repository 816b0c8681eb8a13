//! Lock, add one, unlock.

use std::sync::Arc;

use gleak_runtime::{Mutex, spawn};

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
