//! The tasks of a snapshot by their stacks: what flame graphs, profiles and their viewers are made of.
//!
//! Read from the root: the program, the test, where the ancestors were spawned (oldest first), what the
//! task runs, the calls that its stack has, what it waits for. Where no stack was taken stands the place
//! of the wait.
//!
//! Invariants:
//! 1. The tasks add up to those that were chosen; threads of others are left out.
//! 2. Frames, stacks and samples are sorted by what they say, whatever the order of the snapshot's tables.
//! 3. A frame is never empty, and holds nothing that steers a terminal.

use std::collections::{BTreeMap, BTreeSet};

use gleak_snapshot::{ObjectId, RegionId, SiteId, Snapshot, SpawnId, StackId, Task, TaskId};

use crate::filter::{FRESH, RUNNING, WAITING};
use crate::index::{Index, wait_of};
use crate::render::clean;
use crate::words::{self, WaitClass};
use crate::{Asleep, Certainty, Finding, Report, key, shorten};

/// Which frames of a stack there are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum By {
    /// Where tasks come from.
    Spawn,
    /// Where they wait, and for what.
    Block,
    /// Where they come from, then where they wait.
    #[default]
    Both,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Weight {
    /// Tasks.
    #[default]
    Tasks,
    /// The time that they have waited, added up, in milliseconds.
    Time,
}

/// What a frame is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// The program: the root.
    Program,
    /// The test or guard that the task is charged to.
    Region,
    /// Where an ancestor was spawned, and what it ran.
    Ancestor,
    /// Where the task was spawned, and what it runs.
    Entry,
    /// A call on its stack.
    Call,
    /// Where it waits, when no stack was taken.
    Place,
    /// What it waits for.
    Waiting,
    /// It does not wait.
    Active,
}

impl Part {
    fn is_in(self, by: By) -> bool {
        match self {
            Part::Program => true,
            Part::Region | Part::Ancestor | Part::Entry => by != By::Block,
            Part::Call | Part::Place | Part::Waiting | Part::Active => by != By::Spawn,
        }
    }
}

/// A frame.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Frame {
    /// What it is of.
    pub part: Part,
    /// A function's or a test's name, or a wait in words.
    pub name: String,
    /// File and line, where known.
    pub place: Option<(String, u32)>,
}

impl Frame {
    fn new(part: Part, name: &str, place: Option<(&str, u32)>) -> Frame {
        let name = clean(name);
        let name = if name.trim().is_empty() { "?".to_owned() } else { name };
        let place = place.map(|(file, line)| (clean(&key::file(file)), line));
        Frame { part, name, place }
    }

    /// In one line: `app::worker (src/main.rs:9)`.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.place {
            Some((file, line)) if self.part != Part::Place => {
                format!("{} ({file}:{line})", self.name)
            }
            _ => self.name.clone(),
        }
    }
}

/// Tasks that are alike in all that a profile tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sample {
    /// The number of its stack.
    pub stack: usize,
    /// Labels by key, sorted.
    pub labels: Vec<(String, String)>,
    /// How many tasks.
    pub tasks: u64,
    /// For how long they have waited, added up.
    pub waited_ns: u64,
}

/// Which tasks of a snapshot are told, and what is known of them besides.
#[derive(Clone, Debug, Default)]
pub struct Chosen<'r> {
    /// These; all when none.
    pub tasks: Option<BTreeSet<TaskId>>,
    /// What was found, where anybody looked.
    pub findings: &'r [Finding],
    /// Whether nobody can go on.
    pub asleep: bool,
}

impl<'r> Chosen<'r> {
    /// Those in the groups of a report.
    #[must_use]
    pub fn of(report: &'r Report) -> Chosen<'r> {
        let members = report.groups.iter().flat_map(|group| &group.members);
        Chosen {
            tasks: Some(members.map(|member| member.task).collect()),
            findings: &report.findings,
            asleep: report.asleep == Asleep::Certain,
        }
    }

    /// Whether this one is told. Threads of others never are.
    pub(crate) fn holds(&self, task: &Task) -> bool {
        let is_told = self.tasks.as_ref().is_none_or(|tasks| tasks.contains(&task.id));
        task.is_spawned() && is_told
    }
}

/// Tasks by their stacks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Profile {
    /// Name of the program.
    pub program: String,
    /// Its process id; 0 when that is not known.
    pub pid: u32,
    /// When the snapshot was taken: seconds since 1970, UTC; 0 when that is not known.
    pub wall_s: u64,
    /// Each once, sorted.
    pub frames: Vec<Frame>,
    /// Numbers of frames, the root first; each stack once, sorted.
    pub stacks: Vec<Vec<usize>>,
    /// By stack, then by labels.
    pub samples: Vec<Sample>,
}

