//! Where links of a page lead: `g-FINGERPRINT` to a finding, `t-ID` to a task.
//!
//! Invariants:
//! 1. No id is given twice on a page. Of the same finding in several dumps the first one has the plain id.
//! 2. A link is only made to an id that has been given in the same dump's part of the page.

use std::collections::{BTreeMap, BTreeSet};

use gleak_snapshot::TaskId;

#[derive(Default)]
pub(super) struct Ids {
    given: BTreeSet<String>,
    /// Of the dump at hand.
    tasks: BTreeMap<TaskId, String>,
    /// Of the dump at hand, by the finding's number.
    findings: BTreeMap<usize, String>,
}

impl Ids {
    /// The next dump has tasks and findings of its own.
    pub(super) fn next_dump(&mut self) {
        self.tasks.clear();
        self.findings.clear();
    }

    /// An id like this one.
    pub(super) fn give(&mut self, wanted: &str) -> String {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_:.".contains(letter);
        let wanted: String =
            wanted.chars().map(|letter| if plain(letter) { letter } else { '_' }).collect();
        let mut id = wanted.clone();
        let mut number = 1;
        while !self.given.insert(id.clone()) {
            number += 1;
            id = format!("{wanted}-{number}");
        }
        id
    }

    pub(super) fn give_finding(&mut self, number: usize, fingerprint: &str) -> String {
        let id = self.give(&format!("g-{}", fingerprint.chars().take(80).collect::<String>()));
        self.findings.insert(number, id.clone());
        id
    }

    /// None when the task has one: it is shown elsewhere too.
    pub(super) fn give_task(&mut self, task: TaskId) -> Option<String> {
        if self.tasks.contains_key(&task) {
            return None;
        }
        let id = self.give(&format!("t-{}", task.0));
        self.tasks.insert(task, id.clone());
        Some(id)
    }

    pub(super) fn of_task(&self, task: TaskId) -> Option<&str> {
        self.tasks.get(&task).map(String::as_str)
    }

    pub(super) fn of_finding(&self, number: usize) -> Option<&str> {
        self.findings.get(&number).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::Ids;
    use gleak_snapshot::TaskId;

    #[test]
    fn ids_are_given_once() {
        let mut ids = Ids::default();
        assert_eq!(ids.give_finding(0, "gk1:5d"), "g-gk1:5d");
        assert_eq!(ids.give_task(TaskId(7)).as_deref(), Some("t-7"));
        assert_eq!(ids.give_task(TaskId(7)), None);
        ids.next_dump();
        assert_eq!((ids.of_task(TaskId(7)), ids.of_finding(0)), (None, None));
        assert_eq!(ids.give_finding(0, "gk1:5d"), "g-gk1:5d-2");
        assert_eq!(ids.give_task(TaskId(7)).as_deref(), Some("t-7-2"));
        assert_eq!(ids.give("a b\"<"), "a_b__");
    }
}
