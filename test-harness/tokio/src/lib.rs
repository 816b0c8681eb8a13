//! Tasks, locks and channels of tokio under the detector of gleak: which task is left behind, where it was
//! spawned, what it waits for, and who waits for each other in a circle.
//!
//! ```toml
//! [dev-dependencies]
//! gleak-test-harness = { path = "../gleak/test-harness" }
//! gleak-tokio = { path = "../gleak/test-harness/tokio" }
//! ```
//!
//! ```no_run
//! use gleak_tokio::spawn;
//! use gleak_tokio::sync::mpsc;
//!
//! #[gleak_test_harness::test(runtime = "tokio")]
//! async fn drains() {
//!     let (jobs, mut taken) = mpsc::channel::<u32>(1);
//!     let worker = spawn(async move { taken.recv().await });
//!     drop(jobs); // Without this the worker waits for ever, and the test fails.
//!     assert_eq!(worker.await.unwrap(), None);
//! }
//!
//! gleak_test_harness::verify_no_leaks!();
//! ```
//!
//! [`spawn`](fn@spawn), [`JoinSet`], [`sync`] and [`time`] have tokio's names and do what tokio's do; each
//! task that they spawn, and each wait, is a record, which [`look`] makes a snapshot of. It needs nothing but
//! tokio's stable interface. For tests under `#[tokio::test]` there is [`guard!`].
//!
//! What is spawned by tokio's own functions is only counted, and only for a test's own runtime: reports say
//! so. It may wake anybody, so it never makes a finding certain. Where a program is built with tokio's
//! `--cfg tokio_unstable`, its place is known as well: then there is a function `hooks`.
//!
//! # Certainty
//!
//! A wait counts as certain only if all that could wake its task is known. A task's future is polled with a
//! waker that is counted: whoever keeps a clone of it may wake the task, and is somebody unseen. What is
//! wrapped here does not keep one. So a lock awaited alone is a certain wait; the same lock inside a
//! `timeout`, or a `select!` with a socket, is not. Who has been woken, aborted, or made to give way does not
//! wait. Two assumptions stand behind a certain circle: no guard is
//! handed to another task, which only a lock that lives for ever allows, and nobody aborts the tasks. Once
//! such a guard has been dropped elsewhere, its lock's owner proves nothing for good.
//!
//! # Features
//!
//! `test` (default): [`guard!`] and the attribute's runtime. A service that uses the wrappers itself turns it
//! off for its own build, and on among its dev-dependencies.
//!
//! Invariants:
//! 1. Records are facts: nothing here says leak or deadlock but the judge of the harness.
//! 2. What could wake a task is never understated.
//! 3. A wrapper does what tokio's does, and no more: dropping, cancelling and fairness are tokio's.

#![forbid(unsafe_code)]

pub use gleak_detector::snapshot;

mod clock;
mod collect;
mod current;
#[cfg(feature = "test")]
mod guard;
#[cfg_attr(not(tokio_unstable), path = "no_hooks.rs")]
mod hooks;
mod join;
mod join_set;
mod leaf;
mod ledger;
#[cfg(feature = "test")]
mod left;
#[cfg(not(feature = "test"))]
#[path = "unwatched.rs"]
mod left;
mod object;
mod region;
mod root;
#[cfg(feature = "test")]
mod settle;
mod site;
mod spawn;
pub mod sync;
mod task;
#[cfg(feature = "test")]
mod test;
pub mod time;

pub use collect::look;
#[cfg(feature = "test")]
pub use gleak_test_harness::Leaks;
#[cfg(feature = "test")]
pub use guard::Guard;
#[cfg(tokio_unstable)]
pub use hooks::hooks;
pub use join::{AbortHandle, JoinHandle};
pub use join_set::JoinSet;
pub use spawn::{Builder, spawn, spawn_background, spawn_blocking, spawn_local};

/// Opens a [`Guard`] that is named after the function that it stands in. Settings stand in it as the
/// methods of [`Guard`] are called: `guard!(settle_ms = 500)`.
#[cfg(feature = "test")]
#[macro_export]
macro_rules! guard {
    ($($setting:ident = $value:expr),* $(,)?) => {{
        fn here() {}
        $crate::Guard::open($crate::__private::name_of(here))$(.$setting($value))*
    }};
}

/// What expansions need; no part of the interface.
#[cfg(feature = "test")]
#[doc(hidden)]
pub mod __private {
    pub use gleak_test_harness::__private::name_of;

    pub use crate::test::{Flavor, run};
}

/// The code of `docs/from-tokio.md` compiles.
#[cfg(all(doctest, feature = "test"))]
#[doc = include_str!("../../../docs/from-tokio.md")]
struct FromTokio;
