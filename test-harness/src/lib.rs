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
//! Tasks that belong to no test (spawned by a plain thread, or after their test's verdict) fail the
//! run, after the result of the tests, and blame none of them.
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
//! the binary runs, for cargo at the package's folder. `GLEAK_WORKERS`: threads of each test's
//! runtime, where neither [`Options`] nor the test say so. `RUST_MIN_STACK`: stack of a test body in
//! bytes, 2 MiB when not set, from 256 KiB to 1 GiB. `COLUMNS`: width of reports.
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

mod evidence;
mod exceptions;
mod ledger;
mod message;
mod of_libtest;
mod options;
mod outsiders;
mod registry;
mod stray;
mod suite;
mod test_body;
mod trial;
mod verdict;
mod wait;

pub use gleak_test_harness_macros::test;
pub use options::Options;
pub use suite::run_tests;
pub use test_body::{Outcome, ignore_current};

/// The `main` of a test binary: runs the tests registered in it and fails those that leak tasks.
///
/// Options stand in it as the methods of [`Options`] are called:
/// `verify_no_leaks!(settle_ms = 500, ignore = "crate=hyper because its pool stays")`.
///
/// The target needs `harness = false` in `Cargo.toml`.
#[macro_export]
macro_rules! verify_no_leaks {
    ($($option:ident = $value:expr),* $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::run_tests($crate::Options::new()$(.$option($value))*)
        }
    };
}

/// What the attribute's expansion needs; no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use inventory;

    pub use crate::of_libtest::{OfLibtest, of_libtest};
    pub use crate::registry::{Registered, ShouldPanic};
    pub use crate::test_body::{End, Start, Started, run};
}
