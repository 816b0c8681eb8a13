//! The report for programs.

use serde::Serialize;

use crate::Report;

/// Raised when a reader of the last version would misread.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Versioned<'r> {
    schema: u32,
    #[serde(flatten)]
    report: &'r Report,
}

/// The report for programs: pretty, versioned by `schema`, with a newline at its end.
#[must_use]
pub fn json(report: &Report) -> String {
    // Strings, numbers and lists under string keys: there is nothing that serde_json refuses.
    let mut text = serde_json::to_string_pretty(&Versioned { schema: SCHEMA, report })
        .unwrap_or_else(|error| {
            format!("{{\n  \"schema\": {SCHEMA},\n  \"error\": \"{error}\"\n}}")
        });
    text.push('\n');
    text
}
