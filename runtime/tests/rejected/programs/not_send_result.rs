//! What may not leave its thread is no result of a task.

use std::rc::Rc;

use gleak_runtime::{run, spawn};

fn main() {
    run(|| {
        let name = spawn(|| Rc::new(String::from("a"))).join().unwrap();
        println!("{name}");
    });
}
