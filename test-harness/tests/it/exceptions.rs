//! Ignores, suppressions and clean-ups of test mains.

use std::fs;

use crate::support::{Said, example, no_folder, run};

fn alone(test: &str) -> Said {
    run(example("excepted").args([test, "--exact"]))
}

#[test]
fn what_is_ignored_or_cleaned_up_fails_nothing() {
    for threads in ["1", "4"] {
        let said = run(example("excepted").args(["passes::", "--test-threads", threads]));
        assert_eq!((said.tests("ok").len(), said.code), (12, Some(0)), "{said:#?}");
        // Other tests may use what is for all of them.
        let own = "gleak: passes::with_an_unused_ignore: unused ignore: name=nobody because";
        let told: Vec<&str> = said.stderr.lines().filter(|line| line.contains("unused")).collect();
        assert!(told.len() == 1 && told[0].starts_with(own), "{said:#?}");
        assert!(!said.stderr.contains("to no test"), "{said:#?}");
    }
}

#[test]
fn unused_ones_of_all_tests_are_told_when_all_ran() {
    let said = run(&mut example("excepted"));
    assert_eq!((said.tests("FAILED").len(), said.code), (8, Some(101)), "{said:#?}");
    let line = "gleak: unused ignore: crate=nobody because it is unused\n";
    assert!(said.stderr.contains(line), "{said:#?}");
}

#[test]
fn what_is_not_ignored_still_fails() {
    let fails = |test: &str, words: &[&str]| {
        let said = alone(test);
        assert_eq!((said.tests("FAILED"), said.code), (vec![test], Some(101)), "{said:#?}");
        let message = said.message(test).to_owned();
        for word in words {
            assert!(message.contains(word), "no {word:?} in: {message}");
        }
    };
    const ONE: &str = "Error: gleak: 1 task outlived this test (1 group)";
    fails("fails::what_comes_later", &[ONE]);
    fails("fails::one_of_two", &[ONE, "\n1 task ignored by name=one because it is one of two"]);
    fails("fails::a_body_that_cannot_end", &["gleak: deadlock, the test can never end"]);
    let told = "line 1, column 1: `nmae` is not known; is `name` meant?";
    fails("fails::misspelt", &["gleak: \"nmae=a because it is misspelt\": ", told]);
    fails("fails::clean_up_panics", &["The clean-up panicked: ", "cannot close"]);
    fails("fails::clean_up_waits", &["gleak: deadlock, the clean-up can never end"]);
    fails("fails::clean_up_leaves_a_task", &[ONE, "excepted::fails::leaves"]);
    fails("fails::ignores_in_a_task", &["`ignore_current` is for the body of a test"]);
}

#[test]
fn a_file_of_suppressions_takes_findings_away() {
    let folder = no_folder("suppressed");
    fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("suppress.txt");
    let lines = "# known\nentry=early_return::ask because issue 41\ncrate=hyper because it stays\n";
    fs::write(&file, lines).expect("a file");
    let mut command = example("early_return");
    let said = run(command.env("GLEAK_SUPPRESS", &file).env("GLEAK_OUT", folder.join("out")));
    assert_eq!((said.tests("ok").len(), said.code), (21, Some(0)), "{said:#?}");
    assert_eq!(said.stderr, "gleak: unused suppression: crate=hyper because it stays\n");
    let evidence = fs::read_dir(folder.join("out")).expect("the folder").flatten();
    let written: Vec<String> =
        evidence.map(|it| fs::read_to_string(it.path()).expect("text")).collect();
    assert!(written.len() == 1 && !written[0].contains("\"finding\""), "{written:?}");

    fs::write(&file, "entry=early_return::ask until 2020-01-01 because issue 41\n")
        .expect("a file");
    let said = run(example("early_return").env("GLEAK_SUPPRESS", &file));
    assert_eq!((said.tests("FAILED"), said.code), (vec!["early_return"], Some(101)));
    assert!(said.stderr.contains("(its last day was 2020-01-01)"), "{said:#?}");

    fs::write(&file, "\n\nentri=a because b\n").expect("a file");
    let said = run(example("early_return").env("GLEAK_SUPPRESS", &file));
    assert_eq!((&*said.stdout, said.code), ("", Some(101)), "no test ran");
    let told = "suppress.txt: line 3, column 1: `entri` is not known; is `entry` meant?\n";
    assert!(said.stderr.ends_with(told), "{said:#?}");
}

#[test]
fn the_clean_up_of_the_run_is_judged_as_a_test_is() {
    let said = run(&mut example("unclean"));
    assert_eq!((said.tests("ok"), said.code), (vec!["innocent"], Some(101)), "{said:#?}");
    let head = "gleak: the clean-up fails the run; no test is to blame\n\n\
        Error: gleak: 1 task outlived this test (1 group)\n";
    assert!(said.stderr.starts_with(head) && !said.stderr.contains("again"), "{said:#?}");
    assert!(said.stderr.contains("unclean::leaves"), "{said:#?}");
    assert!(!said.stderr.contains("to no test"), "told twice: {said:#?}");
    // Nobody can run it again by itself, and no attribute stands at it.
    let narrow = run(example("unclean").env("COLUMNS", "40").env("CARGO_PKG_NAME", "a-package"));
    assert!(!narrow.stderr.contains("--exact"), "{narrow:#?}");
    assert!(!narrow.stderr.contains("at the test"), "{narrow:#?}");
}

#[test]
fn what_is_ignored_is_not_waited_for_at_the_end() {
    let said = run(&mut example("pulse"));
    assert_eq!((said.tests("ok"), said.code), (vec!["starts_it"], Some(0)), "{said:#?}");
    assert_eq!(said.stderr, "", "it is no stray, and the ignore is used");
}

#[test]
fn a_main_that_is_not_understood_runs_no_test() {
    let said = run(&mut example("misspelt"));
    assert_eq!((&*said.stdout, said.code), ("", Some(101)));
    let told = "gleak: \"name=a becuase it is misspelt\": line 1, column 8: `becuase` is not known; \
        is `because` meant?\n";
    assert_eq!(said.stderr, told);
    let listed = run(example("misspelt").arg("--list"));
    assert_eq!((listed.code, &*listed.stderr), (Some(0), ""), "a listing needs no exceptions");
}
