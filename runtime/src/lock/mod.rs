//! Locks: `Mutex` and `RwLock`, with std's poisoning and Go's queueing; and `Cond`, which gives a
//! mutex back while it waits.
//!
//! Every acquisition is a fact: who owns it, where taken, since when. Guards are `!Send`, so that
//! the owner is exact; a guard that is dropped by another task all the same (handed over through a
//! thread-local) makes that lock's owner inexact for good, and is noted as misuse.

mod cond;
mod guard;
mod mutex;
pub(crate) mod order;
mod poison;
mod rwlock;
mod timed;
mod word;

pub use cond::{Cond, WaitTimeoutResult};
pub use guard::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};
pub use mutex::Mutex;
pub use rwlock::RwLock;
