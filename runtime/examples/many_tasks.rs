//! A hundred thousand tasks that sleep, or as many as the first argument says: each has a stack of
//! its own, of which only the touched pages take memory (about half a gigabyte in all).

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::time::Duration;

use gleak_runtime::{WaitGroup, go, run, sleep, task_count};

fn main() {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(100_000);
    run(move || {
        let open = WaitGroup::new();
        let start = task_count();
        let tasks: Vec<_> = (0..count)
            .map(|_| {
                open.add(1);
                let open = open.clone();
                go! {
                    sleep(Duration::from_secs(1));
                    open.done();
                }
            })
            .collect();
        println!("tasks: {}", task_count() - start);
        open.wait();
        for task in tasks {
            task.join().expect("it only slept");
        }
        println!("tasks: {}", task_count() - start);
    });
}
