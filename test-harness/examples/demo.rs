//! The README's first screen: a test main in which one test leaves two tasks behind.

use gleak_runtime::{Chan, go};

#[gleak_test_harness::test]
fn the_fastest_mirror_wins() {
    let answers = Chan::new(0);
    for mirror in ["fra", "nyc", "sgp"] {
        let answers = answers.clone();
        go! { answers.send(mirror) };
    }
    // One answer is enough. But who receives the other two?
    assert!(answers.recv().is_some());
}

#[gleak_test_harness::test]
fn every_answer_is_taken() {
    let answers = Chan::new(0);
    for mirror in ["fra", "nyc", "sgp"] {
        let answers = answers.clone();
        go! { answers.send(mirror) };
    }
    assert_eq!((0..3).filter_map(|_| answers.recv()).count(), 3);
}

gleak_test_harness::verify_no_leaks!();
