//! Tests in a process that handles SIGTERM itself: from its start with `HANDLER=main`, else from within
//! a test, which then sends it to its own process.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gleak_runtime::{blocking, sleep};
use gleak_test_harness::{Options, Trial, run_tests};
use signal_hook::consts::SIGTERM;
use signal_hook::{flag, low_level};

static TOLD: AtomicBool = AtomicBool::new(false);

fn handle() {
    flag::register(SIGTERM, &TOLD).expect("a handler");
}

fn until_told() {
    while !TOLD.load(Ordering::SeqCst) {
        sleep(Duration::from_millis(1));
    }
}

#[expect(clippy::print_stdout, reason = "whoever runs it waits for this")]
fn say(what: &str) {
    println!("{what} {}.", std::process::id());
}

/// Ends when it is told to.
#[gleak_test_harness::test]
fn is_told() {
    say("it waits in");
    until_told();
}

/// Ends when it is told to, by a handler of its own.
#[gleak_test_harness::test]
fn is_told_later() {
    handle();
    say("it waits in");
    until_told();
}

/// Tells itself, and ends when its input does.
#[gleak_test_harness::test]
fn tells_itself() {
    handle();
    low_level::raise(SIGTERM).expect("a signal");
    until_told();
    say("it was told in");
    blocking(|| std::io::stdin().read_line(&mut String::new())).expect("an input");
}

fn main() -> ExitCode {
    if std::env::var("HANDLER").is_ok_and(|at| at == "main") {
        handle();
    }
    let none: [Trial; 0] = [];
    run_tests(Options::new(), none)
}
