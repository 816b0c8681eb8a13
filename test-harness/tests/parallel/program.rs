//! The suite of `tests/parallel.rs` once more, in a crate of the same name, under a main of ours. With the
//! argument `plain` one of its leaks on a thread, as in a program that knows of no harness; with `guard`
//! under a guard, which tells what it has found.

use std::process::ExitCode;

use gleak_test_harness::{Options, Trial, guard, run_tests};

mod suite;

#[expect(clippy::print_stderr, reason = "what is looked for")]
fn guarded() {
    let guard = guard!();
    suite::receives_until(false);
    if let Err(leaks) = guard.finish() {
        eprintln!("{leaks}");
    }
}

fn main() -> ExitCode {
    let is_asked = |what: &str| std::env::args().any(|argument| argument == what);
    if is_asked("guard") {
        guarded();
        return ExitCode::SUCCESS;
    }
    if is_asked("plain") {
        let thread = std::thread::Builder::new().name("plain".to_owned());
        let body = thread.spawn(|| suite::receives_until(false)).expect("a thread starts");
        body.join().expect("no panic");
        return ExitCode::SUCCESS;
    }
    let none: [Trial; 0] = [];
    run_tests(Options::new(), none)
}
