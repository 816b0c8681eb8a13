//! Which signals the program has asked the runtime to answer: `GLEAK_SIGNALS`, or the builder. What a
//! signal does is the program's policy, so without either no signal is answered.

use std::ffi::OsStr;
use std::io;

/// A signal, or a group of them, that the runtime answers when it is asked to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// What ends a process by a fault or an abort: SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP and
    /// SIGSYS. An image of the runtime's memory is written for `gleak report`; then the process ends by the
    /// signal as without.
    Crash,
    /// SIGQUIT: every task is told, as Go does it, and the process ends by the signal.
    Quit,
    /// SIGUSR1: a dump is written, and the process goes on.
    Usr1,
    /// SIGTERM: a dump is written, and the process ends by the signal.
    Term,
}

impl Signal {
    /// All that there are.
    pub const ALL: [Signal; 4] = [Signal::Crash, Signal::Quit, Signal::Usr1, Signal::Term];

    /// What `GLEAK_SIGNALS` calls it.
    const fn word(self) -> &'static str {
        match self {
            Signal::Crash => "crash",
            Signal::Quit => "quit",
            Signal::Usr1 => "usr1",
            Signal::Term => "term",
        }
    }
}

/// The word for all of them.
const ALL: &str = "all";

/// A set of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Signals(u8);

impl Signals {
    pub(crate) fn has(self, signal: Signal) -> bool {
        self.0 & 1 << signal as u8 != 0
    }

    /// Those of a list of words between commas; the first word that is none.
    fn parse(text: &str) -> Result<Signals, &str> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        words
            .map(Signals::word)
            .try_fold(Signals::default(), |all, one| Ok(Signals(all.0 | one?.0)))
    }

    fn word(word: &str) -> Result<Signals, &str> {
        let named = |signal: &Signal| word == ALL || signal.word() == word;
        let named: Signals = Signal::ALL.into_iter().filter(named).collect();
        if named == Signals::default() { Err(word) } else { Ok(named) }
    }
}

impl FromIterator<Signal> for Signals {
    fn from_iter<I: IntoIterator<Item = Signal>>(signals: I) -> Signals {
        Signals(signals.into_iter().fold(0, |all, signal| all | 1 << signal as u8))
    }
}

/// What `GLEAK_SIGNALS` asks for.
///
/// # Errors
/// When it holds a word that is none: a list that is not understood would be noticed when it is too late.
pub(crate) fn by_environment() -> io::Result<Signals> {
    let value = std::env::var_os("GLEAK_SIGNALS").unwrap_or_default();
    of_value(&value).map_err(|message| io::Error::new(io::ErrorKind::InvalidInput, message))
}

fn of_value(value: &OsStr) -> Result<Signals, String> {
    let parsed = value.to_str().ok_or_else(|| format!("GLEAK_SIGNALS={value:?} is no text"))?;
    Signals::parse(parsed).map_err(|word| {
        let words = Signal::ALL.map(Signal::word).join(", ");
        format!("GLEAK_SIGNALS={value:?}: {word:?} is none of {words} and {ALL}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_words_is_a_set() {
        let of = |signals: &[Signal]| Ok(signals.iter().copied().collect::<Signals>());
        let parse = |text| of_value(OsStr::new(text));
        assert_eq!(parse(""), of(&[]));
        assert_eq!(parse("crash"), of(&[Signal::Crash]));
        assert_eq!(parse(" usr1 ,crash,"), of(&[Signal::Crash, Signal::Usr1]));
        assert_eq!(parse("all"), of(&Signal::ALL));
        assert_eq!(parse("quit,all"), of(&Signal::ALL));
        let asked = parse("quit,term").expect("two words");
        assert_eq!(Signal::ALL.map(|it| asked.has(it)), [false, true, false, true]);
    }

    #[test]
    fn a_word_that_is_none_is_told() {
        let told = of_value(OsStr::new("crash,sigquit")).expect_err("no word");
        assert_eq!(
            told,
            "GLEAK_SIGNALS=\"crash,sigquit\": \"sigquit\" is none of crash, quit, usr1, term and all"
        );
    }
}
