//! A main whose exceptions are not understood.

#[gleak_test_harness::test]
fn innocent() {}

gleak_test_harness::verify_no_leaks!(ignore = "name=a becuase it is misspelt");
