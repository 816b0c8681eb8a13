//! The file of findings.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use gleak_runtime::report::detector::Rule;
use gleak_runtime::report::detector::findings_file::{self, FindingsFile};

use crate::support::{example, no_folder, run};

#[track_caller]
fn the_file(folder: &Path) -> FindingsFile {
    let files: Vec<_> = fs::read_dir(folder).expect("the folder").flatten().collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let name = files[0].file_name().into_string().expect("a text");
    let opened = File::open(files[0].path()).expect("the file");
    let file = findings_file::read(&mut BufReader::new(opened)).expect("findings");
    let source = &file.source;
    assert_eq!(name, format!("findings-{}-{}.ndjson", source.program, source.pid));
    assert!(file.complete);
    file
}

#[test]
fn a_failing_run_writes_its_findings() {
    let folder = no_folder("failing").join("made by the run");
    let said = run(example("early_return").env("GLEAK_OUT", &folder));
    let file = the_file(&folder);
    assert_eq!((file.source.program.as_str(), file.source.tests), ("early_return", 21));
    // A body each, and one task of each.
    assert_eq!(file.source.spawned, 42);
    assert_eq!(file.findings.len(), 1);
    let finding = &file.findings[0];
    assert_eq!(finding.key.rule, Rule::AsleepInRegion);
    assert_eq!(finding.regions, ["early_return"]);
    assert!(said.message("early_return").contains(&finding.fingerprint.0), "live and in the file");
}

#[test]
fn a_green_run_writes_what_it_has_looked_at() {
    let folder = no_folder("green");
    let said = run(example("own_main").env("GLEAK_OUT", &folder));
    assert_eq!(said.code, Some(0));
    let file = the_file(&folder);
    assert_eq!((file.source.tests, file.source.spawned, file.findings.len()), (2, 3, 0));
}

#[test]
fn tasks_of_no_test_are_in_it() {
    let folder = no_folder("strays");
    run(example("strays").env("GLEAK_OUT", &folder));
    let rules: Vec<_> = the_file(&folder).findings.iter().map(|it| it.key.rule).collect();
    assert_eq!(rules, [Rule::Panicked, Rule::UnseenError, Rule::Outlived]);
}

#[test]
fn a_listing_writes_none() {
    let folder = no_folder("listing");
    run(example("early_return").arg("--list").env("GLEAK_OUT", &folder));
    assert!(!folder.exists());
}

#[test]
fn findings_that_cannot_be_written_are_a_failure() {
    let folder = no_folder("lost");
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    fs::write(&folder, "a file where the folder should be").unwrap();
    let said = run(example("own_main").env("GLEAK_OUT", &folder));
    assert_eq!((said.tests("FAILED").len(), said.code), (0, Some(101)));
    assert!(said.stderr.contains("gleak: the findings are lost: "), "{}", said.stderr);
}
