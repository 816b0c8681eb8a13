//! Growth over samples of one process: how many tasks wait where, and whether any of them goes on.
//!
//! A sample keeps counts and no tasks. That the members of one sample are all in the next one, in the
//! same wait, follows from counts too: whoever waits there now and began before the earlier sample was
//! among them then.
//!
//! Invariants:
//! 1. All samples of a history are of one process, in the order of its clock.
//! 2. A sample that is cut or damaged is left out: what is missing in it would look like growth.

use std::collections::{BTreeMap, BTreeSet};

use gleak_snapshot::{Header, ObjectId, Site, Snapshot, Target, Task, Wait, WaitOp};

use crate::group::Shape;
use crate::index::{Index, all_read, ends_from_outside, wait_of};
use crate::rule::is_charged;
use crate::{Finding, FindingKey, Question, Rule, Suspect, analyze};

/// Fewer samples show no trend.
const SAMPLES: usize = 3;

/// By how much the start of a process may seem to move, since the wall clock counts seconds and is
/// adjusted.
const START_MOVES_S: u64 = 5;

/// What earlier snapshots of a process have shown, in counts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct History {
    process: Option<Process>,
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Process {
    program: String,
    pid: u32,
    started_s: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Sample {
    taken_ns: u64,
    groups: BTreeMap<Place, Count>,
    /// Tasks that are at work, or wait for what comes from outside.
    load: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Count {
    all: u64,
    /// Those that wait since before the sample before this one.
    old: u64,
}

/// Where tasks come from and wait: a group as it is printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    key: FindingKey,
    spawn: Option<Site>,
    block: Option<Site>,
}

impl Place {
    pub(crate) fn of(index: &Index<'_>, task: &Task) -> Place {
        Place::from_shape(index, task, &Shape::of(index, task))
    }

    fn from_shape(index: &Index<'_>, task: &Task, shape: &Shape) -> Place {
        Place {
            key: shape.key(index, Rule::Growing),
            spawn: task.spawn.map(|spawn| index.spawn_site(spawn).clone()),
            block: wait_of(task).map(|wait| index.site(wait.site).clone()),
        }
    }
}

impl History {
    /// Adds a snapshot, once. One of another process, or of an earlier moment, begins a new history.
    pub fn note(&mut self, snapshot: &Snapshot) {
        if !all_read(&snapshot.completeness) || self.ends_with(snapshot) {
            return;
        }
        let (process, taken_ns) = (Process::of(&snapshot.header), snapshot.header.taken_ns);
        let before_ns = self.samples.last().map(|last| last.taken_ns);
        let goes_on = self.process.as_ref().is_some_and(|known| known.is(&process))
            && before_ns.is_some_and(|before| before < taken_ns);
        if !goes_on {
            *self = History { process: Some(process), samples: Vec::new() };
        }
        let index = Index::new(snapshot);
        let groups = count(&index, before_ns.filter(|_| goes_on).unwrap_or(0));
        let load = index.tasks.iter().filter(|task| is_load(task)).count() as u64;
        self.samples.push(Sample { taken_ns, groups, load });
    }

    /// Forgets all but the last so many samples.
    pub fn keep(&mut self, samples: usize) {
        let more = self.samples.len().saturating_sub(samples);
        self.samples.drain(..more);
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Whether it is worth while to judge the last sample's snapshot: some group grows, or seems to.
    #[must_use]
    pub fn grows(&self) -> bool {
        !self.growing().is_empty()
    }

    /// The groups that have grown in each sample while nobody in them went on.
    pub(crate) fn growing(&self) -> Vec<&Place> {
        let Some(last) = self.samples.last().filter(|_| self.samples.len() >= SAMPLES) else {
            return Vec::new();
        };
        last.groups.keys().filter(|place| self.has_grown(place)).collect()
    }

    fn has_grown(&self, place: &Place) -> bool {
        let grows = |pair: &[Sample]| {
            let (before, now) = (pair[0].count(place), pair[1].count(place));
            before.all > 0 && now.all > before.all && now.old >= before.all
        };
        // A connection has a task that reads from it, and others that wait for that one's word.
        let load_too = |pair: &[Sample]| {
            let more = pair[1].count(place).all.saturating_sub(pair[0].count(place).all);
            pair[1].load >= pair[0].load + more
        };
        self.samples.windows(2).all(grows) && !self.samples.windows(2).all(load_too)
    }

    /// Whether the last sample is of this snapshot.
    pub(crate) fn ends_with(&self, snapshot: &Snapshot) -> bool {
        let same = |known: &Process| known.is(&Process::of(&snapshot.header));
        let last = self.samples.last().map(|last| last.taken_ns);
        self.process.as_ref().is_some_and(same) && last == Some(snapshot.header.taken_ns)
    }

    /// How many tasks there were at these places in each sample, and the time from the first to the
    /// last.
    pub(crate) fn counts(&self, places: &BTreeSet<Place>) -> (Vec<usize>, u64) {
        let sum = |sample: &Sample| places.iter().map(|place| sample.count(place).all).sum::<u64>();
        let counts = self.samples.iter().map(|it| usize::try_from(sum(it)).unwrap_or(usize::MAX));
        let ends = self.samples.first().zip(self.samples.last());
        (counts.collect(), ends.map_or(0, |(first, last)| last.taken_ns - first.taken_ns))
    }
}

impl Sample {
    fn count(&self, place: &Place) -> Count {
        self.groups.get(place).copied().unwrap_or_default()
    }
}

impl Process {
    fn of(header: &Header) -> Process {
        Process {
            program: header.program.clone(),
            pid: header.pid,
            started_s: header.wall_s.saturating_sub(header.taken_ns / 1_000_000_000),
        }
    }

    fn is(&self, other: &Process) -> bool {
        self.pid == other.pid
            && self.program == other.program
            && self.started_s.abs_diff(other.started_s) <= START_MOVES_S
    }
}

/// What grows in these snapshots, which may come in any order: findings of the rule
/// [`Rule::Growing`] on the last one of each process.
#[must_use]
pub fn growth(snapshots: &[Snapshot]) -> Vec<Finding> {
    let all: Vec<&Snapshot> = snapshots.iter().collect();
    let mut findings = Vec::new();
    for (snapshot, history) in snapshots.iter().zip(histories(&all)) {
        if history.grows() {
            let suspect = Suspect { history, ..Suspect::default() };
            let report = analyze(snapshot, &Question { suspect, ..Question::default() });
            let grows = |finding: &Finding| finding.key.rule == Rule::Growing;
            findings.extend(report.findings.into_iter().filter(grows));
        }
    }
    findings
}

/// For each of these snapshots, which may come in any order, the history that ends with it: an empty
/// one for all but the last of each process.
#[must_use]
pub fn histories(snapshots: &[&Snapshot]) -> Vec<History> {
    if let [_] = snapshots {
        // Its groups need not be counted: nothing can be compared with them.
        return vec![History::default()];
    }
    let mut order: Vec<usize> = (0..snapshots.len()).collect();
    order.sort_by_key(|&at| snapshots[at].header.taken_ns);
    // The place of the last snapshot with each.
    let mut open: Vec<(usize, History)> = Vec::new();
    for at in order {
        let snapshot = snapshots[at];
        let process = Process::of(&snapshot.header);
        let same = |(_, known): &&mut (usize, History)| {
            known.process.as_ref().is_some_and(|known| known.is(&process))
        };
        match open.iter_mut().find(same) {
            Some((last, history)) => {
                history.note(snapshot);
                if history.ends_with(snapshot) {
                    *last = at;
                }
            }
            None => {
                let mut history = History::default();
                history.note(snapshot);
                open.push((at, history));
            }
        }
    }
    let mut all = vec![History::default(); snapshots.len()];
    for (last, history) in open {
        all[last] = history;
    }
    all
}

/// Text is made once a shape.
fn count(index: &Index<'_>, before_ns: u64) -> BTreeMap<Place, Count> {
    let mut shapes: BTreeMap<Shape, (&Task, Count)> = BTreeMap::new();
    for task in index.tasks.iter().copied().filter(|task| is_counted(task)) {
        let first = shapes.entry(Shape::of(index, task));
        let (_, count) = first.or_insert((task, Count::default()));
        count.all += 1;
        count.old += u64::from(wait_of(task).is_some_and(|wait| wait.since_ns < before_ns));
    }
    let mut groups: BTreeMap<Place, Count> = BTreeMap::new();
    for (shape, (task, count)) in shapes {
        let sum = groups.entry(Place::from_shape(index, task, &shape)).or_default();
        sum.all += count.all;
        sum.old += count.old;
    }
    groups
}

/// A task that is at work, or waits for a peer, a timer or a helper.
fn is_load(task: &Task) -> bool {
    wait_of(task).is_none_or(ends_from_outside)
}

/// A task that waits for what only the program itself can bring about. A barrier is there to be filled,
/// and who waits for the end of others is not at fault.
pub(crate) fn is_counted(task: &Task) -> bool {
    let waits = |wait: &Wait| {
        let other = |op: WaitOp| matches!(op, WaitOp::Barrier | WaitOp::Join);
        let of_others = wait.arms.iter().any(|arm| other(arm.op));
        !ends_from_outside(wait) && wait.unlisted_arms == 0 && !of_others
    };
    is_charged(task) && wait_of(task).is_some_and(waits)
}

/// Whether they all wait for work or a signal from one and the same object, as the idle workers of a
/// pool do, or who waits for the start: that there are more of them is how it fills up.
pub(crate) fn served_alike(index: &Index<'_>, tasks: &[usize]) -> bool {
    let mut common: Option<BTreeSet<ObjectId>> = None;
    for wait in tasks.iter().filter_map(|&task| wait_of(index.tasks[task])) {
        let served = wait
            .arms
            .iter()
            .filter(|it| matches!(it.op, WaitOp::Receive | WaitOp::Cond | WaitOp::WaitGroup));
        let own: BTreeSet<ObjectId> = served
            .filter_map(|arm| match arm.on {
                Target::Object(id) => Some(id),
                Target::Task(_) | Target::Never => None,
            })
            .collect();
        common = Some(match common {
            None => own,
            Some(common) => &common & &own,
        });
        if common.as_ref().is_some_and(BTreeSet::is_empty) {
            return false;
        }
    }
    common.is_some()
}
