//! Filters from text.
//!
//! Invariants:
//! 1. No text makes it panic or recurse deeper than [`DEPTH`].
//! 2. Every error names a column of the text.

use std::fmt;
use std::str::FromStr;

use super::field::{NAMES, OTHER_NAMES};
use super::{DEPTH, Filter, NumberField, Order, Test, TextField, TextOp};
use crate::Certainty;
use crate::ignore::is_fingerprint;
use crate::suggest::near;

/// Why a filter cannot be read, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FilterError {
    /// 1-based, in characters.
    pub column: usize,
    /// What is the matter, in one line.
    pub message: String,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

impl std::error::Error for FilterError {}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Filter, FilterError> {
        let mut parser = Parser { text, at: 0, depth: 0 };
        let filter = parser.either()?;
        match parser.rest() {
            "" => Ok(filter),
            _ => Err(parser.error(parser.at, "this parenthesis closes nothing")),
        }
    }
}

impl FromStr for TextField {
    type Err = FilterError;

    /// For grouping: a field that several tasks can share.
    fn from_str(text: &str) -> Result<TextField, FilterError> {
        let mut parser = Parser { text, at: 0, depth: 0 };
        let field = match parser.field()? {
            Field::Text(TextField::Task | TextField::Fingerprint) => None,
            Field::Text(field) => Some(field),
            Field::Number(_) | Field::Certainty => None,
        };
        match field {
            Some(field) if parser.rest().is_empty() => Ok(field),
            Some(_) => Err(parser.error(parser.at, "here the field should end")),
            None => Err(parser.error(0, format!("tasks cannot be grouped by `{text}`"))),
        }
    }
}

enum Field {
    Text(TextField),
    Number(NumberField),
    Certainty,
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn error(&self, at: usize, message: impl Into<String>) -> FilterError {
        let column = self.text[..at].chars().count() + 1;
        FilterError { column, message: message.into() }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Takes a word of the language, if that is what comes.
    fn takes(&mut self, word: &str) -> bool {
        self.blanks();
        let Some(after) = self.rest().strip_prefix(word) else { return false };
        let ends =
            after.is_empty() || after.starts_with(|it: char| it.is_whitespace() || it == '(');
        if ends {
            self.at += word.len();
        }
        ends
    }

    fn either(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.all()?];
        while self.takes("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Filter::Or))
    }

    fn all(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.part()?];
        loop {
            let named = self.takes("and");
            self.blanks();
            let at = self.at;
            let ends = self.rest().is_empty() || self.rest().starts_with(')') || {
                let is_or = self.takes("or");
                self.at = at;
                is_or
            };
            if ends && !named {
                return Ok(one_or(parts, Filter::And));
            }
            parts.push(self.part()?);
        }
    }

    fn part(&mut self) -> Result<Filter, FilterError> {
        self.blanks();
        let at = self.at;
        if self.depth == DEPTH {
            return Err(self.error(at, format!("nested deeper than {DEPTH}")));
        }
        if self.takes("not") {
            self.depth += 1;
            let inner = self.part()?;
            self.depth -= 1;
            return Ok(Filter::Not(Box::new(inner)));
        }
        if !self.rest().starts_with('(') {
            return self.test().map(Filter::Is);
        }
        self.at += 1;
        self.depth += 1;
        let inner = self.either()?;
        self.depth -= 1;
        if !self.rest().starts_with(')') {
            return Err(self.error(at, "the parenthesis is not closed"));
        }
        self.at += 1;
        Ok(inner)
    }

