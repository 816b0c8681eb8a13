//! Tests as the attribute registers them at link time.
//!
//! Invariant: what comes out is sorted by name, and no name is there twice: the order of link-time
//! registration is nobody's promise, and a filter must choose one test.

use crate::test_body::{Start, Started};

/// A test of this binary.
#[derive(Debug)]
pub struct Registered {
    /// `module_path!()` at the test.
    pub module: &'static str,
    /// The function.
    pub name: &'static str,
    /// Where it is.
    pub file: &'static str,
    /// Where it is.
    pub line: u32,
    /// `#[ignore]`.
    pub ignored: bool,
    /// `#[should_panic]`.
    pub should_panic: ShouldPanic,
    /// Threads of its runtime.
    pub workers: Option<usize>,
    /// Its own settle time.
    pub settle_ms: Option<u64>,
    /// When it must have ended.
    pub deadline_ms: Option<u64>,
    /// Tasks that no finding is made on, as [`Options::ignore`](crate::Options::ignore) has them.
    pub ignore: &'static [&'static str],
    /// Called when the body has ended.
    pub cleanup: Option<fn()>,
    /// Spawns its body.
    pub start: fn(Start<'_>) -> Started,
}

/// What `#[should_panic]` says.
#[derive(Clone, Copy, Debug)]
pub enum ShouldPanic {
    /// Nothing: a panic fails the test.
    No,
    /// The test must panic.
    Yes,
    /// The test must panic with a message that contains this.
    With(&'static str),
}

inventory::collect!(Registered);

impl Registered {
    /// The name as libtest has it: without the crate's.
    pub(crate) fn path(&self) -> String {
        match self.module.split_once("::") {
            Some((_, module)) => format!("{module}::{}", self.name),
            None => self.name.to_owned(),
        }
    }
}

/// The test with this name in this module.
pub(crate) fn find(module: &str, name: &str) -> Option<&'static Registered> {
    let mut tests = inventory::iter::<Registered>.into_iter();
    tests.find(|test| test.module == module && test.name == name)
}

/// All tests of this binary by name, or a message about those that share one.
pub(crate) fn tests() -> Result<Vec<(String, &'static Registered)>, String> {
    sorted(inventory::iter::<Registered>.into_iter())
}

fn sorted<'t>(
    tests: impl Iterator<Item = &'t Registered>,
) -> Result<Vec<(String, &'t Registered)>, String> {
    let mut tests: Vec<_> = tests.map(|test| (test.path(), test)).collect();
    tests.sort_by(|(a, of_a), (b, of_b)| (a, of_a.file, of_a.line).cmp(&(b, of_b.file, of_b.line)));
    let twice: Vec<String> = tests
        .windows(2)
        .filter(|pair| pair[0].0 == pair[1].0)
        .map(|pair| {
            let place = |test: &Registered| format!("{}:{}", test.file, test.line);
            let (first, second) = (place(pair[0].1), place(pair[1].1));
            format!("gleak: two tests are named {}: {first} and {second}", pair[0].0)
        })
        .collect();
    if twice.is_empty() { Ok(tests) } else { Err(twice.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(module: &'static str, name: &'static str, line: u32) -> Registered {
        Registered {
            module,
            name,
            file: "tests/t.rs",
            line,
            ignored: false,
            should_panic: ShouldPanic::No,
            workers: None,
            settle_ms: None,
            deadline_ms: None,
            ignore: &[],
            cleanup: None,
            start: |_| panic!("never started"),
        }
    }

    #[test]
    fn names_lose_the_crate_and_are_sorted() {
        let tests = [test("t", "b", 1), test("t::m::n", "a", 2), test("t", "a", 3)];
        let names: Vec<_> = sorted(tests.iter()).unwrap().into_iter().map(|it| it.0).collect();
        assert_eq!(names, ["a", "b", "m::n::a"]);
    }

    #[test]
    fn a_name_used_twice_is_told_with_both_places() {
        let tests = [test("t", "a", 9), test("t", "b", 5), test("t", "a", 3)];
        assert_eq!(
            sorted(tests.iter()).unwrap_err(),
            "gleak: two tests are named a: tests/t.rs:3 and tests/t.rs:9"
        );
    }
}
