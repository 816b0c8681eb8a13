//! The attribute of `gleak-test-harness`; see there for what it does and how it is used.
//!
//! Three steps, each a function over `proc_macro2` and so tested without a compiler: `args` reads
//! what stands in the attribute, `shape` looks at the function, `expand` writes the registration.
//!
//! Invariants:
//! 1. The function itself comes out as it went in, less the attributes that only a harness reads.
//! 2. Every error names the tokens it is about, and the function is kept beside it, so that one
//!    mistake is one message.

#![forbid(unsafe_code)]

mod args;
mod expand;
mod shape;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Makes a function a test: of the binary's `verify_no_leaks!()`, or of libtest where the target has its
/// own harness.
///
/// The test runs as a task on a runtime of its own, and fails when a task that it spawned, however
/// deep, outlives it, can never go on, or panicked without being joined.
///
/// `#[ignore]` and `#[should_panic(expected = "…")]` work as usual; so does a return type of
/// `Result<(), E>` with `E: Debug`. Arguments, all optional:
///
/// - `workers = 2`: threads of the test's runtime;
/// - `seed = 7`: its tasks run on one thread, in an order that follows from the number;
/// - `settle_ms = 500`: how long tasks that could still finish are waited for when the test ends;
/// - `deadline_ms = 5000`: a test that has not ended by then fails, with a dump of what everybody does;
/// - `on_leak = Warn`: a task that is left behind is told and fails nothing;
/// - `ignore = "entry=pool::heartbeat because it ends with the process"`: makes no finding on tasks
///   that match, as the harness's `Options::ignore` says. May be repeated;
/// - `cleanup = close_pool`: a function that is called when the body has ended, also by a panic,
///   before it is judged what the test left behind.
///
/// # Tokio
///
/// With `runtime = "tokio"` the body is an `async fn`, and runs on a runtime of tokio's that it has for
/// itself, as under `#[tokio::test]`: `flavor = "multi_thread"` or `"current_thread"`, `worker_threads`,
/// `start_paused = true`. That is for packages that depend on `gleak-tokio` with its feature `test`; what
/// that crate's own functions spawn is judged by name and place, and what tokio's spawn is counted. The
/// arguments above hold as well, less `workers` and `seed`.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::test(args.into(), item.into()).into()
}
