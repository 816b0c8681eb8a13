//! A program that asks what is left beside it: first nothing, then a task that waits for ever.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use gleak_runtime::report::{find, verify_none};
use gleak_runtime::{Chan, go, run, spawn, spawn_daemon, yield_now};

fn main() {
    run(|| {
        drop(go! { (0..100).for_each(|_| yield_now()) });
        spawn_daemon(|| Chan::<()>::new(0).recv());
        verify_none();
        // Neither who asks is left, nor the one that waits for it.
        let asks = spawn(|| find().findings.len());
        println!("asked by a task: {:?}", asks.join().ok());
        let jobs = Chan::<u32>::new(0);
        go! { jobs.recv() };
        for finding in find().findings {
            println!("{}: {} task", finding.key.rule.id(), finding.tasks());
        }
    });
    println!("cut off with main: {} finding", find().findings.len());
    verify_none();
}
