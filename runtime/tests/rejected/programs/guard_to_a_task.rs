//! A lock that one task takes and another gives back: the owner would be a lie.

use gleak_runtime::{Mutex, run, spawn};

static COUNTER: Mutex<u32> = Mutex::new(0);

fn main() {
    run(|| {
        let guard = COUNTER.lock().unwrap();
        spawn(move || drop(guard));
    });
}
