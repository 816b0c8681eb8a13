//! A deadlock that did not happen: `GLEAK_LOCK_ORDER=1 lock_order`.
//!
//! Two tasks take two locks in opposite order, one after the other.

#![expect(clippy::print_stdout, reason = "it shows its report")]

use std::sync::Arc;

use gleak_runtime::report::detector::{Question, analyze, render};
use gleak_runtime::{Chan, Mutex, go, report, run};

fn main() {
    run(|| {
        let accounts = Arc::new((Mutex::new(10).named("left"), Mutex::new(0).named("right")));
        let (turn, others) = (Chan::<()>::new(0), accounts.clone());
        let after = turn.clone();
        let back = go! {
            after.recv();
            let mut right = others.1.lock().expect("no panic");
            let mut left = others.0.lock().expect("no panic");
            (*left, *right) = (*right, *left);
        };
        let there = go! {
            let mut left = accounts.0.lock().expect("no panic");
            let mut right = accounts.1.lock().expect("no panic");
            (*left, *right) = (*right, *left);
            drop((left, right));
            turn.close();
        };
        there.join().expect("no panic");
        back.join().expect("no panic");
        print!(
            "{}",
            render::text(
                &analyze(&report::snapshot(), &Question::default()),
                &render::TextOptions::default()
            )
        );
    });
}
