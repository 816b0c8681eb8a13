//! The binary as a user runs it: files in, text and exit codes out.
//!
//! Golden files are in `cli/testdata`; `BLESS=1` rewrites them.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod baseline;
mod flame;
mod gate;
mod inputs;
mod make;
mod names;
mod output;
mod report;
mod suppress;
mod work_dir;
mod xml;
