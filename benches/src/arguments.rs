//! The command line: what to measure, how often, and which peers to do without.

use crate::peers::Peer;

const USAGE: &str = "gleak-benches [counts] [--only NAME,NAME] [--rounds N] [--pairs N] [--quick] \
                     [--skip PEER,PEER] [--bless]";

/// Fewer would make a median of noise.
const ROUNDS: usize = 5;
const PAIRS: usize = 40;

/// What to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Command {
    Bench,
    Counts,
}

/// The parsed command line.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) command: Command,
    /// Parts of names of works; none means all.
    pub(crate) only: Vec<String>,
    pub(crate) rounds: usize,
    /// Interleaved pairs with and without records, of each operation; with 0 none are compared.
    pub(crate) pairs: usize,
    /// A tenth of the operations, once: to see that all runs.
    pub(crate) quick: bool,
    pub(crate) skip: Vec<Peer>,
    /// Rewrites the page, or the committed counts.
    pub(crate) bless: bool,
}

impl Arguments {
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let mut parsed = Arguments {
            command: Command::Bench,
            only: Vec::new(),
            rounds: ROUNDS,
            pairs: PAIRS,
            quick: false,
            skip: Vec::new(),
            bless: false,
        };
        let mut words = words;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value; {USAGE}"));
            match word.as_str() {
                "counts" => parsed.command = Command::Counts,
                "--only" => parsed.only = list(&value()?),
                "--rounds" => parsed.rounds = number(&word, &value()?)?.max(1),
                "--pairs" => parsed.pairs = number(&word, &value()?)?,
                "--quick" => (parsed.quick, parsed.rounds, parsed.pairs) = (true, 1, 2),
                "--skip" => {
                    let peers = list(&value()?);
                    parsed.skip =
                        peers.iter().map(|it| Peer::named(it)).collect::<Result<_, _>>()?;
                }
                "--bless" => parsed.bless = true,
                _ => return Err(format!("{word} is not known; {USAGE}")),
            }
        }
        Ok(parsed)
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

fn number(option: &str, text: &str) -> Result<usize, String> {
    text.parse().map_err(|error| format!("{option} {text}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Command};
    use crate::peers::Peer;

    fn parse(text: &str) -> Result<Arguments, String> {
        Arguments::parse(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read() {
        let parsed = parse("counts --only a,b --quick --rounds 3 --skip go,tokio-ct").unwrap();
        assert_eq!(parsed.command, Command::Counts);
        assert_eq!(parsed.only, ["a", "b"]);
        assert_eq!((parsed.rounds, parsed.pairs, parsed.quick), (3, 2, true));
        assert_eq!(parsed.skip, [Peer::Go, Peer::TokioCurrent]);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("--rounds", "needs a value"),
            ("--rounds few", "--rounds few"),
            ("--skip java", "no peer is called java"),
            ("--fast", "--fast is not known"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
