//! The same race on a global variable.

use gleak_runtime::{go, run};

static mut COUNTER: u32 = 0;

fn main() {
    run(|| {
        for _ in 0..1000 {
            go! { COUNTER += 1 };
        }
    });
}
