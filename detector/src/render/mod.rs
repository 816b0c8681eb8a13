//! A report as text, as JSON, as the message of a failing test. One renderer a format.
//!
//! Invariants:
//! 1. Names come from dumps and are not trusted: no control character of theirs gets out.
//! 2. Function names are cut in their middle to keep the width; a `file:line` never is.
//! 3. Nothing is looked at but the report and the options: no clock, no terminal.

mod block;
mod cut_off;
mod exceptions;
mod held;
mod json;
mod page;
mod rules;
mod stack;
mod survey;
mod table;
mod text;
mod verdict;

use crate::Report;

pub use cut_off::cut_off;
pub use exceptions::{unused, used};
pub use held::held_workers;
pub use json::json;
pub use rules::rules;
pub use survey::survey;

/// How text is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextOptions {
    /// Columns that a line may take; only a `file:line` may pass it.
    pub width: usize,
    /// Rows of the table of groups; 0 shows all.
    pub top: usize,
    /// Frames of a stack that are shown; 0 shows no stacks.
    pub frames: usize,
    /// Whether the table of groups shows stacks as well; it does when there is no finding to show them.
    pub group_stacks: bool,
    /// Whether the runtime's own frames are shown, around the user's.
    pub runtime_frames: bool,
    /// Whether to colour by SGR sequences.
    pub color: bool,
}

impl Default for TextOptions {
    fn default() -> Self {
        TextOptions {
            width: 100,
            top: 20,
            frames: 8,
            group_stacks: false,
            runtime_frames: false,
            color: false,
        }
    }
}

/// The whole report for people.
#[must_use]
pub fn text(report: &Report, options: &TextOptions) -> String {
    text::text(report, options)
}

/// What is told of tasks that are left when the process ends.
#[must_use]
pub fn left(report: &Report, options: &TextOptions) -> String {
    text::left(report, options)
}

/// The message of a test that fails by this report.
#[must_use]
pub fn failure(report: &Report, test: &str, options: &TextOptions) -> String {
    text::failure(report, test, options)
}
