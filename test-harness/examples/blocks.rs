//! A test that goes on and says nothing: it keeps its worker until standard input ends.

#![expect(clippy::unwrap_used, reason = "test code")]

#[gleak_test_harness::test]
fn waits_for_input() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

gleak_test_harness::verify_no_leaks!();
