//! A report as text, as a page, as JSON, as the message of a failing test, as a picture, as a profile, as a
//! list for other tools. One renderer a format.
//!
//! Invariants:
//! 1. Names come from dumps and are not trusted: no control character of theirs gets out.
//! 2. Function names are cut in their middle to keep the width; a `file:line` never is.
//! 3. What is written in a language (XML, JSON, DOT and so on) is well-formed whatever the names are.
//! 4. Nothing is looked at but the report and the options: no clock, no terminal.

mod asides;
mod block;
mod counts;
mod crowd;
mod cut_off;
mod detail;
mod diff;
mod dot;
mod exceptions;
mod explain;
mod github;
mod gitlab;
mod go;
mod held;
mod html;
mod json;
mod junit;
mod listing;
mod md;
mod mermaid;
mod page;
mod picture;
mod plain_threads;
mod pprof;
mod profile;
mod protobuf;
mod remedy;
mod rules;
mod sarif;
mod source;
mod stack;
mod survey;
mod table;
mod text;
mod top;
mod verdict;
mod xml;

use crate::view::View;
use crate::{Report, SourceLines};

pub use cut_off::cut_off;
pub use detail::{detail, detail_json};
pub use diff::{diff, diff_json};
pub use dot::dot;
pub use exceptions::{unused, used};
pub use explain::{rule, rule_list};
pub use go::{Said, go, go_state};
pub use held::held_workers;
pub use html::{Sheet, html};
pub use json::{document, json, json_view};
pub use listing::{Gone, ListFormat, Listing, Row, Standing, list};
pub use mermaid::mermaid;
pub use plain_threads::{ToldBy, plain_threads};
pub use pprof::pprof;
pub use profile::{folded, folded_frame, speedscope};
use verdict::Ended;

pub(crate) use page::clean;
pub use rules::rules;
pub use survey::survey;
pub use top::{Sizes, top};

/// How text is laid out, and what stands beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextOptions {
    /// Columns that a line may take; only a `file:line` may pass it.
    pub width: usize,
    /// Rows of the table of groups; 0 shows all.
    pub top: usize,
    /// Frames of a stack that are shown; 0 shows no stacks.
    pub frames: usize,
    /// Whether the table of groups shows stacks and sources as well; stacks it does when there is no
    /// finding to show them.
    pub group_stacks: bool,
    /// Whether the runtime's own frames are shown, around the user's.
    pub runtime_frames: bool,
    /// Whether to colour by SGR sequences.
    pub color: bool,
    /// The source of places; empty shows none.
    pub sources: SourceLines,
    /// What a report ends with: where it comes from, what to look at next. A word, and lines for it.
    pub closing: Vec<(&'static str, Vec<String>)>,
}

/// The test that a message is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Test<'t> {
    /// Its name, as its binary has it.
    pub name: &'t str,
    /// By what arguments `cargo test` runs its binary alone: `-p app --test pool`, as far as they are known.
    pub binary: String,
    /// How tasks come to be charged to it.
    pub charge: Charge,
}

/// How tasks come to be charged to a test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Charge {
    /// Its body is a task, from which all of them descend.
    Body,
    /// A guard is open in it.
    Guard,
    /// It is no test: the clean-up of a run, which cannot be run again by itself.
    Run,
}

impl TextOptions {
    /// As wide as a terminal of so many columns, as `COLUMNS` says it; the default where it says nothing.
    #[must_use]
    pub fn for_columns(columns: Option<&str>) -> TextOptions {
        let columns = columns.and_then(|text| text.parse().ok());
        let fits = columns.filter(|columns| (page::NARROWEST..=page::WIDEST).contains(columns));
        let defaults = TextOptions::default();
        TextOptions { width: fits.unwrap_or(defaults.width), ..defaults }
    }
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
            sources: SourceLines::default(),
            closing: Vec::new(),
        }
    }
}

/// The whole report for people.
#[must_use]
pub fn text(report: &Report, options: &TextOptions) -> String {
    text::text(&View::whole(report), options)
}

/// What of a report was asked for, for people.
#[must_use]
pub fn text_view(view: &View<'_>, options: &TextOptions) -> String {
    text::text(view, options)
}

/// What is told of tasks that are left when the process ends.
#[must_use]
pub fn left(report: &Report, options: &TextOptions) -> String {
    text::left(report, Ended::Process, options)
}

/// What is told of tasks that belong to no test of a run, below whatever says so.
#[must_use]
pub fn strays(report: &Report, options: &TextOptions) -> String {
    text::strays(report, options)
}

/// What is told of tasks that are there when somebody asks who is.
#[must_use]
pub fn still_there(report: &Report, options: &TextOptions) -> String {
    text::left(report, Ended::Nothing, options)
}

/// The message of a test that fails by this report.
#[must_use]
pub fn failure(report: &Report, test: &Test<'_>, options: &TextOptions) -> String {
    text::failure(report, test, options)
}
