//! The same race in a cell that tasks share.

use std::cell::Cell;
use std::sync::Arc;

use gleak_runtime::{run, spawn};

fn main() {
    run(|| {
        let counter = Arc::new(Cell::new(0));
        for _ in 0..1000 {
            let counter = Arc::clone(&counter);
            spawn(move || counter.set(counter.get() + 1));
        }
    });
}
