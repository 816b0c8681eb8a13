//! Stacks need nothing but the unwind tables that every program has: this one tells whether its own are
//! whole, however it was built. `make optimised` runs it stripped and with `panic = "abort"`.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::hint::black_box;

use gleak_runtime::report::{Detail, snapshot::Snapshot, snapshot_with};
use gleak_runtime::{Builder, Chan, check_budget, run, yield_now};

/// Does `last` below so many calls.
#[inline(never)]
fn descend(depth: u32, last: &dyn Fn()) -> u32 {
    if depth == 0 {
        last();
        return black_box(0);
    }
    black_box(descend(depth - 1, last) + 1)
}

/// Frames of the task with this name; none while it has no whole stack.
fn frames(snapshot: &Snapshot, name: &str) -> Option<usize> {
    let task = snapshot.tasks.iter().find(|task| task.name.as_deref() == Some(name))?;
    let stack = &snapshot.stacks[task.backtrace?.0 as usize];
    (!stack.cut).then_some(stack.frames.len())
}

fn spawn(name: &str, depth: u32, last: impl Fn() + Send + 'static) {
    let task = Builder::new().name(name).spawn(move || descend(depth, &last));
    drop(task.expect("room for a task"));
}

fn main() {
    let said = run(|| {
        let gate = Chan::<()>::new(0);
        let (near, far) = (gate.clone(), gate.clone());
        spawn("waits near", 3, move || assert_eq!(near.recv(), None));
        spawn("waits far", 23, move || assert_eq!(far.recv(), None));
        for (name, depth) in [("runs near", 3), ("runs far", 23)] {
            spawn(name, depth, || {
                loop {
                    // Works, and lets others run now and then.
                    (0..100_000).for_each(|it| _ = black_box(it));
                    check_budget();
                }
            });
        }
        let stacks = Detail { stacks: true, ..Detail::default() };
        ["waits", "runs"].map(|what| {
            let near = loop {
                yield_now();
                if let Some(frames) = frames(&snapshot_with(stacks), &format!("{what} near")) {
                    break frames;
                }
            };
            loop {
                yield_now();
                if let Some(frames) = frames(&snapshot_with(stacks), &format!("{what} far")) {
                    break format!("who {what}: {} frames more for 20 calls", frames - near);
                }
            }
        })
    });
    said.iter().for_each(|line| println!("{line}"));
}
