//! Names and labels, which are in no record: what a file has of them, and how many it has not.

use std::collections::BTreeMap;

use super::file::{Name, NameKind};
use crate::dump::LOST;

/// By what they are of.
pub(super) struct Names {
    known: BTreeMap<(NameKind, u64), Vec<String>>,
    /// Whose were asked for in vain.
    pub(super) unread: u64,
}

impl Names {
    pub(super) fn of(names: &[Name]) -> Names {
        let mut known: BTreeMap<(NameKind, u64), Vec<String>> = BTreeMap::new();
        for Name { kind, id, text } in names {
            known.entry((*kind, *id)).or_default().push(text.clone());
        }
        Names { known, unread: 0 }
    }

    fn first(&self, kind: NameKind, id: u64) -> Option<String> {
        self.known.get(&(kind, id))?.first().cloned()
    }

    /// The name and labels of a task that has one of them at least.
    pub(super) fn task(&mut self, id: u64) -> (Option<String>, Vec<(String, String)>) {
        let name = self.first(NameKind::Task, id);
        let labels = self.known.get(&(NameKind::Label, id)).into_iter().flatten();
        let pairs = labels.filter_map(|label| label.split_once('\0'));
        let mut labels: Vec<_> = pairs.map(|(key, it)| (key.to_owned(), it.to_owned())).collect();
        labels.sort();
        self.unread += u64::from(name.is_none() && labels.is_empty());
        (name, labels)
    }

    /// That of an object that has one.
    pub(super) fn object(&mut self, id: u64) -> Option<String> {
        let name = self.first(NameKind::Object, id);
        self.unread += u64::from(name.is_none());
        name
    }

    pub(super) fn peer(&self, id: u64) -> Option<String> {
        self.first(NameKind::Peer, id)
    }

    /// Every region has one.
    pub(super) fn region(&self, id: u64) -> String {
        self.first(NameKind::Region, id).unwrap_or_else(|| LOST.to_owned())
    }
}
