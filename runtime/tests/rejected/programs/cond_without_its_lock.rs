//! Waiting for a cond without its lock: in Go the wait unlocks a mutex that is not locked, and the
//! process ends. Here the wait takes the guard, and gives it back.

use gleak_runtime::{Cond, Mutex};

fn main() {
    let (ready, cond) = (Mutex::new(false), Cond::new());
    let guard = ready.lock().unwrap();
    drop(guard);
    let _again = cond.wait(guard);
}
