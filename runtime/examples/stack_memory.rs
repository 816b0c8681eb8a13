//! Twenty thousand tasks park, each on four pages of stack, and end. The memory of their stacks goes
//! back to the kernel while others run (`stack_memory busy`) or nothing does (`stack_memory idle`).

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gleak_runtime::{Builder, Chan, Runtime, WaitGroup, yield_now};

const TASKS: i64 = 20_000;

/// Memory of the process, in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("it is ours");
    let pages: usize = text.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a number");
    pages * 4096
}

fn deep(gate: &Chan<()>, parked: &WaitGroup) {
    let frame = black_box([1_u8; 12 << 10]);
    parked.done();
    gate.recv();
    black_box(&frame);
}

/// Comes back with the memory of the process while all of them were parked.
fn round(runtime: &Runtime) -> usize {
    let others = runtime.live();
    let (gate, parked, left) = (Chan::new(0), WaitGroup::new(), WaitGroup::new());
    parked.add(TASKS);
    left.add(TASKS);
    for _ in 0..TASKS {
        let (gate, parked, left) = (gate.clone(), parked.clone(), left.clone());
        let body = move || {
            deep(&gate, &parked);
            left.done();
        };
        drop(Builder::new().spawn_in(runtime, body).expect("room for a task"));
    }
    parked.wait();
    let most = resident();
    gate.close();
    left.wait();
    while runtime.live() > others {
        std::thread::yield_now();
    }
    most
}

fn main() {
    let busy = std::env::args().nth(1).is_some_and(|argument| argument == "busy");
    let runtime = Runtime::builder().workers(2).start().expect("two workers");
    let before = resident();
    let most = round(&runtime) - before;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let runs = move || {
        while !stopped.load(Ordering::Relaxed) {
            yield_now();
        }
    };
    let running = busy.then(|| Builder::new().spawn_in(&runtime, runs).expect("room for a task"));
    while resident().saturating_sub(before) > most / 4 {
        std::thread::yield_now();
    }
    println!("memory went back");
    assert!(round(&runtime) - before > most / 2, "stacks are in use again");
    stop.store(true, Ordering::Relaxed);
    running.into_iter().for_each(|task| task.join().expect("no panic"));
    println!("and stacks are as good as new");
}
