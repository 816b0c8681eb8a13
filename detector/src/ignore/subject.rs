//! What a matcher looks at: the facts of one task, from a snapshot or from a finding.
//!
//! Invariant: a pattern is compared with what reports show, so that people can copy it.

use std::borrow::Cow;

use gleak_snapshot::TaskId;

use super::Matcher;
use crate::{key, name};

/// A task, as far as matchers care.
pub(crate) struct Subject<'a> {
    pub(crate) task: TaskId,
    pub(crate) name: Option<&'a str>,
    pub(crate) labels: &'a [(String, String)],
    /// None for threads.
    pub(crate) spawn: Option<Place<'a>>,
    /// What its ancestors run.
    pub(crate) creators: Vec<&'a str>,
    /// None where no stack was taken.
    pub(crate) stack: Option<Calls<'a>>,
}

/// The program's own calls on a stack.
pub(crate) struct Calls<'a> {
    /// The innermost one, where it is known.
    pub(crate) innermost: Option<&'a FrameName>,
    /// Those that are known.
    pub(crate) all: Cow<'a, [&'a FrameName]>,
}

impl<'a> Calls<'a> {
    /// Of a whole stack, innermost first.
    pub(crate) fn of(all: Cow<'a, [&'a FrameName]>) -> Self {
        Calls { innermost: all.first().copied(), all }
    }
}

/// Where and with what a task was spawned.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Normalised.
    pub(crate) file: &'a str,
    pub(crate) line: u32,
    /// Normalised.
    pub(crate) entry: &'a str,
}

/// The name of a function on a stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FrameName {
    /// As reports show it.
    short: String,
    /// Without its closures.
    bare: String,
}

impl FrameName {
    pub(crate) fn of(function: &str) -> Self {
        let short = name::shorten(function).into_owned();
        let bare = short.replace("::{closure}", "");
        FrameName { short, bare }
    }

    /// Without its closures, and as it is shown.
    pub(crate) fn both(self) -> impl Iterator<Item = String> {
        let closure = (self.short != self.bare).then_some(self.short);
        std::iter::once(self.bare).chain(closure)
    }

    fn is(&self, pattern: &str) -> bool {
        glob(pattern, if pattern.contains('{') { &self.short } else { &self.bare })
    }
}

impl Matcher {
    /// Whether it is one of its tasks.
    pub(crate) fn matches(&self, subject: &Subject<'_>) -> bool {
        let spawn = subject.spawn;
        let stack = subject.stack.as_ref();
        match self {
            Matcher::Name(pattern) => subject.name.is_some_and(|name| glob(pattern, name)),
            Matcher::Label(key, pattern) => {
                subject.labels.iter().any(|(own, value)| own == key && glob(pattern, value))
            }
            Matcher::Spawn { file, line } => spawn.is_some_and(|spawn| {
                line.is_none_or(|line| line == spawn.line) && glob(&key::file(file), spawn.file)
            }),
            Matcher::Entry(pattern) => spawn.is_some_and(|spawn| glob(pattern, spawn.entry)),
            Matcher::Creator(pattern) => subject.creators.iter().any(|it| glob(pattern, it)),
            Matcher::Crate(pattern) => {
                // A package may have a hyphen where its crate has none.
                let pattern = pattern.replace('-', "_");
                spawn.is_some_and(|spawn| name::crates(spawn.entry).any(|it| glob(&pattern, it)))
            }
            Matcher::InnermostFrame(pattern) => {
                stack.and_then(|stack| stack.innermost).is_some_and(|frame| frame.is(pattern))
            }
            Matcher::AnyFrame(pattern) => {
                stack.is_some_and(|stack| stack.all.iter().any(|frame| frame.is(pattern)))
            }
            Matcher::Current(known) => known.contains(&subject.task),
        }
    }
}

/// Whether the text is the pattern, in which `*` stands for any text.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return text.ends_with(piece);
        }
        // The first place is as good as any later one: more is left behind it.
        let Some(at) = text.find(piece) else { return false };
        text = &text[at + piece.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{FrameName, glob};

    #[test]
    fn a_star_is_any_text() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "abc"),
            ("abc", "abc"),
            ("a*", "a"),
            ("*c", "abc"),
            ("a*c", "abc"),
            ("a*c", "ac"),
            ("a*b*c", "a-b-b-c"),
            ("**", "x"),
            ("*b*", "abc"),
        ] {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("a", ""),
            ("abc", "abcd"),
            ("a*", "ba"),
            ("*c", "cb"),
            ("a*a", "a"),
            ("a*b*b", "ab"),
            ("*b*", "ac"),
        ] {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn frames_are_compared_as_they_are_shown() {
        let frame =
            FrameName::of("<app::Pool<u8> as app::Run>::run::{{closure}}::h0123456789abcdef");
        for pattern in ["app::Pool::run", "app::Pool::run::{closure}", "app::*", "*::run"] {
            assert!(frame.is(pattern), "{pattern}");
        }
        for pattern in ["run", "app::Pool", "app::Pool::run::{closure}::*"] {
            assert!(!frame.is(pattern), "{pattern}");
        }
    }
}
