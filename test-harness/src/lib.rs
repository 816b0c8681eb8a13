//! Fails the test that leaves a task behind, by name.
//!
//! ```toml
//! [[test]]
//! name = "pool"
//! harness = false
//! ```
//!
//! ```no_run
//! // tests/pool.rs
//! use gleak_runtime::{Chan, go};
//!
//! #[gleak_test_harness::test]
//! fn drains() {
//!     let jobs = Chan::new(0);
//!     let worker = go! { jobs.send(1) };
//!     assert!(worker.join().is_err(), "nobody receives");
//! }
//!
//! gleak_test_harness::verify_no_leaks!();
//! ```
//!
//! The same attribute makes a test of libtest's where the target keeps its own harness, as in
//! `#[cfg(test)] mod tests`: each is judged when it ends, and what belongs to none of them when the process
//! exits.
//!
//! [`verify_no_leaks!`] is the binary's `main`. It runs every function under
//! [`#[gleak_test_harness::test]`](macro@test), with libtest's flags and output, in parallel. Each
//! body is a task on a runtime of its own, in a region of its own: whatever it spawns, however deep,
//! is charged to it and to no other test. The test fails
//!
//! - when the body fails, as always;
//! - when a task of it is still alive after it, unless that one finishes within the settle time.
//!   Nothing is waited for that nothing can wake;
//! - when a task of it panicked and nobody joined that task, failed in a group that nobody waited for,
//!   or misused a wait group or a lock;
//! - when the body cannot go on: a deadlock is a failure, with its cycle, and no hang.
//!
//! What is said of tasks holds for threads that were spawned by [`gleak_runtime::thread`]. Other threads that
//! are left when all tests have ended are told, and fail nothing unless [`Options::on_thread`] says so.
//!
//! Tasks that belong to no test (spawned by a plain thread, or after their test's verdict) fail the
//! run, after the result of the tests, and blame none of them.
//!
//! # Panics
//!
//! A panic of a task is printed by the thread of its test, so that libtest shows it with that test, and with
//! no other: which task it was, where, and its stack if `RUST_BACKTRACE` asks for it. One that fails the body
//! stands in the message of the failure alone; one that the test is there for is not printed. After the
//! verdict of its test a panic goes where it always did.
//!
//! For this a panic hook that was set before the first test is not called for tasks of a test: what it
//! would be called with does not live that long. One that is set later takes the place of all of this.
//!
//! # Exceptions
//!
//! `ignore` takes tasks away by what they are, each with a reason: for all tests
//! ([`Options::ignore`]), for one (in the attribute), or those that are there at some moment
//! ([`ignore_current`]). A file of suppressions takes findings away (`GLEAK_SUPPRESS`,
//! [`Options::suppress`]). What took nothing is named at the end, for all tests only when all of them
//! ran, and fails nothing. A `cleanup` is called before the verdict: on a test, in the attribute; on
//! the run, [`Options::cleanup`].
//!
//! # Environment
//!
//! `GLEAK_OUT`: folder for a file of findings, `findings-<program>-<pid>.ndjson`, for the gate; it is
//! written by a green run too. `GLEAK_SUPPRESS`: a file of suppressions; a relative path begins where
//! the binary runs, for cargo at the package's folder. `GLEAK_SETTLE_MS`: for how long tasks that could
//! still finish are waited for, where neither [`Options`] nor the test say so; a value that is not
//! understood is told once and ignored. `GLEAK_WORKERS`: threads of each test's
//! runtime, where neither [`Options`] nor the test say so. `RUST_MIN_STACK`: stack of a test body in
//! bytes, 2 MiB when not set, from 256 KiB to 1 GiB. `COLUMNS`: width of reports. `RUST_TEST_THREADS`: as
//! `--test-threads`.
//!
//! # Signals
//!
//! SIGTERM, by which cargo-nextest, CI systems and `timeout` end a run that hangs, and SIGQUIT (Ctrl-\)
//! print what every task does, and write a dump; then the process ends by that signal, as it would have. A
//! second one ends it at once, the same again after five seconds. SIGUSR1 prints the same, and the tests go on. A
//! handler of the program is called as well, and then the process is not ended here; one that is installed later
//! may take the place of ours. What the process sends itself is left to whoever handles it.
//!
//! # Exit status
//!
//! 0, or 101 when a test failed, a task belongs to no test, the clean-up failed, two tests have one
//! name, an exception is not understood, or the findings could not be written.
//!
//! # Limits
//!
//! A body that waits for a thread outside of the runtime is waited for without end, as long as such
//! a thread exists: it could still act. `#[ignore = "why"]` is honoured; its reason is not printed.
//!
//! Invariants:
//! 1. A listing starts no runtime and prints nothing but the list.
//! 2. A test is only ever charged with tasks of its own region.
//! 3. Time is only waited for where a record shows that something could still happen.

#![forbid(unsafe_code)]

#[doc(hidden)]
pub mod adapter;
mod arguments;
mod binary;
mod case;
mod conclusion;
mod exceptions;
mod guard;
mod ledger;
mod list;
mod message;
mod of_libtest;
mod options;
mod outsiders;
mod panics;
mod plain_threads;
mod registry;
mod signals;
mod strangers;
mod stray;
mod suite;
mod test_body;
mod trial;
mod verdict;
mod wait;
mod wrapped;

pub use gleak_test_harness_macros::test;
pub use guard::{Guard, Leaks};
pub use list::{Trial, trial};
pub use options::{OnLeak, Options};
pub use suite::{run_tests, run_tests_as};
pub use test_body::{Outcome, context, ignore_current};

/// The `main` of a test binary: runs the tests registered in it and fails those that leak tasks.
///
/// Options stand in it as the methods of [`Options`] are called:
/// `verify_no_leaks!(settle_ms = 500, ignore = "crate=hyper because its pool stays")`. Before them may
/// stand a list of tests besides those under the attribute, of [`Trial`]s or of libtest-mimic's own:
/// `verify_no_leaks!([trial("drains", drains), trial("closes", closes)], settle_ms = 500)`.
///
/// The target needs `harness = false` in `Cargo.toml`.
#[macro_export]
macro_rules! verify_no_leaks {
    ($($option:ident = $value:expr),* $(,)?) => {
        $crate::verify_no_leaks!([] as [$crate::Trial; 0] $(, $option = $value)*);
    };
    ($trials:expr $(, $option:ident = $value:expr)* $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::run_tests($crate::Options::new()$(.$option($value))*, $trials)
        }
    };
}

/// Opens a [`Guard`] that is named after the function that it stands in. Settings stand in it as the
/// methods of [`Guard`] are called: `guard!(settle_ms = 500)`.
#[macro_export]
macro_rules! guard {
    ($($setting:ident = $value:expr),* $(,)?) => {{
        fn here() {}
        $crate::Guard::open($crate::__private::name_of(here))$(.$setting($value))*
    }};
}

/// The code of `docs/testing.md` compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/testing.md")]
struct Testing;

/// What the attribute's expansion needs; no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use inventory;

    pub use crate::adapter::Judge;
    pub use crate::case::{Settings, ShouldPanic};
    pub use crate::guard::name_of;
    pub use crate::of_libtest::{OfLibtest, of_libtest};
    pub use crate::registry::{Begins, Registered};
    pub use crate::test_body::{End, Start, Started, run};
}
