//! Binary profiles (`debug=0`, `profile.proto`): how many goroutines stand where.
//!
//! Invariants:
//! 1. No more is kept than what the bytes hold, and no more of that than a fixed number of each kind.
//! 2. A number that names nothing is an error: the file is not what it says to be.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use super::GoDump;
use super::build::{Build, Room};
use super::profile::Entry;
use super::stack::Call;
use super::stream::MOST_CALLS;
use super::wire::{Broken, Fields, Value, numbers};

/// As many texts, functions, locations or samples as are taken.
const MOST: usize = 1_000_000;
/// As many labels as a sample may have.
const MOST_LABELS: usize = 64;
/// As many bytes as are looked at for what samples name, over and over again.
const MOST_WORK: u64 = 8 << 30;

/// Why a profile cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ProfileFault {
    /// It ends too early, or lies about a length or a number.
    Damaged,
    /// There is more in it than is taken.
    Large,
    /// It is of something else: `cpu/nanoseconds`.
    Alien(String),
}

impl fmt::Display for ProfileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProfileFault::Damaged => f.write_str("is a binary profile that is cut or damaged"),
            ProfileFault::Large => {
                f.write_str("is a binary profile with more in it than is taken from one")
            }
            ProfileFault::Alien(what) => {
                write!(f, "is a profile of {what}, want one of goroutines")
            }
        }
    }
}

impl From<Broken> for ProfileFault {
    fn from(_: Broken) -> Self {
        ProfileFault::Damaged
    }
}

/// Whether these bytes begin a profile: all that write one begin with what its numbers are, or what was
/// between two samples.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    let [0x0a | 0x5a, length, rest @ ..] = bytes else { return false };
    let Some(kind) = rest.get(..usize::from(*length)) else { return false };
    let mut fields = Fields::of(kind).peekable();
    let is_kind =
        |it: Result<(u64, Value<'_>), Broken>| matches!(it, Ok((1 | 2, Value::Number(_))));
    fields.peek().is_some() && *length < 0x20 && fields.all(is_kind)
}

/// The raw parts of a profile.
#[derive(Default)]
struct Parts<'b> {
    /// Text numbers of the kinds' names and units.
    kinds: Vec<(u64, u64)>,
    samples: Vec<&'b [u8]>,
    /// By id.
    locations: Vec<(u64, &'b [u8])>,
    functions: Vec<(u64, Function)>,
    texts: Vec<&'b [u8]>,
    time_ns: u64,
    work: Cell<u64>,
}

#[derive(Clone, Copy, Default)]
struct Function {
    name: u64,
    file: u64,
}

/// Reads a profile of goroutines.
///
/// # Errors
///
/// When it is none, or not whole.
pub(crate) fn read(bytes: &[u8], name: &str) -> Result<GoDump, ProfileFault> {
    let parts = Parts::of(bytes)?;
    let (which, leaked) = parts.kind()?;
    let mut build = Build::within(Rc::new(Room::default()));
    for sample in &parts.samples {
        let entry = parts.entry(sample, which, leaked)?;
        if entry.count > 0 {
            build.add_counted(entry.count, entry.goroutine);
        }
    }
    let mut dump = build.finish(name.to_owned(), false);
    dump.snapshot.header.wall_s = parts.time_ns / 1_000_000_000;
    Ok(dump)
}

