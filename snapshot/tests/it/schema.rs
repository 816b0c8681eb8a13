//! What is written fits `docs/schemas/dump.json`, and what is like it and wrong does not.

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::any::snapshots;
use crate::dump;
use crate::example::example;
use crate::wrong::wrong;

fn validator() -> Validator {
    let schema = include_str!("../../../docs/schemas/dump.json");
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    jsonschema::draft202012::meta::validate(&schema).expect("a schema");
    jsonschema::draft202012::new(&schema).expect("a schema")
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn every_line_of_a_dump_fits(snapshot in snapshots()) {
        let validator = validator();
        for line in lines(&dump(&snapshot)) {
            prop_assert!(validator.is_valid(&line), "{line}");
        }
    }
}

#[test]
fn the_example_and_the_golden_file_fit_and_nothing_wrong_does() {
    let validator = validator();
    let golden = include_bytes!("../../testdata/v1/example.ndjson");
    for line in lines(golden).iter().chain(&lines(&dump(&example()))) {
        assert!(validator.is_valid(line), "{line}: {:?}", validator.validate(line));
        for bad in wrong(line) {
            assert!(!validator.is_valid(&bad), "{bad}");
        }
    }
}

#[test]
fn what_a_line_needs_is_missed() {
    let validator = validator();
    for line in lines(&dump(&example())) {
        let mut kinds = line.clone();
        kinds["k"] = json!("zzz");
        assert!(!validator.is_valid(&kinds), "{kinds}");
        kinds.as_object_mut().unwrap().remove("k");
        assert!(!validator.is_valid(&kinds), "{kinds}");
    }
}
