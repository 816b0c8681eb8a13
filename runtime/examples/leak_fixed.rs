//! A task that nobody waits for any more, and why it does not leak: there is room for its result,
//! so it can hand it over and end also when the caller has given up. Without that room (a channel
//! of capacity 0) it would wait for ever, and be named when main returns.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::time::Duration;

use gleak_runtime::{Cancelled, Chan, Context, JoinHandle, go, run, select, sleep};

fn main() {
    run(|| {
        let background = Context::background();
        let (patient, _cancel) = background.with_timeout(Duration::from_secs(60));
        let (hasty, cancel) = background.with_cancel();
        cancel.cancel();
        let (found, first) = compute(&patient);
        println!("patient: {found:?}");
        let (found, second) = compute(&hasty);
        println!("hasty: {found:?}");
        for task in [first, second] {
            task.join().expect("it has room for its result");
        }
    });
}

/// The result, or why the caller did not wait for it; and the task, which ends in both cases.
fn compute(ctx: &Context) -> (Result<u32, Cancelled>, JoinHandle<()>) {
    let result = Chan::new(1);
    let sends = result.sends();
    let task = go! { sends.send(expensive_computation()) };
    let found = select! {
        found = recv(result) => Ok(found.expect("nobody closes it")),
        why = recv(ctx.done()) => Err(why),
    };
    (found, task)
}

fn expensive_computation() -> u32 {
    sleep(Duration::from_millis(20));
    42
}
