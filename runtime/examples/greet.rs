//! The smallest program: a task says hello while main goes on, and main waits for it by joining,
//! not by sleeping.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::time::Duration;

use gleak_runtime::{JoinError, go, run, sleep};

fn main() -> Result<(), JoinError> {
    run(|| {
        let greeting = go! { greet("Alice") };
        println!("Main continues immediately");
        greeting.join()
    })
}

/// Says hello after some work.
fn greet(name: &str) {
    sleep(Duration::from_millis(10));
    println!("Hello, {name}");
}
