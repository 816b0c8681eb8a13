//! The gate: findings of many processes against the baseline of known ones.
//!
//! Three steps: `evidence` merges what processes reported, `decide` judges it, `render` says it;
//! between the last two, `shown` sets aside what nobody asked to see.
//! All are pure; files, the clock and the exit code are the command's.

mod decide;
mod evidence;
mod render;
mod shown;
#[cfg(test)]
mod tests;

pub(crate) use decide::{Change, Outcome, Policy, Status, Verdict, decide};
pub(crate) use evidence::{Coverage, Evidence, Unreadable};
pub(crate) use render::{json, listing, text};
pub(crate) use shown::{LeftOut, show_only};
