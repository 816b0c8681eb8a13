//! Deadlocks that did not happen: pairs of locks that tasks took in orders which do not agree.

mod finding;
mod search;

pub(crate) use finding::findings;
pub(crate) use search::{Circle, Step, circles};
