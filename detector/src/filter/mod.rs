//! The filter language: which tasks are to be shown. One for all commands (`--where`).
//!
//! `state=waiting age>5m (spawn~src/pool* or label.tenant=42) not name=heartbeat`: tests of a field by
//! an operator, put together by `and` (or a blank), `or`, `not` and parentheses; `or` binds least. A
//! value goes up to the next blank or parenthesis, or stands in double quotes, where `\"` and `\\` are
//! a quote and a backslash. `docs/questions.md` lists the fields.
//!
//! Invariants:
//! 1. What is not understood is an error that says where: a mistyped filter never passes for one that
//!    matches nothing.
//! 2. What is not known of a task matches nothing; `!=` is `not` with `=`, so it then holds.
//! 3. What is printed reads back as the same.
//! 4. A filter judges nothing: it picks from a report what is shown.

mod field;
mod parse;
mod subject;

use std::fmt;

use crate::Certainty;
use crate::ignore::quoted_if;

pub(crate) use field::{FRESH, RUNNING, WAITING};
pub use field::{NumberField, TextField};
pub use parse::{FilterError, span_ms};
pub use subject::{RegionNames, Subject};

/// Parentheses and `not`s in each other, at most.
pub const DEPTH: usize = 64;

/// Which tasks are shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Filter {
    /// One test.
    Is(Test),
    /// Not these.
    Not(Box<Filter>),
    /// All of them; two or more.
    And(Vec<Filter>),
    /// One of them at least; two or more.
    Or(Vec<Filter>),
}

/// A test of one field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Test {
    /// Of text.
    Text(TextField, TextOp, String),
    /// Of a number; an age is in milliseconds.
    Number(NumberField, Order, u64),
    /// Of what a finding on it is worth; more certain is greater.
    Certainty(Order, Certainty),
}

/// How text is compared, always whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextOp {
    /// `=`: the same.
    Same,
    /// `!=`: not the same.
    Other,
    /// `~`: alike; `*` stands for any text.
    Like,
}

/// How numbers are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// `=`
    Same,
    /// `!=`
    Other,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl TextOp {
    fn sign(self) -> &'static str {
        match self {
            TextOp::Same => "=",
            TextOp::Other => "!=",
            TextOp::Like => "~",
        }
    }
}

impl Order {
    fn sign(self) -> &'static str {
        match self {
            Order::Same => "=",
            Order::Other => "!=",
            Order::Less => "<",
            Order::AtMost => "<=",
            Order::More => ">",
            Order::AtLeast => ">=",
        }
    }

    fn holds<T: Ord>(self, own: Option<&T>, asked: &T) -> bool {
        let Some(own) = own else { return self == Order::Other };
        match self {
            Order::Same => own == asked,
            Order::Other => own != asked,
            Order::Less => own < asked,
            Order::AtMost => own <= asked,
            Order::More => own > asked,
            Order::AtLeast => own >= asked,
        }
    }
}

impl Filter {
    /// Whether it looks at findings, so that they must be looked up for each task.
    pub(crate) fn asks_for_findings(&self) -> bool {
        match self {
            Filter::Is(Test::Certainty(..)) => true,
            Filter::Is(Test::Text(field, ..)) => {
                matches!(field, TextField::Rule | TextField::Fingerprint)
            }
            Filter::Is(Test::Number(..)) => false,
            Filter::Not(inner) => inner.asks_for_findings(),
            Filter::And(parts) | Filter::Or(parts) => parts.iter().any(Filter::asks_for_findings),
        }
    }

    fn inside(&self, f: &mut fmt::Formatter<'_>, bare: fn(&Filter) -> bool) -> fmt::Result {
        if bare(self) { write!(f, "{self}") } else { write!(f, "({self})") }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Filter], word, bare| {
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    f.write_str(word)?;
                }
                part.inside(f, bare)?;
            }
            Ok(())
        };
        match self {
            Filter::Is(test) => write!(f, "{test}"),
            Filter::Not(inner) => {
                f.write_str("not ")?;
                inner.inside(f, |it| matches!(it, Filter::Is(_) | Filter::Not(_)))
            }
            Filter::And(parts) => {
                joined(f, parts, " and ", |it| matches!(it, Filter::Is(_) | Filter::Not(_)))
            }
            Filter::Or(parts) => joined(f, parts, " or ", |it| !matches!(it, Filter::Or(_))),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Test::Text(field, op, value) => {
                let ends = |letter: char| letter.is_whitespace() || "()".contains(letter);
                write!(f, "{field}{}{}", op.sign(), quoted_if(value, ends))
            }
            Test::Number(NumberField::Age, op, ms) => {
                write!(f, "age{}{}", op.sign(), parse::span_text(*ms))
            }
            Test::Number(field, op, number) => write!(f, "{}{}{number}", field.name(), op.sign()),
            Test::Certainty(op, certainty) => {
                write!(f, "certainty{}{}", op.sign(), certainty.word())
            }
        }
    }
}
