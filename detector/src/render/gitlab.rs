//! A list as GitLab's code quality report: an array of findings with a fingerprint and a place.

use serde::Serialize;

use super::json::document;
use super::listing::{Listing, Row};
use super::page::clean;
use crate::{Certainty, key};

#[derive(Serialize)]
struct Entry {
    description: String,
    check_name: &'static str,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
}

pub(super) fn gitlab(listing: &Listing<'_>) -> String {
    let entries: Vec<Entry> = listing.rows.iter().map(entry).collect();
    document(&entries)
}

fn entry(row: &Row<'_>) -> Entry {
    let place = row.place();
    let state = row.state().map(|state| format!(" [{state}]")).unwrap_or_default();
    Entry {
        description: format!("{}{state}; {}", row.headline(), row.lines().join("; ")),
        check_name: row.finding.key.rule.id(),
        fingerprint: clean(&row.finding.fingerprint.0),
        severity: severity(row),
        location: Location {
            path: clean(&key::file(&place.file)),
            lines: Lines { begin: place.line.max(1) },
        },
    }
}

/// Known ones are for information: GitLab shows what is new by itself, by the fingerprints.
fn severity(row: &Row<'_>) -> &'static str {
    if row.is_excepted() {
        return "info";
    }
    match row.finding.certainty {
        Certainty::Certain => "critical",
        Certainty::Strong => "major",
        Certainty::Weak => "minor",
        Certainty::Potential => "info",
    }
}
