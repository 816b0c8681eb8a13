//! Two transfers lock the same two accounts in opposite order. Nothing can go on any more, so the
//! process prints the cycle, writes a dump and exits with status 2.

use std::sync::Arc;

use gleak_runtime::{Builder, Chan, Mutex, WaitGroup};

struct Bank {
    alice: Mutex<i64>,
    bob: Mutex<i64>,
}

fn transfer(from: &Mutex<i64>, to: &Mutex<i64>, amount: i64, both_started: impl Fn()) {
    let mut from = from.lock().expect("no task panics here");
    both_started();
    let mut to = to.lock().expect("no task panics here");
    *from -= amount;
    *to += amount;
}

fn main() {
    gleak_runtime::run(|| {
        let bank = Arc::new(Bank {
            alice: Mutex::new(100).named("alice"),
            bob: Mutex::new(100).named("bob"),
        });
        let open = WaitGroup::new();
        // Each transfer waits here until the other one has its first lock too.
        let (here, there) = (Chan::new(1), Chan::new(1));
        for (name, mine, theirs) in [("a->b", &here, &there), ("b->a", &there, &here)] {
            open.add(1);
            let (bank, open) = (bank.clone(), open.clone());
            let (mine, theirs) = (mine.clone(), theirs.clone());
            let both_started = move || {
                mine.send(());
                theirs.recv();
            };
            let task = Builder::new().name(name).spawn(move || {
                if name == "a->b" {
                    transfer(&bank.alice, &bank.bob, 10, both_started);
                } else {
                    transfer(&bank.bob, &bank.alice, 20, both_started);
                }
                open.done();
            });
            drop(task.expect("room for a task"));
        }
        open.wait();
    });
}
