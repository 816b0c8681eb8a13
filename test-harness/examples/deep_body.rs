//! A test whose body needs 5 MiB of stack: it passes when `RUST_MIN_STACK` grants them.

use std::hint::black_box;

fn down(end: usize) -> u8 {
    let frame = black_box([1_u8; 64]);
    if (&raw const frame as usize) < end { frame[0] } else { down(end).max(frame[9]) }
}

#[gleak_test_harness::test]
fn goes_deep() {
    let here = 0_u8;
    assert_eq!(down(&raw const here as usize - (5 << 20)), 1);
}

gleak_test_harness::verify_no_leaks!();
