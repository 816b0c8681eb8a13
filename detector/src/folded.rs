//! Folded stacks for flame graphs: `frame;frame;... N`.
//!
//! Invariants:
//! 1. The numbers add up to the tasks of the snapshot; outside threads are left out.
//! 2. A frame is never empty, and holds neither `;` nor a control character.

use std::collections::BTreeMap;

use gleak_snapshot::{Snapshot, SpawnId, Task, WaiterKind};

use crate::index::{Index, wait_of};
use crate::words::WaitClass;

/// What the frames of a folded stack are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum By {
    /// Who spawned whom, oldest known ancestor first.
    #[default]
    Spawn,
    /// Where tasks wait, and for what.
    Block,
    /// Who spawned whom, then where they wait.
    Both,
}

/// One line a stack, sorted.
#[must_use]
pub fn folded(snapshot: &Snapshot, by: By) -> Vec<String> {
    let index = Index::new(snapshot);
    let mut stacks: BTreeMap<String, u64> = BTreeMap::new();
    for task in index.tasks.iter().filter(|task| task.kind == WaiterKind::Task) {
        let mut frames = vec![frame(&snapshot.header.program)];
        match by {
            By::Spawn => spawned(&index, task, &mut frames),
            By::Block => blocked(&index, task, &mut frames),
            By::Both => {
                spawned(&index, task, &mut frames);
                blocked(&index, task, &mut frames);
            }
        }
        *stacks.entry(frames.join(";")).or_default() += 1;
    }
    stacks.into_iter().map(|(stack, tasks)| format!("{stack} {tasks}")).collect()
}

fn spawned(index: &Index<'_>, task: &Task, frames: &mut Vec<String>) {
    frames.extend(task.region.map(|region| frame(&index.region_name(region))));
    let own = task.spawn.into_iter();
    let line = task.ancestry.iter().rev().copied().chain(own);
    frames.extend(line.map(|spawn| spawn_frame(index, spawn)));
}

fn spawn_frame(index: &Index<'_>, spawn: SpawnId) -> String {
    frame(&format!("{} ({})", index.entry(spawn), index.spawn_site(spawn)))
}

fn blocked(index: &Index<'_>, task: &Task, frames: &mut Vec<String>) {
    frames.extend(wait_of(task).map(|wait| frame(&index.site(wait.site).to_string())));
    frames.push(frame(&WaitClass::of(&task.state).text()));
}

fn frame(text: &str) -> String {
    let kept = text.chars().filter(|letter| !letter.is_control());
    let clean: String = kept.map(|letter| if letter == ';' { ',' } else { letter }).collect();
    if clean.trim().is_empty() { "?".to_owned() } else { clean }
}
