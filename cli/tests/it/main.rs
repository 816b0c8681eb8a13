//! The binary as a user runs it: files in, text and exit codes out.
//!
//! Golden files are in `cli/testdata`; `BLESS=1` rewrites them.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod baseline;
mod browser;
mod ci;
mod convert;
mod exits;
mod flame;
mod formats;
mod gate;
mod go;
mod hostile;
mod html;
mod inputs;
mod make;
mod names;
mod output;
mod questions;
mod report;
mod sarif;
mod schema;
mod sources;
mod suppress;
mod survey;
#[cfg(target_os = "linux")]
mod terminal;
mod top;
mod work_dir;
#[path = "../../../snapshot/tests/it/wrong.rs"]
mod wrong;
mod xml;
