//! A limit by a semaphore: a permit is taken before the work and given back when it goes. A big
//! request takes two.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gleak_runtime::{Semaphore, go, run, sleep};

const LIMIT: usize = 3;
const REQUESTS: usize = 12;

fn main() {
    run(|| {
        let limit = Arc::new(Semaphore::new(LIMIT));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..REQUESTS)
            .map(|request| {
                let (limit, now, most) = (limit.clone(), now.clone(), most.clone());
                go! {
                    let size = if request % 4 == 0 { 2 } else { 1 };
                    let _permit = limit.acquire(size); // Waits while there is no room.
                    most.fetch_max(now.fetch_add(size, Ordering::Relaxed) + size, Ordering::Relaxed);
                    sleep(Duration::from_millis(2));
                    now.fetch_sub(size, Ordering::Relaxed);
                }
            })
            .collect();
        let served = tasks.into_iter().filter_map(|task| task.join().ok()).count();
        println!("{served} served, {} at once", most.load(Ordering::Relaxed));
    });
}