impl<'b> Parts<'b> {
    fn of(bytes: &'b [u8]) -> Result<Self, ProfileFault> {
        let mut parts = Parts::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, Value::Bytes(kind)) => put(&mut parts.kinds, pair(kind)?)?,
                (2, Value::Bytes(sample)) => put(&mut parts.samples, sample)?,
                (4, Value::Bytes(location)) => {
                    put(&mut parts.locations, (number(location, 1)?, location))?;
                }
                (5, Value::Bytes(it)) => {
                    let function = Function { name: number(it, 2)?, file: number(it, 4)? };
                    put(&mut parts.functions, (number(it, 1)?, function))?;
                }
                (6, Value::Bytes(text)) => put(&mut parts.texts, text)?,
                (9, Value::Number(time)) => parts.time_ns = time,
                _ => {}
            }
        }
        parts.locations.sort_unstable_by_key(|(id, _)| *id);
        parts.functions.sort_unstable_by_key(|(id, _)| *id);
        Ok(parts)
    }

    /// Which number of a sample counts goroutines, and whether these have been found to be leaked.
    fn kind(&self) -> Result<(usize, bool), ProfileFault> {
        let mut names = Vec::new();
        for (at, (what, unit)) in self.kinds.iter().enumerate() {
            let (what, unit) = (self.text(*what)?, self.text(*unit)?);
            match (what.as_str(), unit.as_str()) {
                ("goroutine" | "tasks", "count") => return Ok((at, false)),
                ("goroutineleak", "count") => return Ok((at, true)),
                _ => names.push(format!("{what}/{unit}")),
            }
        }
        names.truncate(4);
        Err(ProfileFault::Alien(names.join(", ")))
    }

    fn entry(&self, sample: &[u8], which: usize, leaked: bool) -> Result<Entry, ProfileFault> {
        let mut entry = Entry::new(0, leaked);
        let mut values = 0_usize;
        for field in Fields::of(sample) {
            match field? {
                (1, value) => {
                    for id in numbers(value) {
                        self.calls(id?, &mut entry)?;
                    }
                }
                (2, value) => {
                    for value in numbers(value) {
                        if values == which {
                            // Differences of profiles have negative ones.
                            entry.count = u64::try_from(value?.cast_signed()).unwrap_or(0);
                        }
                        values += 1;
                    }
                }
                (3, Value::Bytes(label)) => {
                    let (key, value) = pair(label)?;
                    let labels = &mut entry.goroutine.header.labels;
                    // Labels that are numbers have no text.
                    if value != 0 && labels.len() < MOST_LABELS {
                        labels.push((self.text(key)?, self.text(value)?));
                    }
                }
                _ => {}
            }
        }
        entry.goroutine.header.labels.sort();
        Ok(entry)
    }

    /// The calls of a location: what was inlined there comes first.
    fn calls(&self, location: u64, entry: &mut Entry) -> Result<(), ProfileFault> {
        let calls = &mut entry.goroutine.calls;
        let at = self.locations.binary_search_by_key(&location, |(id, _)| *id);
        let (_, location) = self.locations[at.map_err(|_| ProfileFault::Damaged)?];
        self.work(location.len())?;
        for field in Fields::of(location) {
            let (4, Value::Bytes(line)) = field? else { continue };
            if calls.len() >= MOST_CALLS {
                entry.goroutine.elided = true;
                break;
            }
            let (function, line) = pair(line)?;
            let at = self.functions.binary_search_by_key(&function, |(id, _)| *id);
            let (_, function) = self.functions[at.map_err(|_| ProfileFault::Damaged)?];
            let line = u32::try_from(line).unwrap_or(0);
            let file = self.text(function.file)?;
            let place = (!file.is_empty()).then_some((file, line));
            calls.push(Call { function: self.text(function.name)?, address: None, place });
        }
        Ok(())
    }

    fn text(&self, number: u64) -> Result<String, ProfileFault> {
        let at = usize::try_from(number).map_err(|_| ProfileFault::Damaged)?;
        let text = self.texts.get(at).ok_or(ProfileFault::Damaged)?;
        let text = &text[..text.len().min(LONGEST_TEXT)];
        self.work(text.len())?;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// A small file may name a large thing a million times.
    fn work(&self, bytes: usize) -> Result<(), ProfileFault> {
        let done = self.work.get() + bytes as u64 + 1;
        self.work.set(done);
        if done > MOST_WORK { Err(ProfileFault::Large) } else { Ok(()) }
    }
}

/// Of a longer text this much is kept, as of a line of a dump.
const LONGEST_TEXT: usize = 64 * 1024;

fn put<T>(list: &mut Vec<T>, it: T) -> Result<(), ProfileFault> {
    if list.len() >= MOST {
        return Err(ProfileFault::Large);
    }
    list.push(it);
    Ok(())
}

/// The numbers in the first two fields; 0 where there is none.
fn pair(message: &[u8]) -> Result<(u64, u64), ProfileFault> {
    Ok((number(message, 1)?, number(message, 2)?))
}

fn number(message: &[u8], wanted: u64) -> Result<u64, ProfileFault> {
    let mut found = 0;
    for field in Fields::of(message) {
        if let (field, Value::Number(number)) = field?
            && field == wanted
        {
            found = number;
        }
    }
    Ok(found)
}
