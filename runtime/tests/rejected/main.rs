//! Data races that Go's compiler lets through and Rust's does not: each program is rejected, with
//! the message that a user sees (`programs/*.stderr`).
//!
//! Messages change with the compiler. They are compared under the version that `rust-version` in
//! `Cargo.toml` names, and `TRYBUILD=overwrite` writes them anew.

use std::process::Command;

#[test]
fn races_do_not_compile() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("a compiler");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let tested = concat!("rustc ", env!("CARGO_PKG_RUST_VERSION"), ".");
    if !version.starts_with(tested) {
        eprintln!("skipped: messages are those of {tested}*, and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/rejected/programs/*.rs");
}
