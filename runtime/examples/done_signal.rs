//! A done channel closed as a signal: closing wakes everybody who receives from it, now and later,
//! and carries no value.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use gleak_runtime::{Chan, go, run, select};

fn main() {
    run(|| {
        // One task tells one: work is complete.
        let done = Chan::<()>::new(0);
        let signal = done.sends();
        let work = go! {
            println!("work complete");
            signal.close();
        };
        done.recv();
        work.join().expect("it closes once");

        // One task tells many: stop.
        let stop = Chan::<()>::new(0).named("stop");
        let idle = Chan::<u32>::never();
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let (stop, jobs) = (stop.recvs(), idle.clone());
                go! {
                    select! {
                        _ = recv(stop) => "told to stop",
                        _ = recv(jobs) => "got a job",
                    }
                }
            })
            .collect();
        stop.close();
        for task in waiting {
            println!("{}", task.join().expect("it only waits"));
        }
    });
}
