//! What the fuzz targets of `cli/fuzz` do: bytes go to a reader, and what comes of them has to hold. The
//! same runs in the tests here, on the corpus and on mutations of it.
//!
//! A target is a function in `targets.rs`, its name in [`TARGETS`] and in `cli/fuzz/Cargo.toml`, a file of one
//! line in `cli/fuzz/targets`, and a folder of inputs in `cli/fuzz/corpus`; a test says what is missing.
//!
//! Invariant: whatever the bytes are, a reader says what is wrong with them or hands on what every renderer
//! can show; it never panics, and takes no more memory than the bytes account for.

mod check;
mod targets;
#[cfg(test)]
mod tests;
mod xml;

/// A reader, and what is done with what it reads. Panics when something does not hold.
pub type Target = fn(&[u8]);

/// All of them, by their names.
pub const TARGETS: &[(&str, Target)] = &[
    ("baseline", targets::baseline),
    ("binary", targets::binary),
    ("core", targets::core),
    ("dump", targets::dump),
    ("filter", targets::filter),
    ("findings", targets::findings),
    ("flight", targets::flight),
    ("go", targets::go),
    ("image", targets::image),
    ("input", targets::input),
    ("suppressions", targets::suppressions),
];

/// Runs the target of that name.
///
/// # Panics
///
/// When there is none, and when something does not hold.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(it, _)| *it == name);
    let (_, target) = target.unwrap_or_else(|| panic!("no target is called {name}"));
    target(bytes);
}
