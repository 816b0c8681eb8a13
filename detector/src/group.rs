//! Tasks that were made at the same place and wait at the same place, put together.
//!
//! Invariant: sorting is by what is printed, so that equal snapshots give equal groups whatever
//! the order of their tables.

use std::collections::BTreeMap;

use gleak_snapshot::{RegionId, Site, SiteId, SpawnId, Task, TaskId, Wait, WaitReason, WaiterKind};

use crate::index::{Index, wait_of};
use crate::lists::number;
use crate::words::WaitClass;
use crate::{FindingKey, Group, Keeps, Member, Rule, keeps, key, words};

/// What tasks of one group share, as far as it can be seen without making text of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Shape {
    kind: WaiterKind,
    spawn: Option<SpawnId>,
    reason: Option<WaitReason>,
    class: WaitClass,
    block: Option<SiteId>,
    object: Option<gleak_snapshot::ObjectKind>,
}

impl Shape {
    pub(crate) fn of(index: &Index<'_>, task: &Task) -> Self {
        let wait = wait_of(task);
        Shape {
            kind: task.kind,
            spawn: task.spawn,
            reason: wait.map(|wait| wait.reason),
            class: WaitClass::of(&task.state),
            block: wait.map(|wait| wait.site),
            object: wait.and_then(|wait| words::object_kind(index, wait)),
        }
    }

    pub(crate) fn key(&self, index: &Index<'_>, rule: Rule) -> FindingKey {
        let entry = index.entry_of(self.kind, self.spawn);
        let spawn = self.spawn.map(|spawn| key::file(&index.spawn_site(spawn).file));
        FindingKey {
            rule,
            entry: entry.to_owned(),
            spawn_file: spawn.unwrap_or_default(),
            wait_class: self.class.text(),
            object: self.object,
            block_file: self.block.map_or(String::new(), |site| key::file(&index.site(site).file)),
        }
    }
}

/// The shapes of all tasks, each once.
#[derive(Default)]
pub(crate) struct Shapes {
    all: Vec<Shape>,
    /// By task: which one is its own.
    own: Vec<u32>,
}

