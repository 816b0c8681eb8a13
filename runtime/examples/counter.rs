//! A counter that a thousand tasks share. A plain variable does not compile; a mutex and an atomic
//! both count right.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gleak_runtime::{Mutex, go, run};

fn main() {
    run(|| {
        let locked = Arc::new(Mutex::new(0_u32));
        let atomic = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..1000)
            .map(|_| {
                let (locked, atomic) = (locked.clone(), atomic.clone());
                go! {
                    *locked.lock().expect("nobody panics under it") += 1;
                    atomic.fetch_add(1, Ordering::Relaxed);
                }
            })
            .collect();
        for task in tasks {
            task.join().expect("it only counts");
        }
        let locked = *locked.lock().expect("nobody panics under it");
        println!("mutex: {locked}, atomic: {}", atomic.load(Ordering::Relaxed));
    });
}
