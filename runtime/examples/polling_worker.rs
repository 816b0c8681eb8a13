//! Polling workers: each looks for work, sleeps, and looks again, until its context is done. The
//! `default` arm is what makes the look not wait.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::time::Duration;

use gleak_runtime::{Context, go, run, select, sleep};

fn main() {
    run(|| {
        let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(35));
        let workers: Vec<_> = (1..=2)
            .map(|id| {
                let ctx = ctx.clone();
                go! { worker(&ctx, id) }
            })
            .collect();
        let why = ctx.done().wait();
        for worker in workers {
            worker.join().expect("it only prints");
        }
        println!("all workers stopped: {why}");
    });
}

/// Works every ten milliseconds. It cannot be stopped from outside: it looks by itself.
fn worker(ctx: &Context, id: u32) {
    loop {
        select! {
            _ = recv(ctx.done()) => {
                println!("worker {id}: shutting down");
                return;
            }
            default => println!("worker {id}: working"),
        }
        sleep(Duration::from_millis(10));
    }
}
