//! A flight file as a snapshot. The lines of its log are those of a dump, and what is lost is mended as
//! in one.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _};

use serde::Deserialize;
use serde_json::Value;

use super::beat::{BEAT_WORDS, BEATS, BEATS_MAX, Beat};
use super::record::{Entry, EntryState, EntryWait, Joined, RECORD_WORDS, Seen};
use super::{
    CLOCK, FINISHED, FLIGHT_VERSION, FlightHeader, LIVE, LIVE_BYTES, LOG_BYTES, NAME_KIND,
    NameLine, SEGMENT, SEGMENT_BYTES, SEGMENTS, SPAWNED, lead,
};
use crate::checksum::{self, Checksum};
use crate::dump::collect::{Collected, Outcome};
use crate::dump::line::{HeaderLine, LineCounts};
use crate::dump::read::show;
use crate::dump::repair;
use crate::{
    Arm, Completeness, Counters, ReadError, Reason, SiteId, Snapshot, SpawnId, Task, TaskId,
    TaskState, Wait, WaitReason, WaiterKind, Worker, WorkerId,
};

/// How every flight file begins.
const MARK: &[u8] = b"{\"gleak_flight\":";
/// Records of a file; there are no more tasks in a process.
const RECORDS_MAX: usize = 1 << 24;
/// Most of a file is zeros, which are told by the page.
const PAGE: usize = 4096;
const ZEROS: [u8; PAGE] = [0; PAGE];
/// Lines of a kind in a log: more than fit.
const LINES_MAX: usize = 1 << 20;
/// A turn longer than this holds its worker.
const HELD_NS: u64 = 10_000_000;

/// Whether a file that begins so is a flight file.
#[must_use]
pub fn is_flight(head: &[u8]) -> bool {
    head.starts_with(MARK)
}

/// Reads a flight file, of a process that lives or of one that does not. What is torn or damaged is
/// left out and counted.
///
/// # Errors
///
/// When the input cannot be read, is no flight file, is cut inside of its header, has a damaged one, is
/// of another version, or has more than 2^24 records.
pub fn read_flight(input: &mut dyn BufRead) -> Result<Snapshot, ReadError> {
    let head = part(input, LIVE as usize)?;
    let (header, is_whole) = read_header(&head)?;
    let live = Live::of(&part(input, LIVE_BYTES)?);
    let log = part(input, LOG_BYTES as usize)?;
    let mut file = Collected::default();
    let names = read_log(&log, &mut file)?;
    let mut found = Records::default();
    found.read(input, &mut file.tasks)?;
    found.join(&mut file.tasks);
    for task in &mut file.tasks {
        task.name = names.get(&task.id).cloned();
    }
    let segments = found.count.div_ceil(SEGMENT) as u64;
    let cut = !is_whole
        || log.len() < LOG_BYTES as usize
        || !found.count.is_multiple_of(SEGMENT)
        || live.segments.is_some_and(|said| said > segments);
    // Whoever is alive has been seen at the last of these.
    let seen = |task: &Task| match &task.state {
        TaskState::Waiting(wait) => wait.since_ns,
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => 0,
    };
    let taken_ns = file.tasks.iter().map(seen).chain(live.now_ns).max().unwrap_or(0);
    seat(live.beats, taken_ns, &mut file);
    let passed_s = taken_ns.saturating_sub(header.made_ns) / 1_000_000_000;
    file.header = Some(HeaderLine {
        program: header.program,
        pid: header.pid,
        reason: Reason::Flight,
        taken_ns,
        wall_s: header.wall_s.saturating_add(passed_s),
        counters: live.counters,
        crash: None,
        completeness: Completeness { missing_tasks: found.torn, cut, ..Completeness::default() },
        lines: LineCounts::default(),
    });
    let mut snapshot = repair::assemble(file);
    // It has no end line by its nature.
    snapshot.completeness.cut = cut;
    Ok(snapshot)
}

/// Whose file it is: reads its head alone.
///
/// # Errors
///
/// As [`read_flight`], as far as the header goes.
pub fn read_flight_header(input: &mut dyn BufRead) -> Result<FlightHeader, ReadError> {
    let (header, _) = read_header(&part(input, LIVE as usize)?)?;
    Ok(header)
}

