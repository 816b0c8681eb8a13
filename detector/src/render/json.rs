//! The report for programs.
//!
//! Invariant: what is read back is what was written, names included; but nothing in the text steers a
//! terminal, as JSON can write every character by its number.

use std::fmt::Write as _;

use serde::Serialize;

use super::page::steers;
use crate::Report;
use crate::view::{Counts, LeftOut, View};

/// Raised when a reader of the last version would misread.
pub(super) const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Versioned<'r> {
    schema: u32,
    #[serde(flatten)]
    report: &'r Report,
}

/// A part of a report.
#[derive(Serialize)]
struct Picked<'r> {
    #[serde(flatten)]
    whole: Versioned<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<&'r Counts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<&'r LeftOut>,
}

/// The report for programs: pretty, versioned by `schema`, with a newline at its end.
#[must_use]
pub fn json(report: &Report) -> String {
    document(&Versioned { schema: SCHEMA, report })
}

/// What of a report was asked for. Verdict, totals and all else are those of the whole.
#[must_use]
pub fn json_view(view: &View<'_>) -> String {
    let report = &view.shown();
    let (counts, left_out) = (view.counts.as_ref(), view.left_out.as_ref());
    document(&Picked { whole: Versioned { schema: SCHEMA, report }, counts, left_out })
}

/// Any document of ours: pretty, with a newline at its end.
#[must_use]
pub fn document(document: &impl Serialize) -> String {
    // Strings, numbers and lists under string keys: there is nothing that serde_json refuses.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_else(|error| {
        format!("{{\n  \"schema\": {SCHEMA},\n  \"error\": \"{error}\"\n}}")
    });
    text.push('\n');
    if text.contains(raw) { escaped(&text) } else { text }
}

/// What serde_json leaves as it is. Its own newlines stand between values, never inside of one.
fn raw(letter: char) -> bool {
    steers(letter) && letter != '\n'
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    for letter in text.chars() {
        if raw(letter) {
            // All of them have a number of four digits. Writing to a string does not fail.
            let _ = write!(out, "\\u{:04x}", u32::from(letter));
        } else {
            out.push(letter);
        }
    }
    out
}
