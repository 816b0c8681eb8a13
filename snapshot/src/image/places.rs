//! Sites and spawn points, from the addresses of locations and entries.

use std::collections::BTreeMap;

use super::anchor::Anchor;
use super::layout::{Field, Root};
use super::little_endian::{half, word};
use super::memory::Memory;
use crate::dump::LOST;
use crate::{Site, SiteId, SpawnId, SpawnPoint};

/// A location is two words and two halves.
const LOCATION_BYTES: usize = 24;
/// Longer names are not believed.
const TEXT_MAX: u64 = 1 << 16;

/// Where a location keeps what: found by one of which it is known what it says.
#[derive(Clone, Copy, Debug)]
struct Layout {
    file: usize,
    file_bytes: usize,
    line: usize,
    column: usize,
}

/// What has been read so far, by address.
pub(super) struct Places<'m> {
    memory: &'m dyn Memory,
    layout: Option<Layout>,
    by_address: BTreeMap<u64, SiteId>,
    by_value: BTreeMap<Site, SiteId>,
    spawns_by_address: BTreeMap<(u64, u64), SpawnId>,
    spawns_by_value: BTreeMap<(SiteId, String), SpawnId>,
    entries: BTreeMap<u64, (u64, u64)>,
    pub(super) sites: Vec<Site>,
    pub(super) spawns: Vec<SpawnPoint>,
}

impl<'m> Places<'m> {
    pub(super) fn new(memory: &'m dyn Memory, anchor: &Anchor) -> Places<'m> {
        Places {
            memory,
            layout: layout(memory, anchor),
            by_address: BTreeMap::new(),
            by_value: BTreeMap::new(),
            spawns_by_address: BTreeMap::new(),
            spawns_by_value: BTreeMap::new(),
            entries: entries(memory, anchor),
            sites: Vec::new(),
            spawns: Vec::new(),
        }
    }

    /// None for no location.
    pub(super) fn site(&mut self, address: u64) -> Option<SiteId> {
        if address == 0 {
            return None;
        }
        if let Some(known) = self.by_address.get(&address) {
            return Some(*known);
        }
        let site = self.location(address);
        let next = SiteId(u32::try_from(self.sites.len()).ok()?);
        let id = *self.by_value.entry(site.clone()).or_insert(next);
        if id == next {
            self.sites.push(site);
        }
        self.by_address.insert(address, id);
        Some(id)
    }

    /// None for what was not spawned.
    pub(super) fn spawn(&mut self, site: u64, entry: u64) -> Option<SpawnId> {
        if entry == 0 {
            return None;
        }
        if let Some(known) = self.spawns_by_address.get(&(site, entry)) {
            return Some(*known);
        }
        let point = SpawnPoint { site: self.site(site)?, entry: self.entry(entry) };
        let next = SpawnId(u32::try_from(self.spawns.len()).ok()?);
        let value = (point.site, point.entry.clone());
        let id = *self.spawns_by_value.entry(value).or_insert(next);
        if id == next {
            self.spawns.push(point);
        }
        self.spawns_by_address.insert((site, entry), id);
        Some(id)
    }

    /// What cannot be read has a name that says so.
    fn location(&self, address: u64) -> Site {
        let lost = || LOST.to_owned();
        let mut bytes = [0; LOCATION_BYTES];
        let Some(layout) = self.layout.filter(|_| self.memory.read(address, &mut bytes)) else {
            return Site { file: lost(), line: 0, column: 0 };
        };
        let file = self.text(word(&bytes, layout.file), word(&bytes, layout.file_bytes));
        let (line, column) = (half(&bytes, layout.line), half(&bytes, layout.column));
        Site { file: file.unwrap_or_else(lost), line, column }
    }

    fn entry(&self, address: u64) -> String {
        let known = self.entries.get(&address);
        known.and_then(|(name, bytes)| self.text(*name, *bytes)).unwrap_or_else(|| LOST.to_owned())
    }

    fn text(&self, address: u64, bytes: u64) -> Option<String> {
        text(self.memory, address, bytes)
    }
}

fn text(memory: &dyn Memory, address: u64, bytes: u64) -> Option<String> {
    let length = usize::try_from(bytes).ok().filter(|_| (1..=TEXT_MAX).contains(&bytes))?;
    let mut text = vec![0; length];
    let read = memory.read(address, &mut text);
    String::from_utf8(text).ok().filter(|_| read)
}

/// None when the known location does not say what it should.
fn layout(memory: &dyn Memory, anchor: &Anchor) -> Option<Layout> {
    let mut probe = [0; LOCATION_BYTES];
    if !memory.read(anchor.root(Root::Probe), &mut probe) {
        return None;
    }
    let words = || (0..LOCATION_BYTES).step_by(8);
    let halves = || (0..LOCATION_BYTES).step_by(4);
    let file = words().find(|at| word(&probe, *at) == anchor.root(Root::ProbeFile))?;
    let said = anchor.field(Field::ProbeFileBytes);
    let file_bytes = words().find(|at| *at != file && word(&probe, *at) == said)?;
    let is_free = |at: &usize| at & !7 != file && at & !7 != file_bytes;
    let find = |field| {
        halves().filter(is_free).find(|at| u64::from(half(&probe, *at)) == anchor.field(field))
    };
    let (line, column) = (find(Field::ProbeLine)?, find(Field::ProbeColumn)?);
    (line != column).then_some(Layout { file, file_bytes, line, column })
}

/// Names of entries: where each lies, and how long it is.
fn entries(memory: &dyn Memory, anchor: &Anchor) -> BTreeMap<u64, (u64, u64)> {
    let size = anchor.small(Field::EntrySize);
    let mut known = BTreeMap::new();
    for number in 0..anchor.small(Field::EntryCapacity) {
        let mut note = vec![0; size];
        let address = anchor.root(Root::Entries).wrapping_add((number * size) as u64);
        if !memory.read(address, &mut note) {
            continue;
        }
        let field = |field| word(&note, anchor.small(field));
        let (key, name) = (field(Field::EntryKey), field(Field::EntryName));
        if key != 0 {
            known.insert(key, (name, field(Field::EntryNameBytes)));
        }
    }
    known
}
