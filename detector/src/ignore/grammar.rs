//! The text of exceptions, in code and in files: `MATCHER [until DATE] because REASON`.
//!
//! A matcher is `KEY=VALUE`. A value goes up to the next blank, or stands in double quotes, where
//! `\"` and `\\` are a quote and a backslash. The reason is the rest.
//!
//! Invariants:
//! 1. What is not understood is an error that says where: a mistyped exception must not pass for
//!    one without effect, nor for a wider one.
//! 2. What is printed reads back as the same.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::keys::{KEYS, unknown};
use super::{Ignore, Matcher};
use crate::suggest::near;
use crate::{Date, Fingerprint};

const UNTIL: &str = "until";
const BECAUSE: &str = "because";
const NO_BLANK: &str = "there is no blank beside `=`";
/// Why an exception cannot be read, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GrammarError {
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// What is the matter, in one line.
    pub message: String,
}

impl fmt::Display for GrammarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for GrammarError {}

/// One exception, as it was read.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) what: What,
    pub(crate) until: Option<Date>,
    pub(crate) reason: String,
    /// Where the date stands.
    until_at: Option<usize>,
}

/// What an exception is on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum What {
    Tasks(Matcher),
    Finding(Fingerprint),
}

impl FromStr for Ignore {
    type Err = GrammarError;

    fn from_str(text: &str) -> Result<Ignore, GrammarError> {
        let refused =
            |at, message: &str| Reader { text, at, line: 1 }.error(at, message.to_owned());
        let Entry { what, reason, until_at, .. } = entry(1, text)?;
        if let Some(at) = until_at {
            return Err(refused(at, "only a line of a suppressions file ends on a day"));
        }
        match what {
            What::Tasks(matcher) => Ok(Ignore { matcher, reason }),
            What::Finding(_) => {
                let message = "a finding is suppressed in a file; an ignore is on tasks";
                Err(refused(text.len() - text.trim_start().len(), message))
            }
        }
    }
}

/// Reads one exception.
pub(crate) fn entry(line: usize, text: &str) -> Result<Entry, GrammarError> {
    let mut reader = Reader { text, at: 0, line };
    reader.blanks();
    let what = reader.what()?;
    let (mut until, mut until_at) = (None, None);
    loop {
        reader.blanks();
        let at = reader.at;
        match reader.word() {
            BECAUSE => break,
            UNTIL if until.is_none() => {
                until_at = Some(at);
                until = Some(reader.date()?);
            }
            UNTIL => return Err(reader.error(at, "there is a day already".to_owned())),
            "" => return Err(reader.error(at, "a reason is missing: `because ...`".to_owned())),
            word => {
                let message = match near(word, [UNTIL, BECAUSE]) {
                    Some(meant) => format!("`{word}` is not known; is `{meant}` meant?"),
                    None => format!(
                        "`{word}` is neither `until` nor `because`; a value with blanks stands in \
                         double quotes"
                    ),
                };
                return Err(reader.error(at, message));
            }
        }
    }
    let reason: Vec<&str> = reader.text[reader.at..].split_whitespace().collect();
    if reason.is_empty() {
        return Err(reader.error(text.trim_end().len(), "the reason is empty".to_owned()));
    }
    if let Some(at) = reader.late_day() {
        let message = "the day stands before `because`; here it would be part of the reason";
        return Err(reader.error(at, message.to_owned()));
    }
    Ok(Entry { what, until, reason: reason.join(" "), until_at })
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    line: usize,
}

impl<'t> Reader<'t> {
    fn error(&self, at: usize, message: String) -> GrammarError {
        let column = self.text[..at].chars().count() + 1;
        GrammarError { line: self.line, column, message }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Up to the next blank.
    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let word = rest.split(char::is_whitespace).next().unwrap_or_default();
        self.at += word.len();
        word
    }

    fn what(&mut self) -> Result<What, GrammarError> {
        let start = self.at;
        let is_key = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
        let rest = self.rest();
        let key = &rest[..rest.find(|letter| !is_key(letter)).unwrap_or(rest.len())];
        self.at += key.len();
        if key == "label" {
            return self.label(start);
        }
        if key == "current" {
            let message = "`current` needs a moment: a test calls `ignore_current`";
            return Err(self.error(start, message.to_owned()));
        }
        if !KEYS.contains(&key) {
            return Err(self.error(start, unknown(key, self.text)));
        }
        let (at, value) = self.value_of(key)?;
        Ok(match key {
            "name" => What::Tasks(Matcher::Name(value)),
            "spawn" => What::Tasks(spawn(&value)),
            "entry" => What::Tasks(Matcher::Entry(value)),
            "creator" => What::Tasks(Matcher::Creator(value)),
            "crate" => What::Tasks(Matcher::Crate(value)),
            "innermost" => What::Tasks(Matcher::InnermostFrame(value)),
            "frame" => What::Tasks(Matcher::AnyFrame(value)),
            _ if !is_fingerprint(&value) => {
                let message = "no fingerprint: they are `gk1:` and 16 digits, as reports show them";
                return Err(self.error(at, message.to_owned()));
            }
            _ => What::Finding(Fingerprint(value)),
        })
    }

