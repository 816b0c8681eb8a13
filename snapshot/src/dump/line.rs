//! What stands in a line: its kind, and the shapes that differ from the value types.
//!
//! Regions, objects, workers, tasks, panics, misuses and the activity are written as the value types are. Sites,
//! spawn points, modules, frames and stacks carry their index, so that a lost line does not shift those
//! after it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    Completeness, Counters, Crash, Frame, FrameId, Header, Module, ModuleId, Reason, Site, SiteId,
    Snapshot, SpawnPoint, Stack, Symbol,
};

/// The kinds of lines of this version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LineKind {
    Header,
    Site,
    Spawn,
    Module,
    Frame,
    Stack,
    Region,
    Object,
    Worker,
    Task,
    LockPair,
    Panic,
    Misuse,
    Activity,
    End,
}

impl LineKind {
    /// In the order of a file.
    pub(super) const ALL: [LineKind; 15] = [
        LineKind::Header,
        LineKind::Site,
        LineKind::Spawn,
        LineKind::Module,
        LineKind::Frame,
        LineKind::Stack,
        LineKind::Region,
        LineKind::Object,
        LineKind::Worker,
        LineKind::Task,
        LineKind::LockPair,
        LineKind::Panic,
        LineKind::Misuse,
        LineKind::Activity,
        LineKind::End,
    ];

    /// What stands behind the key `k`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            LineKind::Header => "header",
            LineKind::Site => "site",
            LineKind::Spawn => "spawn",
            LineKind::Module => "module",
            LineKind::Frame => "frame",
            LineKind::Stack => "stack",
            LineKind::Region => "region",
            LineKind::Object => "object",
            LineKind::Worker => "worker",
            LineKind::Task => "task",
            LineKind::LockPair => "lock-pair",
            LineKind::Panic => "panic",
            LineKind::Misuse => "misuse",
            LineKind::Activity => "activity",
            LineKind::End => "end",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<LineKind> {
        LineKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// How many lines of each kind a file has. The header says what should follow, the end line what
/// did; in files written by hand either may leave out any of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct LineCounts {
    pub(super) site: u64,
    pub(super) spawn: u64,
    pub(super) module: u64,
    pub(super) frame: u64,
    pub(super) stack: u64,
    pub(super) region: u64,
    pub(super) object: u64,
    pub(super) worker: u64,
    pub(super) task: u64,
    /// Left out where there are none, as most programs do not record them.
    #[serde(rename = "lock-pair", skip_serializing_if = "crate::snapshot::is_zero")]
    pub(super) lock_pair: u64,
    pub(super) panic: u64,
    pub(super) misuse: u64,
    pub(super) activity: u64,
}

impl LineCounts {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        LineCounts {
            site: snapshot.sites.len() as u64,
            spawn: snapshot.spawns.len() as u64,
            module: snapshot.modules.len() as u64,
            frame: snapshot.frames.len() as u64,
            stack: snapshot.stacks.len() as u64,
            region: snapshot.regions.len() as u64,
            object: snapshot.objects.len() as u64,
            worker: snapshot.workers.len() as u64,
            task: snapshot.tasks.len() as u64,
            lock_pair: snapshot.lock_order.len() as u64,
            panic: snapshot.panics.len() as u64,
            misuse: snapshot.misuses.len() as u64,
            activity: 1,
        }
    }

    /// The higher count of each kind.
    pub(super) fn max(self, other: Self) -> Self {
        LineCounts {
            site: self.site.max(other.site),
            spawn: self.spawn.max(other.spawn),
            module: self.module.max(other.module),
            frame: self.frame.max(other.frame),
            stack: self.stack.max(other.stack),
            region: self.region.max(other.region),
            object: self.object.max(other.object),
            worker: self.worker.max(other.worker),
            task: self.task.max(other.task),
            lock_pair: self.lock_pair.max(other.lock_pair),
            panic: self.panic.max(other.panic),
            misuse: self.misuse.max(other.misuse),
            activity: self.activity.max(other.activity),
        }
    }