impl Shapes {
    pub(crate) fn new(index: &Index<'_>) -> Self {
        let mut numbers: BTreeMap<Shape, u32> = BTreeMap::new();
        let mut shapes = Shapes::default();
        for task in &index.tasks {
            let shape = Shape::of(index, task);
            let own = *numbers.entry(shape).or_insert_with_key(|shape| {
                shapes.all.push(*shape);
                number(shapes.all.len() - 1)
            });
            shapes.own.push(own);
        }
        shapes
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The number of a task's shape.
    pub(crate) fn number(&self, task: usize) -> usize {
        self.own[task] as usize
    }

    pub(crate) fn get(&self, number: usize) -> &Shape {
        &self.all[number]
    }
}

pub(crate) fn member(index: &Index<'_>, number: usize) -> Member {
    let task = index.tasks[number];
    let taken_ns = index.snapshot.header.taken_ns;
    Member {
        task: task.id,
        name: task.name.clone(),
        labels: task.labels.clone(),
        region: task.region,
        waited_ns: wait_of(task).map(|wait| taken_ns.saturating_sub(wait.since_ns)),
    }
}

/// A task that has done something and may have ended: what its event tells of it.
pub(crate) fn member_of_event(
    task: TaskId,
    name: Option<&str>,
    region: Option<RegionId>,
) -> Member {
    let name = name.map(str::to_owned);
    // Events tell no labels.
    Member { task, name, labels: Vec::new(), region, waited_ns: None }
}

/// Tasks that have done something and may have ended: no wait is left of them, and of their ancestors
/// no more than where they were spawned. `did` says what, in words that follow a noun.
pub(crate) fn of_event(
    (kind, entry, spawn): (WaiterKind, &str, Option<Site>),
    did: &str,
    block: Option<Site>,
    members: Vec<Member>,
) -> Group {
    Group {
        kind,
        entry: entry.to_owned(),
        spawn,
        ancestry: Vec::new(),
        creators: Vec::new(),
        reason: None,
        wait_class: did.to_owned(),
        waits_for: String::new(),
        block,
        backtrace: None,
        spawn_backtrace: None,
        keeps: Keeps::default(),
        members,
    }
}

/// Tasks by number, ascending, as groups; the biggest first.
pub(crate) fn groups(index: &Index<'_>, shapes: &Shapes, tasks: &[usize]) -> Vec<Group> {
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &task in tasks {
        members.entry(shapes.number(task)).or_default().push(task);
    }
    // Sites may be interned twice; what prints alike is one group.
    let mut printed: BTreeMap<_, (&Shape, Vec<usize>)> = BTreeMap::new();
    for (shape, members) in members {
        let shape = shapes.get(shape);
        let key = shape.key(index, Rule::Outlived);
        let spawn = shape.spawn.map(|spawn| index.spawn_site(spawn).clone());
        let block = shape.block.map(|site| index.site(site).clone());
        let entry = printed.entry((key, spawn, block, shape.reason));
        entry.or_insert_with(|| (shape, Vec::new())).1.extend(members);
    }
    let mut groups: Vec<Group> = printed
        .into_values()
        .map(|(shape, mut members)| {
            members.sort_unstable();
            group(index, shape, &members)
        })
        .collect();
    sort(&mut groups);
    groups
}

/// The biggest first, then by place.
pub(crate) fn sort(groups: &mut [Group]) {
    groups.sort_by(|a, b| {
        let size = b.members.len().cmp(&a.members.len());
        size.then_with(|| place(a).cmp(&place(b)))
    });
}

fn place(group: &Group) -> (&Option<Site>, &str, &Option<Site>, &str) {
    (&group.spawn, &group.entry, &group.block, &group.wait_class)
}

fn group(index: &Index<'_>, shape: &Shape, members: &[usize]) -> Group {
    let tasks = || members.iter().map(|&member| index.tasks[member]);
    let waits: Vec<&Wait> = tasks().filter_map(wait_of).collect();
    let first = tasks().next();
    let ancestry = first.map_or(&[][..], |task| &task.ancestry);
    Group {
        kind: shape.kind,
        entry: shape.key(index, Rule::Outlived).entry,
        spawn: shape.spawn.map(|spawn| index.spawn_site(spawn).clone()),
        ancestry: ancestry.iter().map(|&spawn| index.spawn_site(spawn).clone()).collect(),
        creators: creators(index, tasks()),
        reason: shape.reason,
        wait_class: shape.class.text(),
        waits_for: if waits.is_empty() { String::new() } else { words::waits_for(index, &waits) },
        block: shape.block.map(|site| index.site(site).clone()),
        backtrace: index.stacks.of_tasks(tasks(), |task| task.backtrace),
        spawn_backtrace: index.stacks.of_tasks(tasks(), |task| task.spawn_backtrace),
        keeps: keeps::of(index, tasks()),
        members: members.iter().map(|&member| self::member(index, member)).collect(),
    }
}

/// What the ancestors of all these tasks run, in the order of the first one's.
fn creators<'t>(index: &Index<'_>, mut tasks: impl Iterator<Item = &'t Task>) -> Vec<String> {
    let Some(first) = tasks.next() else { return Vec::new() };
    let entry = |&spawn: &SpawnId| index.entry(spawn);
    let mut shared: Vec<&str> = Vec::new();
    for creator in first.ancestry.iter().map(entry) {
        if !shared.contains(&creator) {
            shared.push(creator);
        }
    }
    for task in tasks.filter(|task| task.ancestry != first.ancestry) {
        shared.retain(|creator| task.ancestry.iter().map(entry).any(|own| own == *creator));
    }
    shared.into_iter().map(str::to_owned).collect()
}