/// What tells stacks apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Shape<'t> {
    region: Option<RegionId>,
    ancestry: &'t [SpawnId],
    spawn: Option<SpawnId>,
    stack: Option<StackId>,
    site: Option<SiteId>,
    class: WaitClass,
}

/// What tells samples of one stack apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Marks<'t> {
    finding: Option<usize>,
    object: Option<ObjectId>,
    own: &'t [(String, String)],
}

#[derive(Clone, Copy, Default)]
struct Sum {
    tasks: u64,
    waited_ns: u64,
}

impl Sum {
    fn add(&mut self, other: Sum) {
        self.tasks += other.tasks;
        self.waited_ns = self.waited_ns.saturating_add(other.waited_ns);
    }
}

impl Profile {
    /// These tasks of a snapshot.
    #[must_use]
    pub fn new(snapshot: &Snapshot, chosen: &Chosen<'_>) -> Profile {
        let index = Index::new(snapshot);
        let findings = by_task(chosen.findings);
        let mut sums: BTreeMap<(Shape<'_>, Marks<'_>), Sum> = BTreeMap::new();
        for task in index.tasks.iter().filter(|task| chosen.holds(task)) {
            let wait = wait_of(task);
            let shape = Shape {
                region: task.region,
                ancestry: &task.ancestry,
                spawn: task.spawn,
                stack: task.backtrace,
                site: wait.map(|wait| wait.site),
                class: WaitClass::of(&task.state),
            };
            let marks = Marks {
                finding: findings.get(&task.id).copied(),
                object: wait.and_then(words::only_object),
                own: &task.labels,
            };
            let since = wait.map_or(snapshot.header.taken_ns, |wait| wait.since_ns);
            let waited_ns = snapshot.header.taken_ns.saturating_sub(since);
            sums.entry((shape, marks)).or_default().add(Sum { tasks: 1, waited_ns });
        }
        Profile::of_sums(&index, chosen.findings, &sums)
    }

    fn of_sums(
        index: &Index<'_>,
        findings: &[Finding],
        sums: &BTreeMap<(Shape<'_>, Marks<'_>), Sum>,
    ) -> Profile {
        // Shapes may differ in numbers only, and then have one stack.
        let mut by_shape: BTreeMap<&Shape<'_>, Vec<Frame>> = BTreeMap::new();
        for (shape, _) in sums.keys() {
            by_shape.entry(shape).or_insert_with(|| frames(index, shape));
        }
        let each: BTreeSet<&Frame> = by_shape.values().flatten().collect();
        let stacks: BTreeSet<&Vec<Frame>> = by_shape.values().collect();
        let numbers: BTreeMap<&Vec<Frame>, usize> = numbered(&stacks);
        let mut samples: BTreeMap<(usize, Vec<(String, String)>), Sum> = BTreeMap::new();
        for ((shape, marks), sum) in sums {
            let key = (numbers[&by_shape[shape]], labels(index, findings, shape, marks));
            samples.entry(key).or_default().add(*sum);
        }
        let of_frames = numbered(&each);
        let sample = |((stack, labels), Sum { tasks, waited_ns })| Sample {
            stack,
            labels,
            tasks,
            waited_ns,
        };
        Profile {
            program: clean(&index.snapshot.header.program),
            pid: index.snapshot.header.pid,
            wall_s: index.snapshot.header.wall_s,
            stacks: stacks
                .iter()
                .map(|stack| stack.iter().map(|frame| of_frames[frame]).collect())
                .collect(),
            frames: each.into_iter().cloned().collect(),
            samples: samples.into_iter().map(sample).collect(),
        }
    }

    /// Stacks and what they weigh, sorted by what they say; those that weigh nothing are left out.
    #[must_use]
    pub fn weighed(&self, by: By, weight: Weight) -> Vec<(Vec<&Frame>, u64)> {
        let mut lines: BTreeMap<Vec<&Frame>, Sum> = BTreeMap::new();
        for sample in &self.samples {
            let frames = self.stacks[sample.stack].iter().map(|&frame| &self.frames[frame]);
            let frames = frames.filter(|frame| frame.part.is_in(by)).collect();
            let Sample { tasks, waited_ns, .. } = *sample;
            lines.entry(frames).or_default().add(Sum { tasks, waited_ns });
        }
        let weigh = |(frames, sum): (_, Sum)| match weight {
            Weight::Tasks => (frames, sum.tasks),
            Weight::Time => (frames, sum.waited_ns / 1_000_000),
        };
        lines.into_iter().map(weigh).filter(|(_, weight)| *weight > 0).collect()
    }