    fn label(&mut self, start: usize) -> Result<What, GrammarError> {
        let shape = "a label has a key: `label.tenant=42`";
        if !self.rest().starts_with('.') {
            return Err(self.error(start, shape.to_owned()));
        }
        self.at += 1;
        let key = self.text_up_to(|letter| letter == '=' || letter.is_whitespace())?;
        if key.is_empty() {
            return Err(self.error(self.at, shape.to_owned()));
        }
        let (_, value) = self.value_of("label")?;
        Ok(What::Tasks(Matcher::Label(key, value)))
    }

    /// `=VALUE`, and where the value begins.
    fn value_of(&mut self, key: &str) -> Result<(usize, String), GrammarError> {
        if self.rest().trim_start().starts_with('=') && !self.rest().starts_with('=') {
            return Err(self.error(self.at, NO_BLANK.to_owned()));
        }
        if !self.rest().starts_with('=') {
            return Err(self.error(self.at, format!("`{key}` is followed by `=` and a value")));
        }
        self.at += 1;
        let at = self.at;
        let value = self.text_up_to(char::is_whitespace)?;
        if value.is_empty() {
            let is_blank = self.at == at && self.rest().starts_with(char::is_whitespace);
            let message = if is_blank { NO_BLANK } else { "the value is empty" };
            return Err(self.error(at, message.to_owned()));
        }
        Ok((at, value))
    }

    fn text_up_to(&mut self, end: impl Fn(char) -> bool) -> Result<String, GrammarError> {
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let rest = self.rest();
        let text = &rest[..rest.find(end).unwrap_or(rest.len())];
        self.at += text.len();
        Ok(text.to_owned())
    }

    fn quoted(&mut self) -> Result<String, GrammarError> {
        let start = self.at;
        let mut text = String::new();
        let mut letters = self.rest().char_indices().skip(1);
        while let Some((offset, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.at = start + offset + 1;
                    return Ok(text);
                }
                '\\' => match letters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    _ => {
                        let message = "only `\\\"` and `\\\\` are known in quotes".to_owned();
                        return Err(self.error(start + offset, message));
                    }
                },
                _ => text.push(letter),
            }
        }
        Err(self.error(start, "the quote is not closed".to_owned()))
    }

    /// Where `until DATE` ends a reason, and so would end nothing.
    fn late_day(&self) -> Option<usize> {
        let rest = self.rest().trim_end();
        let (before, day) = rest.rsplit_once(char::is_whitespace)?;
        Date::parse(day)?;
        let before = before.trim_end().strip_suffix(UNTIL)?;
        (before.is_empty() || before.ends_with(char::is_whitespace))
            .then_some(self.at + before.len())
    }

    fn date(&mut self) -> Result<Date, GrammarError> {
        self.blanks();
        let at = self.at;
        let word = self.word();
        Date::parse(word).ok_or_else(|| self.error(at, format!("`{word}` is no day: YYYY-MM-DD")))
    }
}

fn spawn(value: &str) -> Matcher {
    let split = value.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse().ok()?)));
    match split {
        Some((file, line)) => Matcher::Spawn { file: file.to_owned(), line: Some(line) },
        None => Matcher::Spawn { file: value.to_owned(), line: None },
    }
}

pub(crate) fn is_fingerprint(text: &str) -> bool {
    let digits = text.strip_prefix("gk1:").unwrap_or_default();
    digits.len() == 16 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// A value as the grammar has it, quoted where it must be.
pub(super) fn value(text: &str) -> Cow<'_, str> {
    quoted_if(text, |letter| letter.is_whitespace())
}

/// As [`value`], for the key of a label.
pub(super) fn key(text: &str) -> Cow<'_, str> {
    quoted_if(text, |letter| letter.is_whitespace() || letter == '=')
}

pub(crate) fn quoted_if(text: &str, ends: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.is_empty() && !text.starts_with('"') && !text.contains(ends) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}
