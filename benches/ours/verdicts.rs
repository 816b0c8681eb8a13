//! What the verdict on a clean test costs: in a binary of many tests, and beside many tasks of others.

use std::process::ExitCode;

use gleak_runtime::{Builder, Chan, spawn, spawn_daemon};
use gleak_test_harness::{Options, guard, run_tests_as, trial};
use libtest_mimic::{Arguments, Trial};

use crate::protocol::{Clock, Figures};

/// Tests that are run beside the tasks of others.
const BESIDE: u64 = 200;

/// A test of which nothing is left.
fn body() {
    assert!(spawn(|| ()).join().is_ok());
}

/// One after the other; what they print goes nowhere.
fn quiet() -> Arguments {
    let logfile = Some("/dev/null".to_owned());
    Arguments { test_threads: Some(1), logfile, ..Arguments::default() }
}

/// Microseconds a test, with a verdict.
fn with_verdicts(n: u64) -> f64 {
    let trials: Vec<_> = (0..n).map(|number| trial(format!("t{number}"), body)).collect();
    let clock = Clock::start();
    let status = run_tests_as(&quiet(), Options::new(), trials);
    assert_eq!(status, ExitCode::SUCCESS);
    clock.ms()[0].1 * 1e3 / n as f64
}

/// The same tests as tasks that nobody judges.
fn without(n: u64) -> f64 {
    let as_task = || {
        let task = Builder::new().stack_size(2 << 20).spawn(body);
        task.map_err(|error| error.to_string())?.join().map_err(|error| error.to_string())?;
        Ok(())
    };
    let trials = (0..n).map(|number| Trial::test(format!("t{number}"), as_task)).collect();
    let clock = Clock::start();
    assert!(!libtest_mimic::run(&quiet(), trials).has_failed());
    clock.ms()[0].1 * 1e3 / n as f64
}

/// Microseconds a verdict of a guard, on what the caller does anyway.
fn guards(n: u64) -> f64 {
    let each = |work: fn()| {
        let clock = Clock::start();
        (0..n).for_each(|_| work());
        clock.ms()[0].1 * 1e3 / n as f64
    };
    let bare = each(body);
    let guarded = each(|| {
        let guard = guard!();
        body();
        guard.finish().expect("nothing is left");
    });
    guarded - bare
}

/// What a verdict adds to a clean test.
pub(crate) fn alone(n: u64) -> Figures {
    // Threads, stacks and pages that the first runs need.
    without(n / 10);
    with_verdicts(n / 10);
    let (without, with) = (without(n), with_verdicts(n));
    vec![("us", guards(n)), ("whole", with), ("bare", without)]
}

/// A whole clean test beside that many parked tasks of others.
pub(crate) fn beside(n: u64) -> Figures {
    let (never, parked) = (Chan::<()>::new(0), Chan::new(0));
    for _ in 0..n {
        let (never, parked) = (never.clone(), parked.clone());
        spawn_daemon(move || {
            parked.send(());
            never.recv()
        });
    }
    (0..n).for_each(|_| parked.recv().expect("nobody closes it"));
    with_verdicts(BESIDE / 10);
    vec![("ms", with_verdicts(BESIDE) / 1e3)]
}
