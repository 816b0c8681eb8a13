//! Goroutines become a snapshot, one at a time, so that only what differs is kept.
//!
//! Invariants:
//! 1. What comes out is a valid snapshot, whatever was read.
//! 2. A goroutine's number is its task's, but in profiles, which number nobody.
//! 3. Goroutines of the runtime are counted and are no tasks.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use gleak_detector::snapshot::{
    Activity, Frame, FrameId, Header, Site, SiteId, Snapshot, SpawnId, SpawnPoint, Stack, StackId,
    Symbol, Task, TaskId, TaskState, Tenure, WaiterKind,
};

use super::dump::{GoDump, Note};
use super::stack::{Call, Goroutine};
use super::state::{self, Known};

/// How many goroutines may still be taken out of one input, however many dumps are in it. Those that are
/// only counted cost the input nothing.
#[derive(Debug)]
pub(super) struct Room {
    tasks: Cell<u64>,
    counted: Cell<u64>,
    /// Bytes of labels that those may have which are only counted: one text may be named a million times.
    labels: Cell<u64>,
}

/// As many as are taken of those that are only counted. A fuzzer has no time for so many in each input.
const MOST_COUNTED: u64 = if cfg!(fuzzing) { 1_000 } else { 250_000 };

impl Default for Room {
    fn default() -> Self {
        Room {
            tasks: Cell::new(1_000_000),
            counted: Cell::new(MOST_COUNTED),
            labels: Cell::new(256 << 20),
        }
    }
}

/// As many states as are told apart.
const MOST_STATES: usize = 256;
const OTHER_STATE: &str = "another state";
/// As many bytes of names as are kept.
const MOST_TEXT: usize = 64 << 20;

const MINUTE_NS: u64 = 60_000_000_000;
/// More than a century is a lie.
const MOST_MINUTES: u64 = 100 * 366 * 24 * 60;

/// Makes the snapshot of one dump.
#[derive(Debug, Default)]
pub(super) struct Build {
    room: Rc<Room>,
    snapshot: Snapshot,
    notes: Vec<Note>,
    states: BTreeMap<String, u32>,
    known: BTreeSet<u64>,
    frames: BTreeMap<String, FrameId>,
    stacks: BTreeMap<(Vec<FrameId>, bool), StackId>,
    sites: BTreeMap<String, SiteId>,
    spawns: BTreeMap<(SiteId, String), SpawnId>,
    /// Whether it is a profile.
    profile: bool,
    text: usize,
    minutes: u64,
    /// Goroutines beyond the most.
    missing: u64,
    /// Lines that were not understood.
    pub(super) unread: u64,
    /// Whether the text ended in the middle of a goroutine.
    pub(super) cut: bool,
    /// What synctest said of a bubble.
    pub(super) bubble: Option<&'static str>,
}

impl Build {
    /// An empty one, that shares its room with others.
    pub(super) fn within(room: Rc<Room>) -> Self {
        Build { room, ..Build::default() }
    }

    /// An empty one with the same room in place of this one, which comes back.
    pub(super) fn take(&mut self) -> Self {
        let fresh = Build::within(Rc::clone(&self.room));
        std::mem::replace(self, fresh)
    }

    /// Whether a goroutine of that number has been added.
    pub(super) fn has(&self, id: u64) -> bool {
        self.known.contains(&id)
    }

