//! A list as SARIF 2.1.0, for code scanning: the rules as a table, each finding a result.
//!
//! Invariants:
//! 1. At most [`MOST`] results; a notification counts the others.
//! 2. A result has a place, a level and its fingerprint as `partialFingerprints`, so that it is the same
//!    one in the next run. All results of a run say how they stand to the accepted ones, or none does.
//! 3. Places in the project are relative to `%SRCROOT%`; others are as the program has them.

use gleak_snapshot::Site;
use serde_json::{Map, Value, json};

use super::json::document;
use super::listing::{Gone, Level, Listing, Row, Standing, is_inside};
use super::page::clean;
use crate::words::count;
use crate::{Certainty, Fingerprint, RULES, key};

/// Beyond some thousands, results are refused.
const MOST: usize = 1_000;
/// Places beside the first one, and steps of a flow.
const PLACES: usize = 50;
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

pub(super) fn sarif(listing: &Listing<'_>) -> String {
    let found = listing.rows.iter().map(result);
    let results: Vec<Value> = found.chain(listing.gone.iter().map(absent)).take(MOST).collect();
    let verdicts = listing.verdicts.iter().chain(&listing.remarks);
    let mut notes: Vec<Value> = listing.troubles.iter().map(|it| note("error", it)).collect();
    notes.extend(verdicts.map(|it| note("note", it)));
    if listing.rows.len() > MOST {
        let more = count(listing.rows.len() - MOST, "more finding");
        notes.push(note("warning", &format!("{more}, not in this file")));
    }
    document(&json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "gleak",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules(),
            }},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "%SRCROOT%": {
                "description": { "text": "the folder that the program was built in" },
            }},
            "invocations": [{
                "executionSuccessful": listing.troubles.is_empty(),
                "toolExecutionNotifications": notes,
            }],
            "results": results,
        }],
    }))
}

fn note(level: &str, text: &str) -> Value {
    json!({ "level": level, "message": { "text": text } })
}

fn rules() -> Vec<Value> {
    let rule = |info: &crate::RuleInfo| {
        let help = format!("Needs: {}. Silent when: {}.", info.needs, info.silent);
        json!({
            "id": info.rule.id(),
            "shortDescription": { "text": info.summary },
            "help": { "text": help },
            "defaultConfiguration": { "level": default_level(info.certainty) },
            "properties": { "certainty": info.certainty.word() },
        })
    };
    RULES.iter().map(rule).collect()
}

fn default_level(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Certain | Certainty::Strong => "error",
        Certainty::Weak => "warning",
        Certainty::Potential => "note",
    }
}

fn result(row: &Row<'_>) -> Value {
    let finding = row.finding;
    let level = match row.level() {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    let mut places = row.places().into_iter();
    let first: Vec<Value> =
        places.by_ref().take(1).map(|(_, site)| location(&site, None)).collect();
    let others: Vec<Value> =
        places.take(PLACES).map(|(what, site)| location(&site, Some(&what))).collect();
    let mut result = json!({
        "ruleId": finding.key.rule.id(),
        "ruleIndex": RULES.iter().position(|info| info.rule == finding.key.rule),
        "level": level,
        "message": { "text": format!("{}\n{}", row.headline(), row.lines().join("\n")) },
        "locations": first,
        "partialFingerprints": fingerprints(&finding.fingerprint),
        "occurrenceCount": finding.tasks().max(1),
        "properties": {
            "certainty": finding.certainty.word(),
            "tests": finding.regions.iter().map(|name| clean(name)).collect::<Vec<_>>(),
        },
    });
    if let Value::Object(object) = &mut result {
        if !others.is_empty() {
            object.insert("relatedLocations".to_owned(), Value::from(others));
        }
        ancestry(object, row);
        standing(object, row);
    }
    result
}

/// An accepted finding that is not there: its rule was evaluated, and it passed. So nobody takes it for
/// one that is there.
fn absent(gone: &Gone) -> Value {
    json!({
        "ruleId": gone.rule.id(),
        "ruleIndex": RULES.iter().position(|info| info.rule == gone.rule),
        "kind": "pass",
        "level": "none",
        "message": { "text": gone.headline() },
        "locations": [location(&gone.place(), None)],
        "partialFingerprints": fingerprints(&gone.fingerprint),
        "baselineState": "absent",
    })
}

fn fingerprints(fingerprint: &Fingerprint) -> Value {
    json!({ "gk1": clean(fingerprint.0.trim_start_matches("gk1:")) })
}

/// Who spawned whom, oldest first, down to where the tasks wait.
fn ancestry(result: &mut Map<String, Value>, row: &Row<'_>) {
    let Some(group) = row.finding.groups.first().filter(|group| !group.ancestry.is_empty()) else {
        return;
    };
    let ancestors = group.ancestry.iter().rev().map(|site| ("spawned an ancestor here", site));
    let own = group.spawn.iter().map(|site| ("spawned the task here", site));
    let block = group.block.iter().map(|site| ("the task waits here", site));
    let all: Vec<_> = ancestors.chain(own).chain(block).collect();
    let last = all.len().saturating_sub(PLACES);
    let steps = all[last..].iter();
    let steps = steps.map(|(what, site)| json!({ "location": location(site, Some(what)) }));
    let steps: Vec<Value> = steps.collect();
    result.insert("codeFlows".to_owned(), json!([{ "threadFlows": [{ "locations": steps }] }]));
}

fn standing(result: &mut Map<String, Value>, row: &Row<'_>) {
    let state = match &row.standing {
        Standing::Found => return,
        Standing::New | Standing::Expired(_) | Standing::Moved(_) | Standing::Weaker => "new",
        Standing::Grown(_) => "updated",
        Standing::Known(reason) => {
            let suppression = json!({
                "kind": "external",
                "status": "accepted",
                "justification": clean(reason),
            });
            result.insert("suppressions".to_owned(), json!([suppression]));
            "unchanged"
        }
    };
    result.insert("baselineState".to_owned(), Value::from(state));
    if let Some(Value::Object(properties)) = result.get_mut("properties") {
        properties.insert("state".to_owned(), Value::from(row.state()));
    }
}

fn location(site: &Site, what: Option<&str>) -> Value {
    let mut artifact = json!({ "uri": uri(&key::file(&site.file)) });
    if is_inside(site) {
        artifact["uriBaseId"] = Value::from("%SRCROOT%");
    }
    let mut physical = json!({ "artifactLocation": artifact });
    if site.line > 0 {
        physical["region"] = json!({ "startLine": site.line, "startColumn": site.column.max(1) });
    }
    let mut location = json!({ "physicalLocation": physical });
    if let Some(what) = what {
        location["message"] = json!({ "text": what });
    }
    location
}

/// A path as a reference: what is not plain in it by the numbers of its bytes.
fn uri(path: &str) -> String {
    let mut out = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_are_references() {
        assert_eq!(uri("src/a.rs"), "src/a.rs");
        assert_eq!(uri("/rustc/1/a b.rs"), "file:///rustc/1/a%20b.rs");
        assert_eq!(uri("ö:<"), "%C3%B6%3A%3C");
    }
}
