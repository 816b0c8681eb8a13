//! Tests that take locks in orders which do not agree, and do not deadlock: they pass.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::sync::Arc;

use gleak_runtime::report::detector::{Question, Rule, analyze};
use gleak_runtime::{Chan, Mutex, go, report};

#[gleak_test_harness::test]
fn takes_turns() {
    let locks = Arc::new((Mutex::new(1), Mutex::new(2)));
    let (turn, others) = (Chan::<()>::new(0), locks.clone());
    let its_turn = turn.clone();
    let second = go! {
        its_turn.recv();
        let right = others.1.lock().unwrap();
        *others.0.lock().unwrap() += *right;
    };
    let first = go! {
        let left = locks.0.lock().unwrap();
        *locks.1.lock().unwrap() += *left;
        turn.close();
    };
    first.join().unwrap();
    second.join().unwrap();
    let report = analyze(&report::snapshot(), &Question::default());
    assert!(report.findings.iter().any(|finding| finding.key.rule == Rule::LockOrder));
}

gleak_test_harness::verify_no_leaks!();
