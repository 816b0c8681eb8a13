//! A task holds a lock and waits for a closure on a helper thread, which wants the same lock. The
//! process prints the cycle, writes a dump and exits with status 2.

use gleak_runtime::{Mutex, blocking};

fn main() {
    gleak_runtime::run(|| {
        let account = Mutex::new(100).named("account");
        let mut held = account.lock().expect("no task panics here");
        *held -= 10;
        blocking(|| *account.lock().expect("no task panics here") += 10);
    });
}
