//! Go's rules, one test a rule, from the language specification, the memory model and the
//! documentation of `sync`, `context` and `time`, in our own words.
//!
//! Every rule is held under one worker and under four, and after each no task may be left: what
//! still waits when nothing can run any more fails the test.

mod channels;
mod closing;
mod contexts;
mod locks;
mod select;
mod select_many;
mod support;
mod tasks;
mod timers;
mod values;
mod wait_groups;
