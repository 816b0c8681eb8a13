//! Two tests of one name.

macro_rules! twice {
    () => {
        const _: () = {
            #[gleak_test_harness::test]
            fn twin() {}
        };
    };
}

twice!();
twice!();

gleak_test_harness::verify_no_leaks!();
