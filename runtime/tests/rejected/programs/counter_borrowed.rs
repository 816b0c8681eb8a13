//! Go: `for … { go func() { counter++ }() }`, a race on `counter`.

use gleak_runtime::{run, spawn};

fn main() {
    run(|| {
        let mut counter = 0;
        for _ in 0..1000 {
            spawn(|| counter += 1);
        }
        println!("{counter}");
    });
}
