//! What it costs to look at the process while it runs.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gleak_runtime::report::{self, Detail};
use gleak_runtime::{Chan, WaitGroup, go, sleep};

use crate::protocol::{self, Clock, Figures};

const STACKS: Detail = Detail { stacks: true, names: false, stack_use: false };
/// Calls between a task's entry and its wait.
const DEPTH: u32 = 10;
/// From one look at the ping-pong to the next.
const EVERY: Duration = Duration::from_millis(20);
/// How long the ping-pong is timed with and without looks in turn, and how often.
const SLICE: Duration = Duration::from_millis(200);
const SLICES: usize = 10;

/// Waits at the bottom of so many calls.
#[inline(never)]
fn descend(depth: u32, gate: &Chan<()>) -> u32 {
    if depth == 0 {
        gate.recv();
        return black_box(0);
    }
    black_box(descend(depth - 1, gate) + 1)
}

/// What `look` says while `n` tasks wait below so many calls.
fn while_waiting(n: u64, depth: u32, look: impl FnOnce() -> Figures) -> Figures {
    let gate = Chan::<()>::new(0);
    let (up, down) = (WaitGroup::new(), WaitGroup::new());
    up.add(n as i64);
    down.add(n as i64);
    for _ in 0..n {
        let (gate, up, down) = (gate.clone(), up.clone(), down.clone());
        go! {
            up.done();
            descend(depth, &gate);
            down.done();
        };
    }
    up.wait();
    sleep(protocol::SETTLE);
    let figures = look();
    gate.close();
    down.wait();
    figures
}

/// The two passes over the records of parked tasks, and the whole value: of a process that has taken one
/// before, since the first one pays for memory that a virtual machine has to fetch.
pub(crate) fn whole(n: u64) -> Figures {
    while_waiting(n, 0, || {
        let clock = Clock::start();
        drop(report::snapshot());
        let first = clock.elapsed();
        let clock = Clock::start();
        assert!(report::read_twice() as u64 >= n);
        let raw = clock.elapsed();
        let clock = Clock::start();
        let snapshot = report::snapshot();
        let whole = clock.elapsed();
        assert!(snapshot.tasks.len() as u64 >= n && snapshot.completeness.moving < n / 100 + 2);
        let ms = |key, time: Duration| (key, time.as_secs_f64() * 1e3);
        vec![ms("raw", raw), ms("ms", whole), ms("first", first)]
    })
}

/// A snapshot with the stacks of all.
pub(crate) fn stacks(n: u64) -> Figures {
    while_waiting(n, DEPTH, || {
        let clock = Clock::start();
        let snapshot = report::snapshot_with(STACKS);
        let figures = clock.ms();
        let seen = snapshot.tasks.iter().filter(|task| task.backtrace.is_some()).count();
        assert!(seen as u64 >= n, "{:?}", snapshot.completeness);
        figures
    })
}

/// How much slower two tasks play when somebody looks at them, in per cent.
pub(crate) fn watched(_: u64) -> Figures {
    let (there, back) = (Chan::new(0), Chan::new(0));
    let (asked, answers) = (there.recvs(), back.sends());
    let other = go! { asked.iter().for_each(|i: u64| answers.send(i)) };
    let looks = Arc::new(AtomicBool::new(false));
    let over = Arc::new(AtomicBool::new(false));
    let (told, ends) = (looks.clone(), over.clone());
    let watcher = std::thread::spawn(move || {
        while !ends.load(Ordering::Relaxed) {
            if told.load(Ordering::Relaxed) {
                black_box(report::snapshot_with(STACKS));
            }
            sleep(EVERY);
        }
    });
    let play = |is_watched: bool| {
        looks.store(is_watched, Ordering::Relaxed);
        let (clock, mut n) = (Clock::start(), 0);
        while n % 64 != 0 || clock.elapsed() < SLICE {
            there.send(n);
            back.recv();
            n += 1;
        }
        n as f64 / clock.elapsed().as_secs_f64()
    };
    play(true);
    let mut rates = [0.0, 0.0];
    for slice in 0..SLICES {
        // Whichever comes first in turn, so that a drift of the machine is no one's.
        for is_watched in [slice % 2 == 0, slice % 2 != 0] {
            rates[usize::from(is_watched)] += play(is_watched);
        }
    }
    over.store(true, Ordering::Relaxed);
    watcher.join().expect("no panic");
    there.close();
    other.join().expect("no panic");
    vec![("lost", (1.0 - rates[1] / rates[0]).max(0.0) * 100.0)]
}
