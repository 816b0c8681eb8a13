//! Documents that are almost right, for tests of schemas. The CLI's tests take this file too.

use serde_json::{Value, json};

/// The document with one more key in one of its objects, or with one value of another type; each such.
pub(crate) fn wrong(document: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    match document {
        Value::Object(object) => {
            let mut more = object.clone();
            more.insert("zzz".to_owned(), json!(1));
            all.push(Value::Object(more));
            for (key, value) in object {
                for bad in wrong(value) {
                    let mut other = object.clone();
                    other.insert(key.clone(), bad);
                    all.push(Value::Object(other));
                }
            }
        }
        Value::Array(items) => {
            all.push(json!({ "zzz": 1 }));
            for (at, item) in items.iter().enumerate() {
                for bad in wrong(item) {
                    let mut other = items.clone();
                    other[at] = bad;
                    all.push(Value::Array(other));
                }
            }
        }
        Value::String(_) => all.push(json!(7)),
        Value::Null => all.push(json!({ "zzz": 1 })),
        Value::Bool(_) | Value::Number(_) => all.push(json!("zzz")),
    }
    all
}
