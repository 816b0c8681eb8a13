//! Stacks need nothing but the unwind tables that every program has: this one tells whether its own are
//! whole, however it was built. `make optimised` runs it stripped and with `panic = "abort"`.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::hint::black_box;

use gleak_runtime::report::{Detail, snapshot::Snapshot, snapshot_with};
use gleak_runtime::{Builder, Chan, check_budget};

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

/// Looks until the task is seen with a whole stack: it may not run, or move, at any one moment.
fn seen(name: &str) -> usize {
    let stacks = Detail { stacks: true, ..Detail::default() };
    loop {
        if let Some(frames) = frames(&snapshot_with(stacks), name) {
            return frames;
        }
        std::thread::yield_now();
    }
}

/// The tasks run on the process-wide runtime, and this thread looks from outside.
fn main() {
    for (which, depth) in [("near", 3), ("far", 23)] {
        let never = Chan::<()>::new(0);
        spawn(&format!("waits {which}"), depth, move || assert_eq!(never.recv(), None));
        spawn(&format!("runs {which}"), depth, || {
            loop {
                (0..100_000).for_each(|it| _ = black_box(it));
                check_budget();
            }
        });
    }
    for what in ["waits", "runs"] {
        let [near, far] = ["near", "far"].map(|which| seen(&format!("{what} {which}")));
        println!("who {what}: {} frames more for 20 calls", far - near);
    }
}