/// So many bytes, or what there is.
fn part(input: &mut dyn BufRead, bytes: usize) -> io::Result<Vec<u8>> {
    let mut part = Vec::with_capacity(bytes);
    io::Read::take(input, bytes as u64).read_to_end(&mut part)?;
    Ok(part)
}

/// The header, and whether all of its place is there.
fn read_header(head: &[u8]) -> Result<(FlightHeader, bool), ReadError> {
    #[derive(Deserialize)]
    struct Probe {
        gleak_flight: Value,
    }
    if head.is_empty() {
        return Err(ReadError::Empty);
    }
    let Some(end) = head.iter().position(|byte| *byte == b'\n') else {
        return Err(ReadError::HeaderCut);
    };
    let line = &head[..end];
    if !is_flight(line) {
        return Err(ReadError::NotADump { seen: show(line) });
    }
    // Nobody writes one by hand.
    if checksum::check(line) != Checksum::Good {
        return Err(ReadError::FlightHeader);
    }
    let probe: Probe = serde_json::from_slice(line).map_err(|_| ReadError::FlightHeader)?;
    if probe.gleak_flight.as_u64() != Some(FLIGHT_VERSION) {
        let found = show(probe.gleak_flight.to_string().as_bytes());
        return Err(ReadError::Version { found });
    }
    let header = serde_json::from_slice(line).map_err(|_| ReadError::FlightHeader)?;
    Ok((header, head.len() == LIVE as usize))
}

/// What changes while the process lives; none where a word and its complement disagree.
struct Live {
    now_ns: Option<u64>,
    segments: Option<u64>,
    counters: Counters,
    beats: Vec<(WorkerId, Beat)>,
}

impl Live {
    fn of(page: &[u8]) -> Live {
        let word = |at: usize| {
            let bytes = page.get(at * 8..at * 8 + 8)?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?))
        };
        let pair = |at: usize| word(at).filter(|value| word(at + 1) == Some(!value));
        let beat = |worker: u32| {
            let at = BEATS + worker as usize * BEAT_WORDS;
            let words = [word(at)?, word(at + 1)?, word(at + 2)?, word(at + 3)?];
            Some((WorkerId(worker), Beat::of(&words)?))
        };
        let count = |at: usize| pair(at).unwrap_or(0);
        Live {
            now_ns: pair(CLOCK),
            segments: pair(SEGMENTS),
            counters: Counters { spawned: count(SPAWNED), finished: count(FINISHED) },
            beats: (0..BEATS_MAX as u32).filter_map(beat).collect(),
        }
    }
}

/// The workers, and which task keeps one that has not moved for long: if its record says as well that it
/// runs. Who was there at the last tick for a moment has most likely gone since.
fn seat(beats: Vec<(WorkerId, Beat)>, now_ns: u64, file: &mut Collected) {
    for (id, beat) in beats {
        let held = now_ns.saturating_sub(beat.moved_ns) >= HELD_NS;
        let runs =
            |task: &&mut Task| Some(task.id) == beat.running && task.state == TaskState::Running;
        let task = file.tasks.iter_mut().find(|task| held && runs(task));
        let running = task.map(|task| {
            task.worker = Some(id);
            task.id
        });
        let held_since_ns = running.map(|_| beat.moved_ns);
        file.workers.push(Worker { id, running, held_since_ns, sleeps: None });
    }
}

/// Sites and spawn points go into the file; names are returned.
fn read_log(log: &[u8], file: &mut Collected) -> Result<BTreeMap<TaskId, String>, ReadError> {
    let mut names = BTreeMap::new();
    let name_lead = lead(NAME_KIND);
    let is_used = |page: &[u8]| *page != ZEROS[..page.len()];
    let used = log.chunks(PAGE).rposition(is_used).map_or(0, |last| (last + 1) * PAGE);
    let log = &log[..log.len().min(used)];
    // What found no room, and what a killed process did not come to, is zeros.
    let parts =
        log.split(|byte| *byte == 0).flat_map(|part| part.split_inclusive(|it| *it == b'\n'));
    for part in parts {
        let whole = part.strip_suffix(b"\n").filter(|it| checksum::check(it) == Checksum::Good);
        let Some(line) = whole else {
            file.count(Outcome::Damaged);
            continue;
        };
        match serde_json::from_slice(line) {
            Ok(NameLine { task, name }) if line.starts_with(name_lead.as_bytes()) => {
                names.insert(task, name);
            }
            _ => {
                let outcome = file.take(line, LINES_MAX)?;
                file.count(outcome);
            }
        }
    }
    Ok(names)
}

