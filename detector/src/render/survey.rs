//! What is left behind, counted and not judged: by test, by spawn site and by wait. A first look at
//! a whole suite.

use std::collections::BTreeMap;

use gleak_snapshot::{RegionId, Snapshot};

use super::page::clean;
use crate::Group;
use crate::words::thousands;

/// The tasks of these groups in three tables, the biggest rows first. Regions have the names that
/// the snapshot gives them.
#[must_use]
pub fn survey(snapshot: &Snapshot, groups: &[Group]) -> String {
    let names: BTreeMap<RegionId, &str> =
        snapshot.regions.iter().map(|region| (region.id, region.name.as_str())).collect();
    let mut tests = Tally::default();
    let mut spawns = Tally::default();
    let mut waits = Tally::default();
    for group in groups {
        for member in &group.members {
            let name = member.region.and_then(|region| names.get(&region));
            tests.add(name.map_or_else(|| "(none)".to_owned(), |name| clean(name)), 1);
        }
        let count = group.members.len();
        let site = group.spawn.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
        spawns.add(clean(&format!("{site}  {}", group.entry)), count);
        let at = group.block.as_ref().map_or_else(String::new, |site| format!("  at {site}"));
        waits.add(clean(&format!("{}{at}", group.wait_class)), count);
    }
    let tables = [("test", tests), ("spawned at", spawns), ("wait", waits)];
    tables.map(|(head, tally)| tally.table(head)).join("\n")
}

/// How many tasks of what.
#[derive(Default)]
struct Tally(BTreeMap<String, usize>);

impl Tally {
    fn add(&mut self, what: String, count: usize) {
        *self.0.entry(what).or_default() += count;
    }

    fn table(self, head: &str) -> String {
        let mut rows: Vec<(String, usize)> = self.0.into_iter().collect();
        // The map is in order of names, which a stable sort keeps among equals.
        rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mut table = format!("{:>8}  {head}\n", "tasks");
        for (what, count) in rows {
            table.push_str(&format!("{:>8}  {what}\n", thousands(count)));
        }
        table
    }
}
