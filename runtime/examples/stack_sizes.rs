//! Stacks of every size at work: `stack_sizes` runs a task on each, which leaves it and comes back
//! while it is in use. `stack_sizes many` parks tasks until no stack can be had any more, and prints
//! why.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::hint::black_box;

use gleak_runtime::{Builder, Chan, JoinHandle, run, yield_now};

/// More is not touched, since it is memory.
const TOUCHED_MAX: usize = 64 << 20;

/// Goes down until `end` is reached, and leaves the stack there.
fn down(end: usize) -> u64 {
    let frame = black_box([1_u64; 16]);
    if (&raw const frame as usize) < end {
        yield_now();
        return frame[0];
    }
    down(end) + frame[3]
}

fn sizes() {
    for bytes in (14..=30).map(|power| 1_usize << power) {
        let task = Builder::new().stack_size(bytes).spawn(move || {
            let here = 0_u8;
            let most = (bytes / 2).min(TOUCHED_MAX);
            down(&raw const here as usize - most) > 1
        });
        assert!(task.expect("room for a task").join().expect("no panic"), "{bytes}");
        println!("{bytes}");
    }
}

fn many() {
    let gate = Chan::<()>::new(0);
    let spawn = |gate: &Chan<()>| {
        let gate = gate.clone();
        Builder::new().stack_size(16 << 10).spawn(move || gate.recv())
    };
    let mut tasks: Vec<_> = (0..40_000).map(|_| spawn(&gate).expect("room for a task")).collect();
    // All wait at the gate, but for those that were refused before they ran: the stacks were used up
    // when their turn came.
    let refused = loop {
        match tasks.iter().position(JoinHandle::is_finished) {
            Some(refused) => break tasks.swap_remove(refused),
            None => yield_now(),
        }
    };
    println!("{}", refused.join().expect_err("the gate is closed"));
    gate.close();
    // Stacks that are free again serve others.
    tasks.into_iter().for_each(|task| drop(task.join()));
    spawn(&gate).expect("room for a task").join().expect("a stack");
    println!("and on it goes");
}

fn main() {
    let many_wanted = std::env::args().nth(1).is_some_and(|argument| argument == "many");
    run(move || if many_wanted { many() } else { sizes() });
}
