//! The rules of Go and of std, one test a rule, in our own words: from the language specification,
//! the memory model and the documentation of `sync`, `context`, `time` and `golang.org/x/sync`; and
//! from `std::sync` and `std::thread` for what Go does not have.
//!
//! Every rule is held under one worker and under four, and after each no task may be left: what
//! still waits when nothing can run any more fails the test.

mod barriers;
mod channels;
mod closing;
mod conds;
mod contexts;
mod err_groups;
mod flights;
mod locks;
mod onces;
mod scopes;
mod select;
mod select_many;
mod semaphores;
mod sockets;
mod support;
mod task_locals;
mod tasks;
mod tenures;
mod tickers;
mod timers;
mod values;
mod wait_groups;
