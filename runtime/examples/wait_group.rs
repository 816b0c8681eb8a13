//! A task for each of five workers, and a wait group that tells when all are done. Each closure
//! owns its own `id`: there is no loop variable to share.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use gleak_runtime::{WaitGroup, go, run};

fn main() {
    run(|| {
        let open = WaitGroup::new();
        for id in 0..5 {
            open.add(1); // Before the task is spawned: inside, it might come after the wait.
            let open = open.clone();
            go! {
                println!("Worker {id} done");
                open.done();
            };
        }
        open.wait();
        println!("All workers completed");
    });
}
