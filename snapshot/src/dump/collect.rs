//! What the lines of a file say, one by one, before they are put together.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::line::{
    EndLine, FrameLine, HeaderLine, LineKind, ModuleLine, SiteLine, SpawnLine, StackLine,
};
use crate::checksum::{self, Checksum};
use crate::{
    Activity, Frame, LockPair, MisuseFact, Module, Object, PanicFact, ReadError, Region, Site,
    SpawnPoint, Stack, Task, Worker,
};

/// Records in the order of the file, and how many lines could not be used.
#[derive(Default)]
pub(super) struct Collected {
    pub(super) header: Option<HeaderLine>,
    pub(super) sites: Vec<(u32, Site)>,
    pub(super) spawns: Vec<(u32, SpawnPoint)>,
    pub(super) modules: Vec<(u32, Module)>,
    pub(super) frames: Vec<(u32, Frame)>,
    pub(super) stacks: Vec<(u32, Stack)>,
    pub(super) regions: Vec<Region>,
    pub(super) objects: Vec<Object>,
    pub(super) workers: Vec<Worker>,
    pub(super) tasks: Vec<Task>,
    pub(super) lock_order: Vec<LockPair>,
    pub(super) panics: Vec<PanicFact>,
    pub(super) misuses: Vec<MisuseFact>,
    pub(super) activity: Option<Activity>,
    pub(super) end: Option<EndLine>,
    /// Lines whose bytes or values cannot be right.
    pub(super) damaged: u64,
    /// Lines that are whole and mean something to a newer reader only.
    pub(super) unknown: u64,
}

/// What became of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Taken,
    Damaged,
    Unknown,
}

impl Collected {
    /// Takes a line behind the header and does not count it.
    pub(super) fn take(&mut self, line: &[u8], max_records: usize) -> Result<Outcome, ReadError> {
        let sum = checksum::check(line);
        if sum == Checksum::Bad || self.end.is_some() {
            return Ok(Outcome::Damaged);
        }
        let Ok(text) = std::str::from_utf8(line) else { return Ok(Outcome::Damaged) };
        let Some(name) = kind_name(text) else { return Ok(Outcome::Damaged) };
        let Some(kind) = LineKind::from_name(&name) else { return Ok(Outcome::Unknown) };
        let taken = match kind {
            // The one header has been read; a second one is where two files were joined.
            LineKind::Header => return Ok(Outcome::Damaged),
            LineKind::Site => {
                let pair = |line: SiteLine<'_>| (line.id, line.into_site());
                push(text, pair, &mut self.sites, kind, max_records)?
            }
            LineKind::Spawn => {
                let pair = |line: SpawnLine<'_>| (line.id, line.into_spawn());
                push(text, pair, &mut self.spawns, kind, max_records)?
            }
            LineKind::Module => {
                let pair = |line: ModuleLine<'_>| (line.id, line.into_module());
                push(text, pair, &mut self.modules, kind, max_records)?
            }
            LineKind::Frame => {
                let pair = |line: FrameLine<'_>| (line.id, line.into_frame());
                push(text, pair, &mut self.frames, kind, max_records)?
            }
            LineKind::Stack => {
                let pair = |line: StackLine<'_>| (line.id, line.into_stack());
                push(text, pair, &mut self.stacks, kind, max_records)?
            }
            LineKind::Region => push(text, |it| it, &mut self.regions, kind, max_records)?,
            LineKind::Object => push(text, |it| it, &mut self.objects, kind, max_records)?,
            LineKind::Worker => push(text, |it| it, &mut self.workers, kind, max_records)?,
            LineKind::Task => push(text, |it| it, &mut self.tasks, kind, max_records)?,
            LineKind::LockPair => push(text, |it| it, &mut self.lock_order, kind, max_records)?,
            LineKind::Panic => push(text, |it| it, &mut self.panics, kind, max_records)?,
            LineKind::Misuse => push(text, |it| it, &mut self.misuses, kind, max_records)?,
            LineKind::Activity => set_once(text, &mut self.activity),
            LineKind::End => set_once(text, &mut self.end),
        };
        Ok(match taken {
            Taken::Yes => Outcome::Taken,
            Taken::Double => Outcome::Damaged,
            // Bytes that are exactly as written, but not of our shape, come from a newer writer.
            Taken::No(error) if error.is_data() && sum == Checksum::Good => Outcome::Unknown,
            Taken::No(_) => Outcome::Damaged,
        })
    }

    pub(super) fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Taken => {}
            Outcome::Damaged => self.damaged += 1,
            Outcome::Unknown => self.unknown += 1,
        }
    }
}

enum Taken {
    Yes,
    Double,
    No(serde_json::Error),
}

fn push<L: DeserializeOwned, T>(
    text: &str,
    convert: impl FnOnce(L) -> T,
    list: &mut Vec<T>,
    kind: LineKind,
    max_records: usize,
) -> Result<Taken, ReadError> {
    match serde_json::from_str::<L>(text) {
        Err(error) => Ok(Taken::No(error)),
        Ok(_) if list.len() >= max_records => {
            Err(ReadError::TooMany { kind: kind.name(), limit: max_records })
        }
        Ok(line) => {
            list.push(convert(line));
            Ok(Taken::Yes)
        }
    }
}

fn set_once<L: DeserializeOwned>(text: &str, slot: &mut Option<L>) -> Taken {
    match serde_json::from_str(text) {
        Err(error) => Taken::No(error),
        Ok(_) if slot.is_some() => Taken::Double,
        Ok(line) => {
            *slot = Some(line);
            Taken::Yes
        }
    }
}

/// The value of the key `k`; none when the line is no JSON object that has one.
fn kind_name(text: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Probe<'a> {
        #[serde(borrow)]
        k: Cow<'a, str>,
    }
    // Writers put the kind first; then the line need not be parsed twice. A name with an escape in
    // it is left to the parser.
    let first = text.strip_prefix("{\"k\":\"").and_then(|rest| rest.split_once('"'));
    if let Some((name, _)) = first
        && LineKind::from_name(name).is_some()
    {
        return Some(Cow::Borrowed(name));
    }
    serde_json::from_str::<Probe<'_>>(text).ok().map(|probe| probe.k)
}
