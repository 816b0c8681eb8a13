//! Who waits for whom, as a picture: nodes and arrows, before any language of pictures.
//!
//! A task points at what it wants, and that at the task that has it, so that a circle is seen as one.
//!
//! Invariants:
//! 1. Bounded whatever the report is: at most [`NODES`] nodes, and texts of at most [`TEXT`] letters.
//! 2. Texts are harmless for a terminal; each language escapes what it would take for its own.

use std::collections::BTreeMap;

use gleak_snapshot::{Site, TaskId};

use super::crowd::{Crowd, is_threads};
use super::page::{clean, cut_middle};
use super::{block, verdict};
use crate::words::count;
use crate::{Finding, Group, Link, Member, Report, Rule};

/// Who draws it refuses what is much larger.
const NODES: usize = 60;
const TEXT: usize = 72;
/// Of one finding.
const LINKS: usize = 16;
const GROUPS: usize = 6;
const BEHIND: usize = 3;

/// All that is drawn.
#[derive(Default)]
pub(super) struct Picture {
    /// What is said when nothing is drawn.
    pub(super) caption: String,
    /// One a finding.
    pub(super) frames: Vec<Frame>,
    /// Findings that there was no room for.
    pub(super) more: usize,
}

/// A finding.
#[derive(Default)]
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) nodes: Vec<Node>,
    pub(super) arrows: Vec<Arrow>,
}

/// A box.
pub(super) struct Node {
    /// Its number in the whole picture.
    pub(super) id: usize,
    pub(super) kind: Kind,
    pub(super) lines: Vec<String>,
}

/// What a box is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A task of the finding, or some that are alike.
    Task,
    /// One that can never go on.
    Stuck,
    /// What is waited for.
    Object,
    /// Tasks that wait behind it.
    Behind,
}

/// An arrow between boxes of one frame.
pub(super) struct Arrow {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) text: String,
    pub(super) means: Means,
}

/// What an arrow says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Means {
    /// The first waits for the second.
    Wants,
    /// The first is held by the second.
    HeldBy,
}

impl Picture {
    /// Of all findings of a report.
    pub(super) fn of_report(report: &Report) -> Picture {
        let numbered = (1..).zip(&report.findings);
        Picture { caption: verdict::process(report), ..Picture::of(numbered) }
    }

