//! The only task waits for what nobody does, and holds its worker meanwhile. The process says so,
//! writes a dump and exits with status 2.

use gleak_runtime::{Chan, hold_worker};

fn main() {
    gleak_runtime::run(|| {
        let never = Chan::<()>::new(0);
        hold_worker(|| never.recv());
    });
}
