//! OS threads that nobody spawned through the runtime: what there is to be told of them.
//!
//! Threads of one pool differ in the number at the end of their names, so they are one line.

use std::collections::BTreeMap;

use gleak_snapshot::{OsThread, ThreadState};

use super::page::clean;
use crate::words::{count, span};

/// How many lines there are at most.
const LINES: usize = 20;

/// A line for each name: how many threads have it, what they do, and for how long the eldest has been there.
#[must_use]
pub fn threads(threads: &[OsThread]) -> Vec<String> {
    let mut pools: BTreeMap<String, Vec<&OsThread>> = BTreeMap::new();
    for thread in threads {
        pools.entry(pool(&thread.name)).or_default().push(thread);
    }
    let mut pools: Vec<(String, Vec<&OsThread>)> = pools.into_iter().collect();
    for (name, members) in &mut pools {
        if let [only] = members[..] {
            name.clone_from(&only.name);
        }
    }
    // The map is in order of names, which a stable sort keeps among equals.
    pools.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
    let mut lines: Vec<String> =
        pools.iter().take(LINES).map(|(name, members)| line(name, members)).collect();
    if pools.len() > LINES {
        lines.push(format!("and {}", count(pools.len() - LINES, "more name")));
    }
    lines
}

/// The name that threads of its kind have, for an exception: with `*` in the place of a number at its end.
#[must_use]
pub fn pool(name: &str) -> String {
    let stem = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    if stem.len() == name.len() || stem.is_empty() {
        return name.to_owned();
    }
    format!("{stem}*")
}

fn line(name: &str, members: &[&OsThread]) -> String {
    let in_state = |state: ThreadState| members.iter().filter(|it| it.state == state).count();
    let states = ThreadState::ALL.into_iter().map(|state| (in_state(state), state.word()));
    let states: Vec<String> = states
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| match members.len() {
            1 => word.to_owned(),
            _ => format!("{number} {word}"),
        })
        .collect();
    let eldest = members.iter().map(|thread| thread.age_ns).max().unwrap_or_default();
    let began = match members.len() {
        1 => format!("started {} ago", span(eldest)),
        _ => format!("the first started {} ago", span(eldest)),
    };
    format!("{} \"{}\": {}; {began}", members.len(), clean(name), states.join(", "))
}