    /// As many findings as there is room for, in their order, with their numbers.
    pub(super) fn of<'f>(findings: impl Iterator<Item = (usize, &'f Finding)>) -> Picture {
        let mut picture = Picture::default();
        let mut room = NODES;
        for (number, finding) in findings {
            let mut draft = Draft::new(NODES - room, finding);
            if picture.more == 0 {
                draft.draw(finding);
            }
            if picture.more > 0 || draft.frame.nodes.len() > room {
                picture.more += 1;
                continue;
            }
            room -= draft.frame.nodes.len();
            let (what, sure) = (block::what(finding), finding.certainty.word());
            draft.frame.title = cut(&format!("[{number}] {what}, {sure}"));
            picture.frames.push(draft.frame);
        }
        picture
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

/// A frame under construction.
struct Draft {
    first: usize,
    kind: Kind,
    tasks: BTreeMap<TaskId, usize>,
    objects: BTreeMap<String, usize>,
    frame: Frame,
}

impl Draft {
    fn new(first: usize, finding: &Finding) -> Draft {
        let kind = if finding.is_for_good() { Kind::Stuck } else { Kind::Task };
        let (tasks, objects) = (BTreeMap::new(), BTreeMap::new());
        Draft { first, kind, tasks, objects, frame: Frame::default() }
    }

    fn draw(&mut self, finding: &Finding) {
        let steps = &finding.chain[..finding.chain.len().min(LINKS)];
        for link in steps {
            self.task(link);
        }
        for link in steps {
            self.link(link);
        }
        let left = finding.chain.len() - steps.len();
        if let (1.., Some(last)) = (left, steps.last()) {
            let (end, more) = (self.tasks[&last.held_by], count(left, "more step"));
            self.frame.nodes[end - self.first].lines.push(format!("and {more}"));
            let is_circle = matches!(finding.key.rule, Rule::Cycle | Rule::LockOrder);
            if let (true, Some(first)) = (is_circle, steps.first()) {
                self.arrow(end, self.tasks[&first.task.task], "over these", Means::Wants);
            }
        }
        let drawn = |group: &&Group| {
            group.members.iter().all(|member| self.tasks.contains_key(&member.task))
        };
        let (known, others): (Vec<_>, Vec<_>) = finding.groups.iter().partition(drawn);
        for group in known {
            let waits = |member: &&Member| steps.iter().any(|link| link.task.task == member.task);
            let ends = group.members.iter().filter(|member| !waits(member));
            ends.for_each(|member| self.end(group, member));
        }
        others.iter().take(GROUPS).for_each(|group| self.group(group));
        if others.len() > GROUPS {
            let more = format!("and {}", count(others.len() - GROUPS, "more group"));
            self.node(self.kind, vec![more]);
        }
        self.behind(finding);
    }

    fn task(&mut self, link: &Link) {
        let who = match &link.task.name {
            Some(name) => format!("{} \"{}\"", link.task.task, cut(name)),
            None => link.task.task.to_string(),
        };
        let spawned = link.spawn.as_ref().map(|site| format!("spawned at {}", place(site)));
        if !self.tasks.contains_key(&link.task.task) {
            let lines = std::iter::once(who).chain(spawned).collect();
            let id = self.node(self.kind, lines);
            self.tasks.insert(link.task.task, id);
        }
    }

    fn link(&mut self, link: &Link) {
        let from = self.tasks[&link.task.task];
        let holder = match self.tasks.get(&link.held_by) {
            Some(&holder) => holder,
            None => {
                let id = self.node(Kind::Task, vec![link.held_by.to_string()]);
                self.tasks.insert(link.held_by, id);
                id
            }
        };
        let Some(taken) = &link.taken_at else {
            let wants = format!("wants {} at {}", clean(&link.wants), place(&link.at));
            return self.arrow(from, holder, &wants, Means::Wants);
        };
        let object = self.object(&link.wants);
        self.arrow(from, object, &format!("wanted at {}", place(&link.at)), Means::Wants);
        let taken = format!("taken at {}", place(taken));
        let known = |arrow: &Arrow| arrow.from == object && arrow.to == holder;
        if !self.frame.arrows.iter().any(known) {
            self.arrow(object, holder, &taken, Means::HeldBy);
        }
    }

    /// A task of the finding at which a chain ends: what it waits for is the cause.
    fn end(&mut self, group: &Group, member: &Member) {
        let node = self.tasks[&member.task];
        let mut lines = vec![match &member.name {
            Some(name) => format!("{} \"{}\"", member.task, cut(name)),
            None => member.task.to_string(),
        }];
        lines.extend(group.spawn.as_ref().map(|site| format!("spawned at {}", place(site))));
        let own = &mut self.frame.nodes[node - self.first];
        (own.kind, own.lines) = (self.kind, lines);
        self.waits(node, group);
    }

    fn group(&mut self, group: &Group) {
        let noun = if is_threads(group) { "thread" } else { "task" };
        let mut lines = vec![count(group.members.len(), noun), cut(&group.entry)];
        lines.extend(group.spawn.as_ref().map(|site| format!("spawned at {}", place(site))));
        if group.reason.is_none() {
            lines.push(cut(&group.wait_class));
        }
        let from = self.node(self.kind, lines);
        self.waits(from, group);
    }

    fn waits(&mut self, from: usize, group: &Group) {
        if group.reason.is_some() {
            let object = self.object(target(&group.waits_for));
            let at = group.block.as_ref().map(|site| format!("waits at {}", place(site)));
            self.arrow(from, object, &at.unwrap_or_else(|| "waits".to_owned()), Means::Wants);
        }
    }

    fn behind(&mut self, finding: &Finding) {
        if self.frame.nodes.is_empty() {
            return;
        }
        let own = finding.groups.iter().flat_map(|group| &group.members);
        let own = own.filter_map(|member| self.tasks.get(&member.task)).next();
        let first = own.copied().unwrap_or(self.first);
        let is_drawn = |member: &Member| self.tasks.contains_key(&member.task);
        let dependents = finding.dependents.iter();
        let dependents: Vec<&Group> =
            dependents.filter(|group| !group.members.iter().all(is_drawn)).collect();
        for group in dependents.iter().take(BEHIND) {
            let who = Crowd::of([*group]).to_string();
            let id = self.node(Kind::Behind, vec![who, cut(&group.entry)]);
            match (self.wanted_by(group), &group.block) {
                (Some(wanted), Some(site)) => {
                    self.arrow(id, wanted, &format!("waits at {}", place(site)), Means::Wants);
                }
                _ => self.arrow(id, first, "waits behind", Means::Wants),
            }
        }
        if dependents.len() > BEHIND {
            let more = count(dependents.len() - BEHIND, "more group");
            let id = self.node(Kind::Behind, vec![format!("and {more}")]);
            self.arrow(id, first, "waits behind", Means::Wants);
        }
    }

    /// What a group waits for, where that is drawn.
    fn wanted_by(&self, group: &Group) -> Option<usize> {
        let wanted = target(&group.waits_for);
        let ended = || {
            let name = wanted.strip_prefix("the end of ")?.split(' ').next()?;
            self.tasks.iter().find(|(task, _)| task.to_string() == name)
        };
        self.objects.get(wanted).copied().or_else(|| ended().map(|(_, node)| *node))
    }

    fn object(&mut self, name: &str) -> usize {
        if let Some(&known) = self.objects.get(name) {
            return known;
        }
        let id = self.node(Kind::Object, vec![cut(name)]);
        self.objects.insert(name.to_owned(), id);
        id
    }

    fn node(&mut self, kind: Kind, mut lines: Vec<String>) -> usize {
        let id = self.first + self.frame.nodes.len();
        lines.retain(|line| !line.is_empty());
        self.frame.nodes.push(Node { id, kind, lines });
        id
    }

    fn arrow(&mut self, from: usize, to: usize, text: &str, means: Means) {
        self.frame.arrows.push(Arrow { from, to, text: cut_middle(text, TEXT), means });
    }
}

/// What a wait is for, without what is tried on it; all of the words where it is for several things.
fn target(waits_for: &str) -> &str {
    let several = [" or ", " and "].iter().any(|glue| waits_for.contains(glue));
    let strip = |verb: &&str| waits_for.strip_prefix(*verb);
    let verbs = ["for ", "to receive on ", "to send on "];
    verbs.iter().find_map(strip).filter(|_| !several).unwrap_or(waits_for)
}

fn cut(text: &str) -> String {
    cut_middle(&clean(text), TEXT)
}

fn place(site: &Site) -> String {
    cut(&site.to_string())
}