    /// Whether no goroutine has been added.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.notes.is_empty()
    }

    /// Whether a goroutine can be of the same dump as those before it: profiles number nobody.
    pub(super) fn takes(&self, counted: bool) -> bool {
        self.is_empty() || self.profile == counted
    }

    /// Adds one.
    pub(super) fn add(&mut self, mut goroutine: Goroutine) {
        if self.has(goroutine.header.id) {
            self.missing += 1;
            return;
        }
        let left = self.room.tasks.get();
        if left == 0 {
            self.missing += 1;
            return;
        }
        self.room.tasks.set(left - 1);
        self.known.insert(goroutine.header.id);
        if goroutine.is_system() {
            return;
        }
        if let (true, Some(top)) = (goroutine.calls.is_empty(), goroutine.header.top.take()) {
            goroutine.calls.push(Call { function: top, ..Call::default() });
        }
        let id = goroutine.header.id;
        let (task, note) = self.task(&mut goroutine, id);
        self.snapshot.tasks.push(task);
        self.notes.push(note);
    }

    /// Adds many that are alike and have no numbers.
    pub(super) fn add_counted(&mut self, count: u64, mut goroutine: Goroutine) {
        if goroutine.is_system() {
            return;
        }
        state::told(&goroutine.calls).clone_into(&mut goroutine.header.state);
        self.profile = true;
        let free = self.room.counted.get();
        self.room.counted.set(free - free.min(count));
        self.missing = self.missing.saturating_add(count.saturating_sub(free));
        let (mut task, note) = self.task(&mut goroutine, 0);
        task.main = false;
        let each = task.labels.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum();
        let room = self.room.labels.get().checked_sub(count.min(free).saturating_mul(each));
        match room {
            Some(left) => self.room.labels.set(left),
            None => {
                task.labels.clear();
                self.unread += 1;
            }
        }
        for _ in 0..count.min(free) {
            // One that has a number may have come before, in a text of more dumps than are told apart.
            let numbers = self.notes.len() as u64 + 1..;
            let number = numbers.into_iter().find(|it| self.known.insert(*it));
            task.id = TaskId(number.unwrap_or(u64::MAX));
            self.snapshot.tasks.push(task.clone());
            self.notes.push(note);
        }
    }

    fn task(&mut self, goroutine: &mut Goroutine, id: u64) -> (Task, Note) {
        let wanted = state::wanted(&goroutine.calls);
        goroutine.trim();
        let header = &goroutine.header;
        let address = wanted.and_then(|it| it.address);
        let site = self.site(goroutine.own_call().and_then(|call| call.place.as_ref()));
        let minutes = header.minutes.min(MOST_MINUTES);
        self.minutes = self.minutes.max(minutes);
        // Until it is known which was the longest wait.
        let since_ns = minutes;
        let known = Known { wanted, leaked: header.leaked, site, since_ns };
        let entry = goroutine.calls.last();
        let main = header.id == 1 && goroutine.created.is_none();
        let started = goroutine.created.as_ref().map(|(by, _)| by).or(entry);
        let place = self.site(started.and_then(|call| call.place.as_ref()));
        let spawn = self.spawn(place, entry.map_or("?", |call| &call.function));
        let parent = goroutine.created.as_ref().and_then(|(_, parent)| *parent);
        let task = Task {
            parent: parent.map(TaskId),
            spawn: Some(spawn),
            labels: header.labels.clone(),
            main,
            backtrace: self.stack(goroutine),
            ..Task::new(TaskId(id), WaiterKind::Task, state::of(&header.state, known))
        };
        let note = Note {
            state: self.state(&header.state),
            leaked: header.leaked,
            bubble: header.bubble,
            address,
        };
        (task, note)
    }

    /// The dump, when its text is over; `asleep` when the runtime said in it that nobody can go on.
    pub(super) fn finish(self, name: String, asleep: bool) -> GoDump {
        let Build { mut snapshot, notes, states, minutes, missing, unread, cut, .. } = self;
        let taken_ns = minutes.saturating_mul(MINUTE_NS);
        let numbered = notes.is_empty() || !self.profile;
        let mut both: Vec<(Task, Note)> = snapshot.tasks.drain(..).zip(notes).collect();
        both.sort_by_key(|(task, _)| task.id);
        let mut said = vec![String::new(); states.len()];
        for (state, number) in states {
            said[number as usize] = state;
        }
        let mut notes = Vec::with_capacity(both.len());
        snapshot.tasks.reserve_exact(both.len());
        // It is not said of which bubble, so there must be one alone.
        let bubbles: BTreeSet<u64> = both.iter().filter_map(|(_, note)| note.bubble).collect();
        let deadlocked = bubbles.first().filter(|_| self.bubble.is_some() && bubbles.len() == 1);
        for (mut task, mut note) in both {
            note.bubble = note.bubble.filter(|it| Some(it) == deadlocked);
            if let TaskState::Waiting(wait) = &mut task.state {
                if note.bubble.is_some() {
                    state::end_never(wait);
                }
                wait.since_ns = taken_ns - wait.since_ns.saturating_mul(MINUTE_NS);
            }
            // The usual way to keep a process alive for what others do.
            if task.main && !asleep && !note.leaked && state::is_endless(&said[note.state as usize])
            {
                task.tenure = Tenure::Daemon;
            }
            snapshot.tasks.push(task);
            notes.push(note);
        }
        snapshot.header = Header { program: name, taken_ns, ..Header::default() };
        if asleep {
            snapshot.activity =
                Activity { still: true, threads_known: true, ..Activity::default() };
        }
        GoDump {
            snapshot,
            notes,
            states: said,
            unread,
            missing,
            cut,
            numbered,
            bubble: self.bubble,
            asides: Vec::new(),
        }
    }

    fn state(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.states.get(text) {
            return number;
        }
        // Go has some fifty; who invents more need not be told each.
        let text = if self.states.len() < MOST_STATES { text } else { OTHER_STATE };
        if let Some(&number) = self.states.get(text) {
            return number;
        }
        let number = next(self.states.len());
        self.states.insert(text.to_owned(), number);
        number
    }

    fn site(&mut self, place: Option<&(String, u32)>) -> SiteId {
        let (file, line) = place.map_or(("?", 0), |(file, line)| (file, *line));
        let key = format!("{file}:{line}");
        if let Some(&id) = self.sites.get(&key) {
            return id;
        }
        let file = if self.has_room(file) { file } else { "?" };
        let id = SiteId(next(self.snapshot.sites.len()));
        self.snapshot.sites.push(Site { file: file.to_owned(), line, column: 1 });
        self.sites.insert(key, id);
        id
    }

    fn spawn(&mut self, site: SiteId, entry: &str) -> SpawnId {
        let key = (site, entry.to_owned());
        if let Some(&id) = self.spawns.get(&key) {
            return id;
        }
        let id = SpawnId(next(self.snapshot.spawns.len()));
        self.snapshot.spawns.push(SpawnPoint { site, entry: key.1.clone() });
        self.spawns.insert(key, id);
        id
    }

    fn stack(&mut self, goroutine: &Goroutine) -> Option<StackId> {
        if goroutine.calls.is_empty() {
            return None;
        }
        let frames: Vec<FrameId> = goroutine.calls.iter().map(|call| self.frame(call)).collect();
        let key = (frames, goroutine.elided);
        if let Some(&id) = self.stacks.get(&key) {
            return Some(id);
        }
        let id = StackId(next(self.snapshot.stacks.len()));
        self.snapshot.stacks.push(Stack { frames: key.0.clone(), cut: goroutine.elided });
        self.stacks.insert(key, id);
        Some(id)
    }

    fn frame(&mut self, call: &Call) -> FrameId {
        let (file, line) = call.place.as_ref().map_or(("", 0), |(file, line)| (file, *line));
        let key = format!("{} {file}:{line}", call.function);
        if let Some(&id) = self.frames.get(&key) {
            return id;
        }
        let known = self.has_room(&key);
        let (file, line) = match &call.place {
            Some((file, line)) if known => (Some(file.clone()), Some(*line)),
            _ => (None, None),
        };
        let function = if known { call.function.clone() } else { "?".to_owned() };
        let id = FrameId(next(self.snapshot.frames.len()));
        let symbols = vec![Symbol { function, file, line }];
        self.snapshot.frames.push(Frame { module: None, address: 0, symbols });
        self.frames.insert(key, id);
        id
    }

    /// Whether a text that was not seen before may be kept.
    fn has_room(&mut self, text: &str) -> bool {
        self.text += text.len();
        self.text <= MOST_TEXT
    }
}

fn next(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
