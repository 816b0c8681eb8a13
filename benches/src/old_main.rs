//! What operations cost here, as ratios within one run: tasks against threads doing the same.
//!
//! Absolute figures depend on the machine and on what else runs on it; the ratio of two medians
//! taken in turn does not. Nothing here passes or fails.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a table for people is what this program makes")]

use std::sync::mpsc;
use std::time::Duration;

use gleak_runtime::time::Instant;
use gleak_runtime::{Chan, Mutex, Runtime, go, spawn, yield_now};

const ROUNDS: usize = 7;

/// Nanoseconds an operation, once.
type Run = fn(u32) -> f64;

struct Bench {
    name: &'static str,
    operations: u32,
    tasks: Run,
    threads: Run,
    /// Threads are slow: they do this part of the operations.
    threads_share: u32,
}

const BENCHES: [Bench; 5] = [
    Bench {
        name: "spawn and join",
        operations: 100_000,
        tasks: |n| timed(n, |n| (0..n).for_each(|_| spawn(|| ()).join().expect("no panic"))),
        threads: |n| {
            timed(n, |n| (0..n).for_each(|_| std::thread::spawn(|| ()).join().expect("ok")))
        },
        threads_share: 100,
    },
    Bench {
        name: "unbuffered round trip",
        operations: 200_000,
        tasks: |n| timed(n, ping_pong_tasks),
        threads: |n| timed(n, ping_pong_threads),
        threads_share: 20,
    },
    Bench {
        name: "buffered send and receive",
        operations: 500_000,
        tasks: |n| timed(n, buffered_tasks),
        threads: |n| timed(n, buffered_threads),
        threads_share: 1,
    },
    Bench {
        name: "uncontended lock",
        operations: 2_000_000,
        tasks: |n| {
            let lock = Mutex::new(0_u32);
            timed(n, |n| (0..n).for_each(|_| *lock.lock().expect("not poisoned") += 1))
        },
        threads: |n| {
            let lock = std::sync::Mutex::new(0_u32);
            timed(n, |n| (0..n).for_each(|_| *lock.lock().expect("not poisoned") += 1))
        },
        threads_share: 1,
    },
    Bench {
        name: "give way",
        operations: 1_000_000,
        tasks: |n| timed(n, |n| (0..n).for_each(|_| yield_now())),
        threads: |n| timed(n, |n| (0..n).for_each(|_| std::thread::yield_now())),
        threads_share: 4,
    },
];

fn timed(operations: u32, work: impl FnOnce(u32)) -> f64 {
    let start = Instant::now();
    work(operations);
    start.elapsed().as_nanos() as f64 / f64::from(operations)
}

fn ping_pong_tasks(rounds: u32) {
    let (ping, pong) = (Chan::new(0), Chan::new(0));
    let (asked, answers) = (ping.recvs(), pong.sends());
    let other = go! { asked.iter().for_each(|n: u32| answers.send(n)) };
    for n in 0..rounds {
        ping.send(n);
        pong.recv();
    }
    ping.close();
    other.join().expect("no panic");
}

fn ping_pong_threads(rounds: u32) {
    let (ping, asked) = mpsc::sync_channel::<u32>(0);
    let (answers, pong) = mpsc::sync_channel::<u32>(0);
    let other = std::thread::spawn(move || {
        for n in asked {
            answers.send(n).expect("the other side waits");
        }
    });
    for n in 0..rounds {
        ping.send(n).expect("the other side waits");
        pong.recv().expect("the other side answers");
    }
    drop(ping);
    other.join().expect("no panic");
}

fn buffered_tasks(values: u32) {
    let chan = Chan::new(128);
    let sends = chan.sends();
    let other = go! {
        (0..values).for_each(|n| sends.send(n));
        sends.close();
    };
    assert_eq!(chan.iter().count(), values as usize);
    other.join().expect("no panic");
}

fn buffered_threads(values: u32) {
    let (sends, receives) = mpsc::sync_channel(128);
    let other = std::thread::spawn(move || {
        (0..values).for_each(|n| sends.send(n).expect("the other side receives"));
    });
    assert_eq!(receives.iter().count(), values as usize);
    other.join().expect("no panic");
}

/// The same work inside a task of a runtime with one worker.
fn in_a_task(run: Run, operations: u32) -> f64 {
    let runtime = Runtime::builder().workers(1).start().expect("a worker");
    let task = gleak_runtime::Builder::new().spawn_in(&runtime, move || run(operations));
    task.expect("room for a task").join().expect("no panic")
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn main() {
    println!("median of {ROUNDS} rounds in turn; one worker; ns an operation");
    println!("{:<28}{:>10}{:>12}{:>10}", "", "tasks", "threads", "ratio");
    for bench in &BENCHES {
        let (mut tasks, mut threads) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            tasks.push(in_a_task(bench.tasks, bench.operations));
            threads.push((bench.threads)(bench.operations / bench.threads_share));
        }
        let (tasks, threads) = (median(tasks), median(threads));
        println!("{:<28}{tasks:>10.1}{threads:>12.1}{:>10.3}", bench.name, tasks / threads);
    }
    snapshot_cost();
}

/// A snapshot of many parked tasks: the one figure that is not a ratio.
fn snapshot_cost() {
    const TASKS: i64 = 100_000;
    let (gate, parked) = (Chan::<()>::new(0), gleak_runtime::WaitGroup::new());
    parked.add(TASKS);
    for _ in 0..TASKS {
        let (gate, parked) = (gate.clone(), parked.clone());
        go! {
            parked.done();
            gate.recv();
        };
    }
    parked.wait();
    let start = Instant::now();
    let snapshot = gleak_runtime::report::snapshot();
    let took: Duration = start.elapsed();
    println!("snapshot of {} tasks: {:.1} ms", snapshot.tasks.len(), took.as_secs_f64() * 1e3);
    gate.close();
}
