//! A limit by a buffered channel: its capacity is how many may work at once. Sending takes a place,
//! receiving gives it back.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gleak_runtime::{Chan, go, run, sleep};

const LIMIT: usize = 3;
const REQUESTS: usize = 12;

fn main() {
    run(|| {
        let places = Chan::new(LIMIT).named("places");
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..REQUESTS)
            .map(|_| {
                let (places, now, most) = (places.clone(), now.clone(), most.clone());
                go! {
                    places.send(()); // Waits while LIMIT others work.
                    most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    sleep(Duration::from_millis(2));
                    now.fetch_sub(1, Ordering::Relaxed);
                    places.recv()
                }
            })
            .collect();
        let served = tasks.into_iter().filter_map(|task| task.join().ok().flatten()).count();
        println!("{served} served, {} at once", most.load(Ordering::Relaxed));
    });
}
