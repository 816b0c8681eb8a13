//! Judgement: a [`Snapshot`](snapshot::Snapshot) in, a [`Report`] out, and a report rendered.
//!
//! Pure: no clock, no files, no terminal, no runtime. The same snapshot and the same question give
//! the same report, byte for byte, in a test, in a live process and over a dump.
//!
//! Invariants:
//! 1. A certain finding is on something that can never go on; a healthy program has no finding.
//! 2. Nothing is ordered by a hash map or by an address.
//! 3. One renderer a format.

#![forbid(unsafe_code)]

pub use gleak_snapshot as snapshot;

mod analyze;
mod cause;
mod chain;
mod crash;
mod date;
pub mod detail;
pub mod diff;
mod facts;
pub mod filter;
mod finding;
pub mod findings_file;
mod group;
mod growth;
mod held;
mod holder;
mod ignore;
mod ignored;
mod index;
mod keeps;
mod key;
mod lists;
mod lock_order;
mod machinery;
mod misuse;
mod name;
mod panics;
pub mod profile;
mod question;
pub mod render;
mod rule;
mod source_lines;
mod stack;
mod standstill;
mod suggest;
mod suppressions;
pub mod survey;
pub mod view;
mod wait_graph;
mod words;

pub use analyze::analyze;
pub use date::Date;
pub use finding::{
    Aside, AsideKind, Asleep, Certainty, Finding, FindingKey, Fingerprint, Group, HeldWorker, Link,
    Member, Report, Rule, Totals,
};
pub use growth::{History, growth, histories};
pub use ignore::{Exception, ExceptionKind, GrammarError, Ignore, Matcher};
pub use index::{can_go_on, ends_from_outside};
pub use keeps::Keeps;
pub use name::shorten;
pub use question::{Question, Scope, Suspect};
pub use rule::{RULES, RuleInfo};
pub use source_lines::{LARGEST_SOURCE, SourceLines};
pub use stack::{Backtrace, BacktraceFrame, SharedCalls};
pub use suggest::near;
pub use suppressions::Suppressions;