    /// How many tasks there are.
    #[must_use]
    pub fn tasks(&self) -> u64 {
        self.samples.iter().map(|sample| sample.tasks).sum()
    }
}

fn numbered<'a, T: Ord>(sorted: &BTreeSet<&'a T>) -> BTreeMap<&'a T, usize> {
    sorted.iter().enumerate().map(|(at, it)| (*it, at)).collect()
}

/// By task: the first finding that it is of, or behind.
fn by_task(all: &[Finding]) -> BTreeMap<TaskId, usize> {
    let mut findings = BTreeMap::new();
    for (at, finding) in all.iter().enumerate() {
        for group in finding.groups.iter().chain(&finding.dependents) {
            for member in &group.members {
                findings.entry(member.task).or_insert(at);
            }
        }
    }
    findings
}

fn labels(
    index: &Index<'_>,
    findings: &[Finding],
    shape: &Shape<'_>,
    marks: &Marks<'_>,
) -> Vec<(String, String)> {
    let mut labels: Vec<(String, String)> = Vec::new();
    let mut add = |key: &str, value: &str| labels.push((clean(key), clean(value)));
    for (key, value) in marks.own {
        add(&format!("label.{key}"), value);
    }
    if let Some(region) = shape.region {
        add("test", &index.region_name(region));
    }
    match shape.class {
        WaitClass::NeverStarted => add("state", FRESH),
        WaitClass::Running => add("state", RUNNING),
        WaitClass::Waits(_) | WaitClass::Select(_) => {
            add("state", WAITING);
            add("wait", &class(shape.class));
        }
    }
    if let Some(object) = marks.object {
        let known = index.object(object).map(words::name_object);
        add("object", &known.unwrap_or_else(|| object.to_string()));
    }
    if let Some(Finding { certainty, key, fingerprint, .. }) =
        marks.finding.and_then(|at| findings.get(at))
    {
        add("verdict", Certainty::word(*certainty));
        add("rule", key.rule.id());
        add("fingerprint", &fingerprint.0);
    }
    labels.sort();
    labels
}

/// Of a select whose arms are not known nothing is said of them.
fn class(class: WaitClass) -> String {
    let text = class.text();
    text.strip_suffix("()").map_or_else(|| text.clone(), str::to_owned)
}

/// The root first.
fn frames(index: &Index<'_>, shape: &Shape<'_>) -> Vec<Frame> {
    let mut frames = vec![Frame::new(Part::Program, &index.snapshot.header.program, None)];
    if let Some(region) = shape.region {
        frames.push(Frame::new(Part::Region, &index.region_name(region), None));
    }
    let spawned = |part, spawn| {
        let site = index.spawn_site(spawn);
        Frame::new(part, index.entry(spawn), Some((&site.file, site.line)))
    };
    let ancestors = shape.ancestry.iter().rev();
    frames.extend(ancestors.map(|&spawn| spawned(Part::Ancestor, spawn)));
    frames.extend(shape.spawn.map(|spawn| spawned(Part::Entry, spawn)));
    let calls = shape.stack.map_or(Vec::new(), |stack| index.stacks.own_symbols(stack));
    if let (true, Some(site)) = (calls.is_empty(), shape.site) {
        let site = index.site(site);
        let place = (&*site.file, site.line);
        frames.push(Frame::new(Part::Place, &site.to_string(), Some(place)));
    }
    let called = frames.len();
    frames.extend(calls.into_iter().rev().map(|call| {
        let place = call.file.as_deref().map(|file| (file, call.line.unwrap_or(0)));
        Frame::new(Part::Call, &shorten(&call.function), place)
    }));
    // Where nobody told who started it, the first call stands for that too.
    let same = |call: &Frame| frames[called - 1].text() == call.text();
    if frames.get(called).is_some_and(|call| call.part == Part::Call && same(call)) {
        frames.remove(called);
    }
    let tip = match shape.class {
        WaitClass::NeverStarted | WaitClass::Running => Part::Active,
        WaitClass::Waits(_) | WaitClass::Select(_) => Part::Waiting,
    };
    frames.push(Frame::new(tip, &class(shape.class), None));
    frames
}
