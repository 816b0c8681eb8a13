//! A worker pool: three workers share a channel of jobs and send what they made of them. Closing
//! the jobs ends the workers; when the last one is done, the results are closed as well.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::time::Duration;

use gleak_runtime::{Chan, Recvs, Sends, WaitGroup, go, run, sleep};

const WORKERS: u32 = 3;
const JOBS: u32 = 10;

fn main() {
    run(|| {
        let jobs = Chan::new(0).named("jobs");
        let results = Chan::new(0).named("results");
        let open = WaitGroup::new();
        for id in 1..=WORKERS {
            open.add(1);
            let (jobs, results, open) = (jobs.recvs(), results.sends(), open.clone());
            go! {
                worker(id, &jobs, &results);
                open.done();
            };
        }
        let (queue, last) = (jobs.sends(), results.sends());
        let feeding = go! {
            (1..=JOBS).for_each(|job| queue.send(job));
            queue.close();
            open.wait();
            last.close();
        };
        let sum: u32 = results.iter().sum();
        feeding.join().expect("nobody else closes");
        println!("all jobs completed: {sum}");
    });
}

/// Doubles jobs until there are no more.
fn worker(id: u32, jobs: &Recvs<u32>, results: &Sends<u32>) {
    for job in jobs {
        sleep(Duration::from_millis(2));
        println!("worker {id} processed job {job}");
        results.send(job * 2);
    }
}
