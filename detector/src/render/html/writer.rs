//! What all parts of a page share while it is written.

use gleak_snapshot::TaskId;

use super::ids::Ids;
use super::markup::Markup;
use crate::Member;
use crate::render::page::Page;

/// Members of one dump that are named in all lists together.
pub(super) const ROOM: usize = 8_000;

pub(super) struct Writer {
    pub(super) out: Markup,
    pub(super) ids: Ids,
    /// How stacks are cut, and the sources that have not been shown yet.
    pub(super) page: Page,
    /// Members that may still be named.
    pub(super) room: usize,
    /// Of the headings of a dump's parts.
    pub(super) level: Level,
    /// Groups in the table; 0 shows all.
    pub(super) top: usize,
}

/// Members of a group that are named, with the ids that are given with them.
pub(super) struct Members<'g> {
    pub(super) named: Vec<(&'g Member, Option<String>)>,
    pub(super) all: usize,
}

/// A level of headings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Level {
    /// Of the only dump.
    One,
    /// Of one of several.
    Several,
}

impl Level {
    /// The verdict's.
    pub(super) fn verdict(self) -> &'static str {
        match self {
            Level::One => "h1",
            Level::Several => "h2",
        }
    }

    /// That of findings, table and pictures.
    pub(super) fn part(self) -> &'static str {
        match self {
            Level::One => "h2",
            Level::Several => "h3",
        }
    }

    /// That of one finding.
    pub(super) fn below(self) -> &'static str {
        match self {
            Level::One => "h3",
            Level::Several => "h4",
        }
    }
}

impl Writer {
    /// A task by its id, as a link if it is shown somewhere.
    pub(super) fn task(&mut self, task: TaskId) {
        match self.ids.of_task(task) {
            Some(id) => {
                let href = format!("#{id}");
                self.out.element("a", &[("href", &href)], &task.to_string());
            }
            None => self.out.text(&task.to_string()),
        }
    }
}