#[derive(Default)]
struct Records {
    count: usize,
    torn: u64,
    /// Who is in which record, by that.
    who: Vec<(Joined, TaskId)>,
    /// Who joins what: the place in the list of tasks.
    joins: Vec<(usize, Joined)>,
}

impl Records {
    fn read(&mut self, input: &mut dyn BufRead, tasks: &mut Vec<Task>) -> Result<(), ReadError> {
        const BYTES: usize = RECORD_WORDS * 8;
        let mut block = Vec::with_capacity(SEGMENT_BYTES);
        loop {
            block.clear();
            io::Read::take(&mut *input, SEGMENT_BYTES as u64).read_to_end(&mut block)?;
            let first = self.count;
            self.count += block.len() / BYTES;
            if self.count > RECORDS_MAX {
                return Err(ReadError::TooMany { kind: "record", limit: RECORDS_MAX });
            }
            let pages = (first..).step_by(PAGE / BYTES).zip(block.chunks(PAGE));
            for (at, page) in pages.filter(|(_, page)| **page != ZEROS[..page.len()]) {
                for (at, record) in (at..).zip(page.chunks_exact(BYTES)) {
                    let mut words = [0; RECORD_WORDS];
                    for (word, bytes) in words.iter_mut().zip(record.chunks_exact(8)) {
                        *word = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
                    }
                    self.take(at as u32, &words, tasks);
                }
            }
            if block.len() < SEGMENT_BYTES {
                // A record that is there in part is one of a segment that is.
                self.count += usize::from(!block.len().is_multiple_of(BYTES));
                return Ok(());
            }
        }
    }

    fn take(&mut self, record: u32, words: &[u64; RECORD_WORDS], tasks: &mut Vec<Task>) {
        match Seen::of(words) {
            Seen::Free => {}
            Seen::Told(entry) => {
                let turn = entry.identity.turn;
                self.who.push((Joined { record, turn }, entry.identity.task));
                if let EntryState::Waiting(EntryWait { joins: Some(joined), .. }) = entry.state {
                    self.joins.push((tasks.len(), joined));
                }
                tasks.push(task(&entry));
            }
            Seen::Torn => self.torn += 1,
        }
    }

    /// Says of who joins whom they join, if that one is still there.
    fn join(&self, tasks: &mut [Task]) {
        for (at, joined) in &self.joins {
            let who = self.who.binary_search_by_key(joined, |(place, _)| *place);
            if let (Ok(who), TaskState::Waiting(wait)) = (who, &mut tasks[*at].state)
                && wait.reason == WaitReason::Join
            {
                wait.arms.push(Arm::task(self.who[who].1));
            }
        }
    }
}

fn state(state: &EntryState) -> TaskState {
    let EntryWait { reason, site, since_ns, until_ns, joins: _ } = match state {
        EntryState::Fresh => return TaskState::Fresh,
        EntryState::Running => return TaskState::Running,
        EntryState::Waiting(wait) => *wait,
    };
    TaskState::Waiting(Wait {
        reason,
        arms: Vec::new(),
        // It may have been woken already, and what else could end it is not in the file.
        unlisted_arms: 1,
        wanted: None,
        // What is in no line is mended as lost.
        site: SiteId(site.unwrap_or(u32::MAX)),
        since_ns,
        until_ns,
        on_thread: false,
        registers: None,
    })
}

fn task(entry: &Entry) -> Task {
    let identity = &entry.identity;
    let kind = if identity.thread { WaiterKind::Thread } else { WaiterKind::Task };
    Task {
        parent: identity.parent,
        spawn: identity.spawn.map(SpawnId),
        main: identity.main,
        tenure: identity.tenure,
        ..Task::new(identity.task, kind, state(&entry.state))
    }
}
