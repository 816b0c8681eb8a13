#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gleak_cli::fuzzing::run("image", bytes));
