//! Panics of every kind, by its argument, and how each of them names the task.

#![expect(clippy::print_stderr, reason = "an example talks to people")]

use std::panic::{panic_any, set_hook, take_hook};

use gleak_runtime::{Builder, run, spawn};

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("again");
    }
}

/// A hook of the program's, which calls the one before it.
fn set_own(name: &'static str) {
    let before = take_hook();
    set_hook(Box::new(move |info| {
        eprintln!("{name}");
        before(info);
    }));
}

fn detached(does: fn()) {
    let task = Builder::new().name("worker").spawn(does).expect("room for a task");
    while !task.is_finished() {
        gleak_runtime::yield_now();
    }
}

fn main() {
    let how = std::env::args().nth(1).unwrap_or_default();
    if how == "hooks" {
        set_own("the hook before");
    }
    run(move || match how.as_str() {
        "payload" => detached(|| panic_any(7_u32)),
        "nested" => detached(|| {
            let _twice = PanicsInDrop;
            panic!("once");
        }),
        "thread" => {
            let ended = std::thread::spawn(|| panic!("of no task")).join();
            assert!(ended.is_err());
        }
        "hooks" => {
            // The hook of the runtime is there by now.
            set_own("the hook after");
            detached(|| panic!("seen by all"));
        }
        _ => drop(spawn(|| panic!("seen by nobody")).join().is_err()),
    });
}
