//! Where a task was spawned from, all the way: `GLEAK_SPAWN_STACKS=1 spawn_stacks`.

#![expect(clippy::print_stdout, reason = "an example talks")]

use std::hint::black_box;

use gleak_runtime::report::{Detail, snapshot_with};
use gleak_runtime::{Chan, JoinHandle, run, spawn};

/// Every worker of the program is spawned at one place; who asked for it is what one wants to know.
#[inline(never)]
fn start_worker(jobs: &Chan<u32>) -> JoinHandle<u32> {
    let jobs = jobs.clone();
    // Not the last call: one that is leaves no frame in optimised code.
    black_box(spawn(move || std::iter::from_fn(|| jobs.recv()).sum()))
}

#[inline(never)]
fn serve_orders(jobs: &Chan<u32>) -> u32 {
    let worker = start_worker(jobs);
    say_where_from();
    jobs.send(7);
    jobs.close();
    worker.join().expect("no panic")
}

fn say_where_from() {
    let snapshot = snapshot_with(Detail { stacks: true, names: true, ..Detail::default() });
    for task in snapshot.tasks.iter().filter(|task| !task.main) {
        let stack = task.spawn_backtrace.map(|id| &snapshot.stacks[id.0 as usize].frames);
        let frames = stack.into_iter().flatten().map(|id| &snapshot.frames[id.0 as usize]);
        for symbol in frames.flat_map(|frame| &frame.symbols) {
            println!("from {}", symbol.function);
        }
    }
}

fn main() {
    println!("sum {}", run(|| serve_orders(&Chan::new(1))));
}
