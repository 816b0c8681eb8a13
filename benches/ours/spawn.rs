//! Tasks that begin, give way and end.

use gleak_runtime::{Chan, go, spawn, yield_now};

use crate::protocol::{Clock, Figures};

const BATCH: u64 = 1000;

/// Spawn one, join it, spawn the next.
pub(crate) fn one(n: u64) -> Figures {
    let clock = Clock::start();
    (0..n).for_each(|_| spawn(|| ()).join().expect("no panic"));
    clock.ns(n)
}

/// Spawn a thousand, join them all, again.
pub(crate) fn batches(n: u64) -> Figures {
    let mut handles = Vec::with_capacity(BATCH as usize);
    let clock = Clock::start();
    for _ in 0..n / BATCH {
        handles.extend((0..BATCH).map(|_| spawn(|| ())));
        handles.drain(..).for_each(|it| it.join().expect("no panic"));
    }
    clock.ns(n / BATCH * BATCH)
}

/// Spawn a thousand, let them run, and join them once they have ended: nobody waits. For one worker.
pub(crate) fn unwaited(n: u64) -> Figures {
    let mut handles = Vec::with_capacity(BATCH as usize);
    let clock = Clock::start();
    for _ in 0..n / BATCH {
        handles.extend((0..BATCH).map(|_| spawn(|| ())));
        while handles.last().is_some_and(|last| !last.is_finished()) {
            yield_now();
        }
        handles.drain(..).for_each(|it| it.join().expect("no panic"));
    }
    clock.ns(n / BATCH * BATCH)
}

/// Spawn all, then join them all.
pub(crate) fn alive(n: u64) -> Figures {
    let mut handles = Vec::with_capacity(n as usize);
    let clock = Clock::start();
    handles.extend((0..n).map(|_| spawn(|| ())));
    handles.drain(..).for_each(|it| it.join().expect("no panic"));
    clock.ns(n)
}

/// A thousand tasks that give way in turn.
pub(crate) fn yields(n: u64) -> Figures {
    let clock = Clock::start();
    let handles =
        Vec::from_iter((0..BATCH).map(|_| spawn(move || (0..n / BATCH).for_each(|_| yield_now()))));
    handles.into_iter().for_each(|it| it.join().expect("no panic"));
    clock.ns(n / BATCH * BATCH)
}

/// A tree in which each task has ten children and sums what they send; `n` leaves.
pub(crate) fn skynet(n: u64) -> Figures {
    let result = Chan::new(0);
    let root = result.clone();
    let clock = Clock::start();
    go! { node(root, 0, n) };
    let sum = result.recv().expect("the root sends");
    let figures = clock.ms();
    assert_eq!(sum, n * (n - 1) / 2);
    figures
}

fn node(parent: Chan<u64>, first: u64, leaves: u64) {
    if leaves == 1 {
        parent.send(first);
        return;
    }
    let children = Chan::new(0);
    for i in 0..10 {
        let child = children.clone();
        go! { node(child, first + i * (leaves / 10), leaves / 10) };
    }
    parent.send((0..10).filter_map(|_| children.recv()).sum());
}
