//! The same race behind a reference count that is itself no atomic.

use std::cell::Cell;
use std::rc::Rc;

use gleak_runtime::{run, spawn};

fn main() {
    run(|| {
        let counter = Rc::new(Cell::new(0));
        for _ in 0..1000 {
            let counter = Rc::clone(&counter);
            spawn(move || counter.set(counter.get() + 1));
        }
    });
}
