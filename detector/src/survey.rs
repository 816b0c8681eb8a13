//! What a test run leaves behind, counted and not judged: how many tasks of which test, spawned where, wait
//! for what. A first look at a whole suite.
//!
//! Invariant: rows are facts of one process or the sum of several; nothing in them is an id.

use std::collections::BTreeMap;

use gleak_snapshot::{RegionId, Site, Snapshot, TaskId};
use serde::{Deserialize, Serialize};

use crate::Group;

/// Who did not wait when it was cut off.
const ABOUT_TO_GO_ON: &str = "nothing: it was about to go on";

/// What is known of an end that did not come.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It was left: nobody who was given the time to end.
    #[default]
    Left,
    /// It could still have ended, or another one of its test could: their runtime was shut down first.
    CutShort,
}

/// What tasks that are counted together have in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The test that they are charged to; none for those of no test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// As [`Group::entry`].
    pub entry: String,
    /// Where they were spawned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawn: Option<Site>,
    /// What they wait for, as [`Group::wait_class`].
    pub wait: String,
    /// Where they wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Site>,
    /// Whether they were given the time to end.
    pub standing: Standing,
}

/// All that was left, by row.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Survey {
    rows: BTreeMap<Row, u64>,
}

impl Survey {
    /// Adds so many tasks.
    pub fn add(&mut self, row: Row, tasks: u64) {
        let known = self.rows.entry(row).or_default();
        *known = known.saturating_add(tasks);
    }

    /// Adds the tasks of these groups of a snapshot, whose regions say of which test they are; and of each how it
    /// stands.
    pub fn add_groups(
        &mut self,
        snapshot: &Snapshot,
        groups: &[Group],
        standing: impl Fn(TaskId) -> Standing,
    ) {
        let names: BTreeMap<RegionId, &str> =
            snapshot.regions.iter().map(|region| (region.id, region.name.as_str())).collect();
        for group in groups {
            for member in &group.members {
                let test = member.region.and_then(|region| names.get(&region).copied());
                self.add(row(test, group, standing(member.task)), 1);
            }
        }
    }

    /// Adds the tasks of these groups, all of one test and left by it.
    pub fn add_left<'g>(&mut self, test: &str, groups: impl Iterator<Item = &'g Group>) {
        for group in groups {
            self.add(row(Some(test), group, Standing::Left), group.members.len() as u64);
        }
    }

    /// Adds those of another one.
    pub fn join(&mut self, other: &Survey) {
        other.rows.iter().for_each(|(row, tasks)| self.add(row.clone(), *tasks));
    }

    /// Whether nobody was left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Its rows, and how many tasks each stands for, in the order of names.
    pub fn rows(&self) -> impl Iterator<Item = (&Row, u64)> {
        self.rows.iter().map(|(row, tasks)| (row, *tasks))
    }

    /// The rows of one standing, the biggest first.
    #[must_use]
    pub fn biggest(&self, standing: Standing) -> Vec<(&Row, u64)> {
        let mut rows: Vec<_> = self.rows().filter(|(row, _)| row.standing == standing).collect();
        // They are in the order of names, which a stable sort keeps among equals.
        rows.sort_by_key(|(_, tasks)| std::cmp::Reverse(*tasks));
        rows
    }

    /// How many tasks there are of one standing.
    #[must_use]
    pub fn tasks(&self, standing: Standing) -> u64 {
        let rows = self.rows().filter(|(row, _)| row.standing == standing);
        rows.fold(0, |all, (_, tasks)| all.saturating_add(tasks))
    }
}

fn row(test: Option<&str>, group: &Group, standing: Standing) -> Row {
    let wait = match (group.reason, standing) {
        (None, Standing::CutShort) => ABOUT_TO_GO_ON,
        (Some(_), _) | (None, Standing::Left) => &group.wait_class,
    };
    Row {
        test: test.map(str::to_owned),
        entry: group.entry.clone(),
        spawn: group.spawn.clone(),
        wait: wait.to_owned(),
        block: group.block.clone(),
        standing,
    }
}