    fn test(&mut self) -> Result<Test, FilterError> {
        let field = self.field()?;
        let sign_at = self.at;
        let sign = self.sign()?;
        let at = self.at;
        let value = self.value()?;
        match field {
            Field::Text(field) => {
                let op = match sign {
                    Sign::Order(Order::Same) => TextOp::Same,
                    Sign::Order(Order::Other) => TextOp::Other,
                    Sign::Like => TextOp::Like,
                    Sign::Order(_) => {
                        let message = format!("`{field}` is text: it has `=`, `!=` and `~`");
                        return Err(self.error(sign_at, message));
                    }
                };
                self.known(&field, op, &value, at)?;
                Ok(Test::Text(field, op, value))
            }
            Field::Number(field) => {
                let order = self.order(sign, sign_at, field.name())?;
                let number = match field {
                    NumberField::Age => span_ms(&value),
                    NumberField::Tasks => value.parse().ok(),
                };
                let wanted = match field {
                    NumberField::Age => SPAN,
                    NumberField::Tasks => "want a whole number",
                };
                let number = number.ok_or_else(|| self.error(at, wanted))?;
                Ok(Test::Number(field, order, number))
            }
            Field::Certainty => {
                let order = self.order(sign, sign_at, "certainty")?;
                let certainty = LEVELS.iter().find(|level| level.word() == value);
                let words = LEVELS.iter().map(|level| level.word());
                let certainty = certainty
                    .ok_or_else(|| self.error(at, unknown_value(&value, words.collect())))?;
                Ok(Test::Certainty(order, *certainty))
            }
        }
    }

    fn field(&mut self) -> Result<Field, FilterError> {
        let start = self.at;
        let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
        let rest = self.rest();
        let name = &rest[..rest.find(|letter| !is_name(letter)).unwrap_or(rest.len())];
        self.at += name.len();
        if name == "label" && self.rest().starts_with('.') {
            self.at += 1;
            let at = self.at;
            let key = self.text_up_to(|it| it.is_whitespace() || "=!~<>()".contains(it))?;
            if key.is_empty() {
                return Err(self.error(at, "a label has a key: `label.tenant=42`"));
            }
            return Ok(Field::Text(TextField::Label(key)));
        }
        match name {
            "age" => Ok(Field::Number(NumberField::Age)),
            "tasks" => Ok(Field::Number(NumberField::Tasks)),
            "certainty" => Ok(Field::Certainty),
            _ => match TextField::of(name) {
                Some(field) => Ok(Field::Text(field)),
                None => Err(self.error(start, unknown_field(name))),
            },
        }
    }

    fn sign(&mut self) -> Result<Sign, FilterError> {
        let signs = [
            ("!=", Sign::Order(Order::Other)),
            ("<=", Sign::Order(Order::AtMost)),
            (">=", Sign::Order(Order::AtLeast)),
            ("=", Sign::Order(Order::Same)),
            ("<", Sign::Order(Order::Less)),
            (">", Sign::Order(Order::More)),
            ("~", Sign::Like),
        ];
        for (text, sign) in signs {
            if self.rest().starts_with(text) {
                self.at += text.len();
                return Ok(sign);
            }
        }
        let is = |sign: &str| self.rest().starts_with(sign);
        Err(self.error(
            self.at,
            if is(":") {
                "`:` is not known; is `=` meant?"
            } else if is("!~") {
                "`!~` is not known; `not` stands before the field"
            } else if is(" ") {
                "there is no blank beside an operator"
            } else {
                "here comes one of `=`, `!=`, `~`, `<`, `<=`, `>` and `>=`"
            },
        ))
    }

    fn order(&self, sign: Sign, at: usize, field: &str) -> Result<Order, FilterError> {
        match sign {
            Sign::Order(order) => Ok(order),
            Sign::Like => Err(self.error(at, format!("`{field}` is no text: it has no `~`"))),
        }
    }

