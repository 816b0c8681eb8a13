//! What may not leave its thread may not go to a task.

use std::rc::Rc;

use gleak_runtime::{run, spawn};

fn main() {
    run(|| {
        let name = Rc::new(String::from("a"));
        spawn(move || println!("{name}"));
    });
}
