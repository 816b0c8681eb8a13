//! The gate: findings of many processes against the baseline of known ones.
//!
//! Three steps: `evidence` merges what processes reported, `decide` judges it, `render` says it.
//! All are pure; files, the clock and the exit code are the command's.

mod decide;
mod evidence;
mod render;
#[cfg(test)]
mod tests;

pub(crate) use decide::{Change, Outcome, Policy, Status, Verdict, decide};
pub(crate) use evidence::{Coverage, Evidence, Unreadable};
pub(crate) use render::{json, text};
