//! `gleak schema`: the JSON Schema of a format, from the files in `docs/schemas`.
//!
//! Invariants:
//! 1. What formats have in common stands once, in `shared.json`, and is put into each schema that names it.
//! 2. What is written needs no other file.

use std::collections::BTreeSet;

use gleak_detector::render;
use serde_json::{Map, Value};

use crate::args::{Schema, SchemaOf};
use crate::error::Failure;
use crate::exit_code;
use crate::output;

const SHARED: &str = include_str!("../../../docs/schemas/shared.json");

/// Runs the command.
pub(crate) fn run(args: &Schema) -> Result<u8, Failure> {
    output::to_stdout(render::document(&whole(text(args.of))).as_bytes())?;
    Ok(exit_code::PASS)
}

fn text(of: SchemaOf) -> &'static str {
    match of {
        SchemaOf::Dump => include_str!("../../../docs/schemas/dump.json"),
        SchemaOf::Findings => include_str!("../../../docs/schemas/findings.json"),
        SchemaOf::Baseline => include_str!("../../../docs/schemas/baseline.json"),
        SchemaOf::Report => include_str!("../../../docs/schemas/report.json"),
        SchemaOf::Gate => include_str!("../../../docs/schemas/gate.json"),
    }
}

/// A schema with all that it names.
fn whole(text: &str) -> Value {
    // Both are ours, and a test reads each of them.
    let mut schema: Value = serde_json::from_str(text).unwrap_or_default();
    let shared: Value = serde_json::from_str(SHARED).unwrap_or_default();
    let own = schema.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut parts = own;
    let mut open = named(&schema);
    while let Some(name) = open.pop_first() {
        let part = shared["$defs"].get(&name).filter(|_| !parts.contains_key(&name));
        if let Some(part) = part {
            open.extend(named(part));
            parts.insert(name, part.clone());
        }
    }
    schema["$defs"] = Value::Object(parts);
    schema
}

/// Parts that a schema refers to.
fn named(schema: &Value) -> BTreeSet<String> {
    let of_object = |object: &Map<String, Value>| {
        let reference = object.get("$ref").and_then(Value::as_str);
        let own = reference.and_then(|it| it.strip_prefix("#/$defs/")).map(str::to_owned);
        object.values().flat_map(named).chain(own).collect()
    };
    match schema {
        Value::Object(object) => of_object(object),
        Value::Array(items) => items.iter().flat_map(named).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => BTreeSet::new(),
    }
}
