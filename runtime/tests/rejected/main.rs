//! What the compiler refuses, with the message that a user sees (`*.stderr`): data races that Go's
//! compiler lets through (`programs`), and handles that are asked for what they cannot do, or to
//! become another (`sides`).
//!
//! Messages change with the compiler. They are compared under the version that `rust-version` in
//! `Cargo.toml` names, and `TRYBUILD=overwrite` writes them anew.

use std::process::Command;

#[test]
fn neither_races_nor_sides_turned_round_compile() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("a compiler");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let tested = concat!("rustc ", env!("CARGO_PKG_RUST_VERSION"), ".");
    if !version.starts_with(tested) {
        eprintln!("skipped: messages are those of {tested}*, and this is {version}");
        return;
    }
    let rejected = trybuild::TestCases::new();
    rejected.compile_fail("tests/rejected/programs/*.rs");
    rejected.compile_fail("tests/rejected/sides/*.rs");
}
