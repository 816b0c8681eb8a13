//! Go before 1.22: `for _, item := range items { go func() { process(item) }() }`, where every
//! task sees the last item.

use gleak_runtime::{run, spawn};

fn process(item: &str) {
    println!("{item}");
}

fn main() {
    run(|| {
        for item in [String::from("a"), String::from("b")] {
            spawn(|| process(&item));
        }
    });
}
