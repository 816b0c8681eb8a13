//! The main task panics while another task waits: a dump is written, and the panic goes on.

use gleak_runtime::{Chan, go};

fn main() {
    gleak_runtime::run(|| {
        let never = Chan::<()>::new(0);
        let waits = never.clone();
        go! { waits.recv() };
        panic!("out of ideas");
    });
}
