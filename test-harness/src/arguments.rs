//! What the command line and the environment ask for, where libtest takes more than libtest-mimic does:
//! several filters, and `RUST_TEST_THREADS`.
//!
//! Invariant: with no more than one filter libtest-mimic gets what it would read itself.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches};
use libtest_mimic::{Arguments, Trial};

/// How libtest-mimic calls the filter.
const FILTER: &str = "filter";

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    arguments: Arguments,
    /// Those beyond one.
    filters: Vec<String>,
}

impl From<Arguments> for Asked {
    fn from(arguments: Arguments) -> Self {
        Asked { arguments, filters: Vec::new() }
    }
}

impl Asked {
    /// Of this process. Ends it, with a message, where that is not understood or help is asked for.
    pub(crate) fn of_process() -> Self {
        let asked = || test_threads(&std::env::var("RUST_TEST_THREADS").ok()?);
        let mut all = Asked::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
        all.arguments.test_threads = all.arguments.test_threads.or_else(asked);
        all
    }

    fn read(command_line: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let command = Arguments::command().mut_arg(FILTER, |it| it.num_args(0..));
        let mut matches = command.try_get_matches_from(command_line)?;
        let filters = matches.remove_many::<String>(FILTER);
        let mut filters: Vec<String> = filters.into_iter().flatten().collect();
        let mut arguments = Arguments::from_arg_matches_mut(&mut matches)?;
        if filters.len() == 1 {
            arguments.filter = filters.pop();
        }
        Ok(Asked { arguments, filters })
    }

    pub(crate) fn lists(&self) -> bool {
        self.arguments.list
    }

    /// For libtest-mimic, which then runs what one of the filters chooses, and counts the others.
    pub(crate) fn arguments(&self, trials: &[Trial]) -> Arguments {
        if self.filters.is_empty() {
            return self.arguments.clone();
        }
        let by_one =
            |filter: &String| Arguments { filter: Some(filter.clone()), ..self.arguments.clone() };
        let by_each: Vec<Arguments> = self.filters.iter().map(by_one).collect();
        let is_out = |trial: &&Trial| by_each.iter().all(|by| by.is_filtered_out(trial));
        let out: BTreeSet<&str> = trials.iter().filter(is_out).map(Trial::name).collect();
        let skip = out.into_iter().map(str::to_owned).collect();
        Arguments { skip, exact: true, filter: None, ..self.arguments.clone() }
    }
}

/// What libtest reads, and libtest-mimic does not.
fn test_threads(text: &str) -> Option<usize> {
    text.parse().ok().filter(|&count| count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(words: &str) -> Vec<&'static str> {
        let line = ["tests"].into_iter().chain(words.split_whitespace()).map(OsString::from);
        let asked = Asked::read(line).expect("a command line");
        let names = ["ab", "abc", "b::x", "c", "d"];
        let trials: Vec<Trial> = names.iter().map(|name| Trial::test(*name, || Ok(()))).collect();
        let arguments = asked.arguments(&trials);
        let is_in = |trial: &Trial| !arguments.is_filtered_out(trial);
        names.into_iter().zip(&trials).filter(|(_, it)| is_in(it)).map(|(name, _)| name).collect()
    }

    #[test]
    fn filters_choose_as_libtest_has_them() {
        assert_eq!(chosen(""), ["ab", "abc", "b::x", "c", "d"]);
        assert_eq!(chosen("ab"), ["ab", "abc"]);
        assert_eq!(chosen("ab d"), ["ab", "abc", "d"]);
        assert_eq!(chosen("ab d --exact"), ["ab", "d"]);
        assert_eq!(chosen("--skip x b d"), ["ab", "abc", "d"]);
        assert_eq!(chosen("nothing either"), [""; 0]);
    }

    #[test]
    fn a_number_of_threads_is_above_zero() {
        assert_eq!(
            ["3", "0", "", "-1", "two"].map(test_threads),
            [Some(3), None, None, None, None]
        );
    }
}
