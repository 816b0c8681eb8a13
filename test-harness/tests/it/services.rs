//! Services that the first test to ask for them starts.

use crate::support::{example, run};

#[test]
fn whichever_test_came_first_is_not_to_blame() {
    for first in ["undeclared::first", "undeclared::second", "undeclared"] {
        let said = run(example("service").arg(first));
        assert_eq!(said.tests("FAILED"), [""; 0], "{said:#?}");
        assert_eq!(said.code, Some(101));
        let head = "gleak: 1 task belongs to no test; the run fails, and no test is to blame\n";
        assert!(said.stderr.starts_with(head), "{said:#?}");
        for part in ["or an initialiser", "service::UNDECLARED", "intended?   spawn_daemon(..)"] {
            assert!(said.stderr.contains(part), "{part}: {said:#?}");
        }
    }
}

#[test]
fn a_daemon_may_stay_and_what_ends_is_nobodys_matter() {
    for test in ["daemon", "parts"] {
        let said = run(example("service").args([test, "--exact"]));
        assert_eq!((said.tests("ok"), said.code), (vec![test], Some(0)), "{said:#?}");
        assert_eq!(said.stderr, "");
    }
}

#[test]
fn a_cell_of_its_own_is_the_tests_matter() {
    let said = run(example("service").args(["own_cell", "--exact"]));
    assert_eq!((said.tests("FAILED"), said.code), (vec!["own_cell"], Some(101)), "{said:#?}");
    assert_eq!(said.stderr, "");
}
