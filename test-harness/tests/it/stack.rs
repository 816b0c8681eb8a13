//! How much stack a test body has.

use crate::support::{example, run};

#[test]
fn rust_min_stack_is_what_a_body_gets() {
    let said = run(example("deep_body").env("RUST_MIN_STACK", (8 << 20).to_string()));
    assert_eq!(said.tests("ok"), ["goes_deep"], "{said:#?}");
    assert_eq!(said.code, Some(0));
}

#[test]
fn a_body_that_overflows_is_named_with_the_two_mebibytes_that_it_had() {
    for asked in ["", "many", "2000000"] {
        let said = run(example("deep_body").env("RUST_MIN_STACK", asked));
        assert_eq!(said.code, None, "it ends by a signal: {said:#?}");
        let start = "\"goes_deep\" (spawned at ";
        let end = ") overflowed its stack of 2 MiB\n";
        assert!(said.stderr.contains(start) && said.stderr.contains(end), "{said:#?}");
    }
}

#[test]
fn too_small_a_number_does_not_keep_a_body_from_running() {
    // Enough for libtest-mimic's own threads, which have just that much.
    let said = run(example("own_main").arg("first").env("RUST_MIN_STACK", "65536"));
    assert_eq!(said.tests("ok"), ["first"], "{said:#?}");
}
