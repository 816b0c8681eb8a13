//! Tests as the attribute registers them at link time.

use crate::case::{Begin, Case, Kind, RunElsewhere, Settings};
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
    /// What stands in the attributes.
    pub settings: fn() -> Settings,
    /// What it runs as.
    pub begin: Begins,
}

/// What a registered test runs as.
#[derive(Clone, Copy, Debug)]
pub enum Begins {
    /// A task of ours, which this spawns.
    Here(fn(Start<'_>) -> Started),
    /// What an adapter makes of it.
    Elsewhere(RunElsewhere),
}

inventory::collect!(Registered);

impl Registered {
    /// The name as libtest has it: without the crate's.
    fn path(&self) -> String {
        match self.module.split_once("::") {
            Some((_, module)) => format!("{module}::{}", self.name),
            None => self.name.to_owned(),
        }
    }

    fn case(&self) -> Case {
        Case {
            name: self.path(),
            kind: Kind::Own,
            file: self.file,
            line: self.line,
            settings: (self.settings)(),
            begin: match self.begin {
                Begins::Here(start) => Begin::Here(Box::new(start)),
                Begins::Elsewhere(run) => Begin::Elsewhere(run),
            },
        }
    }
}

/// The test with this name in this module.
pub(crate) fn find(module: &str, name: &str) -> Option<Case> {
    let mut tests = inventory::iter::<Registered>.into_iter();
    tests.find(|test| test.module == module && test.name == name).map(Registered::case)
}

/// All tests of this binary, in the order of nobody's promise.
pub(crate) fn tests() -> impl Iterator<Item = Case> {
    inventory::iter::<Registered>.into_iter().map(Registered::case)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_the_crate() {
        let named = |module, name| {
            let settings = Settings::default;
            let begin = Begins::Here(|_| panic!("never started"));
            Registered { module, name, file: "tests/t.rs", line: 1, settings, begin }.case().name
        };
        assert_eq!(named("t", "a"), "a");
        assert_eq!(named("t::m::n", "a"), "m::n::a");
    }
}