    /// How many lines are missing when `found` were found; tasks are counted apart.
    pub(super) fn missing_but_tasks(self, found: Self) -> u64 {
        let pairs = [
            (self.site, found.site),
            (self.spawn, found.spawn),
            (self.module, found.module),
            (self.frame, found.frame),
            (self.stack, found.stack),
            (self.region, found.region),
            (self.object, found.object),
            (self.worker, found.worker),
            (self.lock_pair, found.lock_pair),
            (self.panic, found.panic),
            (self.misuse, found.misuse),
            (self.activity, found.activity),
        ];
        pairs.into_iter().fold(0, |sum, (said, found)| {
            // The counts come from the file and may be anything.
            sum.saturating_add(said.saturating_sub(found))
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct HeaderLine {
    #[serde(default)]
    pub(super) program: String,
    #[serde(default)]
    pub(super) pid: u32,
    pub(super) reason: Reason,
    pub(super) taken_ns: u64,
    #[serde(default)]
    pub(super) wall_s: u64,
    #[serde(default)]
    pub(super) counters: Counters,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) crash: Option<Crash>,
    #[serde(default)]
    pub(super) completeness: Completeness,
    #[serde(default)]
    pub(super) lines: LineCounts,
}

impl HeaderLine {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let Header { program, pid, reason, taken_ns, wall_s, counters, crash } =
            snapshot.header.clone();
        let (completeness, lines) = (snapshot.completeness, LineCounts::of(snapshot));
        HeaderLine { program, pid, reason, taken_ns, wall_s, counters, crash, completeness, lines }
    }

    /// Stands for a header that is lost, with what the end line repeats of it.
    pub(super) fn lost(end: Option<&EndLine>) -> Self {
        HeaderLine {
            program: super::intern::LOST.to_owned(),
            completeness: end.map(|end| end.completeness).unwrap_or_default(),
            lines: LineCounts::default(),
            ..HeaderLine::of(&Snapshot::default())
        }
    }

    pub(super) fn into_header(self) -> Header {
        let HeaderLine { program, pid, reason, taken_ns, wall_s, counters, crash, .. } = self;
        Header { program, pid, reason, taken_ns, wall_s, counters, crash }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct SiteLine<'a> {
    pub(super) id: u32,
    file: Cow<'a, str>,
    line: u32,
    #[serde(default)]
    column: u32,
}

impl<'a> SiteLine<'a> {
    pub(super) fn of(id: u32, site: &'a Site) -> Self {
        SiteLine { id, file: Cow::Borrowed(&site.file), line: site.line, column: site.column }
    }

    pub(super) fn into_site(self) -> Site {
        Site { file: self.file.into_owned(), line: self.line, column: self.column }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct SpawnLine<'a> {
    pub(super) id: u32,
    site: SiteId,
    entry: Cow<'a, str>,
}

impl<'a> SpawnLine<'a> {
    pub(super) fn of(id: u32, spawn: &'a SpawnPoint) -> Self {
        SpawnLine { id, site: spawn.site, entry: Cow::Borrowed(&spawn.entry) }
    }

    pub(super) fn into_spawn(self) -> SpawnPoint {
        SpawnPoint { site: self.site, entry: self.entry.into_owned() }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct ModuleLine<'a> {
    pub(super) id: u32,
    path: Cow<'a, str>,
    #[serde(default, with = "crate::hex")]
    base: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    build_id: Option<Cow<'a, str>>,
}

impl<'a> ModuleLine<'a> {
    pub(super) fn of(id: u32, module: &'a Module) -> Self {
        let Module { path, base, build_id } = module;
        let build_id = build_id.as_deref().map(Cow::Borrowed);
        ModuleLine { id, path: Cow::Borrowed(path), base: *base, build_id }
    }

    pub(super) fn into_module(self) -> Module {
        let build_id = self.build_id.map(Cow::into_owned);
        Module { path: self.path.into_owned(), base: self.base, build_id }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct FrameLine<'a> {
    pub(super) id: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    module: Option<ModuleId>,
    #[serde(with = "crate::hex")]
    address: u64,
    #[serde(default, skip_serializing_if = "is_empty")]
    symbols: Cow<'a, [Symbol]>,
}

impl<'a> FrameLine<'a> {
    pub(super) fn of(id: u32, frame: &'a Frame) -> Self {
        let Frame { module, address, symbols } = frame;
        FrameLine { id, module: *module, address: *address, symbols: Cow::Borrowed(symbols) }
    }

    pub(super) fn into_frame(self) -> Frame {
        let symbols = self.symbols.into_owned();
        Frame { module: self.module, address: self.address, symbols }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct StackLine<'a> {
    pub(super) id: u32,
    frames: Cow<'a, [FrameId]>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

impl<'a> StackLine<'a> {
    pub(super) fn of(id: u32, stack: &'a Stack) -> Self {
        StackLine { id, frames: Cow::Borrowed(&stack.frames), cut: stack.cut }
    }

    pub(super) fn into_stack(self) -> Stack {
        Stack { frames: self.frames.into_owned(), cut: self.cut }
    }
}

/// Of a list that may be borrowed, for serde.
fn is_empty<T: Clone>(list: &[T]) -> bool {
    list.is_empty()
}

#[derive(Default, Serialize, Deserialize)]
pub(super) struct EndLine {
    #[serde(default)]
    pub(super) lines: LineCounts,
    /// As in the header, in case that is lost.
    #[serde(default)]
    completeness: Completeness,
}

impl EndLine {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        EndLine { lines: LineCounts::of(snapshot), completeness: snapshot.completeness }
    }
}
