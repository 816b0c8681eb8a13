//! The same race by a pointer that each task gets.

use gleak_runtime::{go, run};

fn main() {
    run(|| {
        let mut counter = 0;
        let shared = &mut counter;
        let first = go! { *shared += 1 };
        let second = go! { *shared += 1 };
        first.join().unwrap();
        second.join().unwrap();
    });
}
