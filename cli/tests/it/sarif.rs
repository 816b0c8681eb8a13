//! SARIF as the standard has it: `testdata/sarif.schema.json`, and what no schema can say.

use jsonschema::Validator;
use serde_json::Value;

use crate::make::{self, finding, findings};
use crate::work_dir::WorkDir;
use crate::wrong::wrong;

const GOLDEN: [&str; 4] = [
    include_str!("../../testdata/gate.sarif"),
    include_str!("../../../detector/testdata/formats/gate.sarif"),
    include_str!("../../../detector/testdata/formats/several.sarif"),
    include_str!("../../../detector/testdata/formats/healthy.sarif"),
];

fn validator() -> Validator {
    let schema = serde_json::from_str(include_str!("../../testdata/sarif.schema.json")).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

#[track_caller]
fn fits(validator: &Validator, text: &str) -> Value {
    let document: Value = serde_json::from_str(text).unwrap();
    let errors: Vec<String> = validator.iter_errors(&document).map(|it| it.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{document:#}");
    let run = &document["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    for result in results {
        let at = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[at]["id"], result["ruleId"]);
        let absent = result["baselineState"] == "absent";
        assert_eq!(result["kind"] == "pass", absent, "what is gone is no failure: {result:#}");
    }
    // All of them say how they stand to the baseline, or none does.
    let standing = results.iter().filter(|result| result.get("baselineState").is_some()).count();
    assert!(standing == 0 || standing == results.len());
    document
}

#[test]
fn golden_files_fit_and_nothing_wrong_does() {
    let validator = validator();
    for golden in GOLDEN {
        for bad in wrong(&fits(&validator, golden)) {
            assert!(!validator.is_valid(&bad), "{bad:#}");
        }
    }
}

#[test]
fn what_is_written_fits() {
    let validator = validator();
    let dir = WorkDir::new("sarif");
    for (name, bytes) in [
        ("leaky", make::leaky(1, 3)),
        ("bank", make::deadlocked()),
        ("hostile", make::hostile()),
        ("empty", make::empty()),
        ("cut", make::cut(&make::busy()).to_vec()),
    ] {
        dir.write(name, bytes);
        let run = dir.gleak(&["report", name, "--format", "sarif"]);
        fits(&validator, &run.stdout);
        let run = dir.gleak(&["gate", name, "--format", "sarif"]);
        fits(&validator, &run.stdout);
    }
}

#[test]
fn a_finding_that_is_gone_is_absent_and_fails_nothing() {
    let validator = validator();
    let dir = WorkDir::new("sarif-absent");
    let all = [finding("gk1:aa", "a::b", 1), finding("gk1:bb", "c::d", 1)];
    dir.write("before", findings(1, &all)).write("now", findings(1, &all[..1]));
    dir.gleak(&["baseline", "write", "b.json", "before", "--reason", "issue 41"]).ends(0).quiet();
    let gate = ["gate", "now", "--baseline", "b.json", "--format", "sarif"];
    let document = fits(&validator, &dir.gleak(&gate).ends(0).quiet().stdout);
    let results = document["runs"][0]["results"].as_array().unwrap();
    let told: Vec<_> = results
        .iter()
        .map(|it| (&it["baselineState"], &it["level"], &it["partialFingerprints"]["gk1"]))
        .collect();
    let wanted = [
        (&Value::from("unchanged"), &Value::from("note"), &Value::from("aa")),
        (&Value::from("absent"), &Value::from("none"), &Value::from("bb")),
    ];
    assert_eq!(told, wanted);
}
