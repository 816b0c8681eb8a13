//! Keeps all workers busy without a switch, for somebody to ask what it does:
//! `GLEAK_SIGNALS=usr1 cargo run --example busy`, then `kill -USR1`.
//!
//! With `fork` a child is forked that ends by the first signal, whose number becomes the exit status.

#![expect(clippy::print_stdout, clippy::exit, reason = "an example talks to people")]

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, exit};
use std::sync::atomic::{AtomicBool, Ordering};

use fork::Fork;
use gleak_runtime::{Builder, run};

static OVER: AtomicBool = AtomicBool::new(false);

fn spins() {
    while !OVER.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

fn forks() {
    match fork::fork().expect("a child") {
        Fork::Child => {
            println!("{}", std::process::id());
            loop {
                std::thread::park();
            }
        }
        Fork::Parent(child) => {
            let status = ExitStatus::from_raw(fork::waitpid(child).expect("its end"));
            exit(status.signal().unwrap_or(0));
        }
    }
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("fork") {
        run(|| ());
        return forks();
    }
    run(|| {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..workers * 2 {
            drop(Builder::new().name("spins").spawn(spins).expect("room for a task"));
        }
        println!("under way");
        spins();
    });
}