    fn value(&mut self) -> Result<String, FilterError> {
        let at = self.at;
        let value = self.text_up_to(|it| it.is_whitespace() || "()".contains(it))?;
        if self.rest().starts_with('(') {
            let message = "a value with a parenthesis stands in double quotes";
            return Err(self.error(self.at, message));
        }
        let ends = self.rest().is_empty()
            || self.rest().starts_with(|it: char| it.is_whitespace() || it == ')');
        if !ends {
            return Err(self.error(self.at, "after a quote comes a blank"));
        }
        if value.is_empty() {
            let blank = self.at == at && self.rest().starts_with(char::is_whitespace);
            let message =
                if blank { "there is no blank beside an operator" } else { "the value is empty" };
            return Err(self.error(at, message));
        }
        Ok(value)
    }

    fn text_up_to(&mut self, ends: impl Fn(char) -> bool) -> Result<String, FilterError> {
        let start = self.at;
        let Some(quoted) = self.rest().strip_prefix('"') else {
            let text = &self.rest()[..self.rest().find(ends).unwrap_or(self.rest().len())];
            self.at += text.len();
            return Ok(text.to_owned());
        };
        let mut text = String::new();
        let mut letters = quoted.char_indices();
        while let Some((offset, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.at = start + 1 + offset + 1;
                    return Ok(text);
                }
                '\\' => match letters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    _ => {
                        let message = "only `\\\"` and `\\\\` are known in quotes";
                        return Err(self.error(start + 1 + offset, message));
                    }
                },
                _ => text.push(letter),
            }
        }
        Err(self.error(start, "the quote is not closed"))
    }

    /// A value that the field can never have is a mistake.
    fn known(
        &self,
        field: &TextField,
        op: TextOp,
        value: &str,
        at: usize,
    ) -> Result<(), FilterError> {
        if op == TextOp::Like {
            return Ok(());
        }
        let is_select = *field == TextField::Wait && value.starts_with("select(");
        let shape = if *field == TextField::Task && !is_task(value) {
            Some("no task: they are `t` and a number")
        } else if *field == TextField::Fingerprint && !is_fingerprint(value) {
            Some("no fingerprint: they are `gk1:` and 16 digits; `~` compares a part")
        } else {
            None
        };
        if let Some(message) = shape {
            return Err(self.error(at, message));
        }
        match field.values() {
            Some(values) if !is_select && !values.contains(&value) => {
                Err(self.error(at, unknown_value(value, values)))
            }
            _ => Ok(()),
        }
    }
}

#[derive(Clone, Copy)]
enum Sign {
    Order(Order),
    Like,
}

const LEVELS: [Certainty; 4] =
    [Certainty::Potential, Certainty::Weak, Certainty::Strong, Certainty::Certain];

fn one_or(mut parts: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}

fn is_task(value: &str) -> bool {
    let digits = value.strip_prefix('t').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}

fn unknown_field(name: &str) -> String {
    let other = OTHER_NAMES.iter().find(|(word, _)| *word == name).map(|(_, field)| *field);
    let words = NAMES.into_iter().chain(["and", "or", "not"]);
    match other.or_else(|| near(name, words)) {
        Some(meant) => format!("`{name}` is not known; is `{meant}` meant?"),
        None => format!("a test begins with one of {}", listed(&NAMES)),
    }
}

fn unknown_value(value: &str, known: Vec<&'static str>) -> String {
    match near(value, known.iter().copied()) {
        Some(meant) => format!("`{value}` is not known; is `{meant}` meant?"),
        None => format!("`{value}` is none of {}", listed(&known)),
    }
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

const SPAN: &str = "want a whole number and a unit, as 500ms, 90s, 10m, 2h or 1d";
/// The longest first.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Milliseconds of a whole number with a unit.
#[must_use]
pub fn span_ms(text: &str) -> Option<u64> {
    let unit = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let (_, ms) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*ms)
}

/// Without rounding: in the longest unit that fits.
pub(super) fn span_text(ms: u64) -> String {
    let fits = UNITS.iter().find(|(_, unit)| ms > 0 && ms.is_multiple_of(*unit));
    let (name, unit) = fits.unwrap_or(&("ms", 1));
    format!("{}{name}", ms / unit)
}
