//! What `main` cut off when it returned.

use super::block::doing;
use super::crowd::is_threads;
use super::page::clean;
use crate::words::count;
use crate::{Group, Report};

/// What `main` cut off when it returned: one line a group, biggest group first.
#[must_use]
pub fn cut_off(report: &Report) -> Vec<String> {
    report.groups.iter().map(line).collect()
}

fn line(group: &Group) -> String {
    let noun = if is_threads(group) { "thread" } else { "task" };
    let mut line = format!("{} {}", count(group.members.len(), noun), doing(group));
    if let Some(block) = &group.block {
        line.push_str(&format!(" at {}", clean(&block.to_string())));
    }
    if let Some(spawn) = &group.spawn {
        let entry = clean(&group.entry);
        line.push_str(&format!(", spawned at {} ({entry})", clean(&spawn.to_string())));
    }
    line
}
