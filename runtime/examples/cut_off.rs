//! Main returns while tasks wait and before one has started: they are named on stderr, and the exit
//! status stays 0. With `GLEAK_EXIT=fail` it is 2.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use gleak_runtime::{Chan, go};

fn main() {
    // One worker, so that the last task cannot have started when main returns.
    gleak_runtime::Runtime::builder().workers(1).run(|| {
        let jobs = Chan::<u32>::new(0).named("jobs");
        for _ in 0..2 {
            let jobs = jobs.clone();
            go! {
                for job in &jobs {
                    println!("job {job}");
                }
            };
        }
        gleak_runtime::yield_now();
        gleak_runtime::yield_now();
        go! { println!("never printed") };
    });
    println!("main is over");
}
