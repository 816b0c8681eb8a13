//! Rate limiting: a bucket holds a few tokens, each request takes one, and a task puts one back
//! every few milliseconds until it is told to stop. A burst goes through at once, the rest in turn.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::time::Duration;

use gleak_runtime::time::Instant;
use gleak_runtime::{Chan, Context, go, run, select};

const BURST: usize = 3;
const PERIOD: Duration = Duration::from_millis(4);

fn main() {
    run(|| {
        let (ctx, stop) = Context::background().with_cancel();
        let bucket = Chan::new(BURST).named("tokens");
        (0..BURST).for_each(|_| bucket.send(()));
        let start = Instant::now();
        let refilling = {
            let bucket = bucket.clone();
            go! { refill(&ctx, &bucket) }
        };
        for request in 1..=8 {
            bucket.recv();
            println!("request {request}");
        }
        // Five of the eight had to wait for a token of their own.
        println!("not faster than allowed: {}", start.elapsed() >= PERIOD * 5);
        stop.cancel();
        refilling.join().expect("it only sends what fits");
    });
}

/// A token each period; what the bucket cannot hold is lost.
fn refill(ctx: &Context, bucket: &Chan<()>) {
    let mut next = Instant::now() + PERIOD;
    loop {
        select! {
            _ = recv(ctx.done()) => return,
            after(next - Instant::now()) => {
                let _full = bucket.try_send(());
                next = next + PERIOD;
            }
        }
    }
}
