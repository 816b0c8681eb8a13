//! One text, line by line: which dumps are in it and which goroutines in those.
//!
//! Invariants:
//! 1. A number that comes twice begins a new dump, and so does what the runtime says of its end.
//! 2. That all goroutines are asleep holds for those that follow it, with nothing of others between.

use std::rc::Rc;

use super::asides::Asides;
use super::build::{Build, Room};
use super::dump::GoDump;
use super::header::{self, Found, Header};
use super::line::{self, Line};
use super::prefix::Prefix;
use super::profile::{self, Entry, ProfileLine};
use super::stack::{Call, Goroutine};

/// As many calls as are kept of a stack. Go shows a hundred.
pub(super) const MOST_CALLS: usize = 512;
/// As many dumps as are told apart in one text.
const MOST_DUMPS: usize = 1_000;

const ASLEEP: [&str; 3] = [
    "fatal error: all goroutines are asleep - deadlock!",
    "fatal error: no goroutines (main called runtime.Goexit) - deadlock!",
    "throw: all goroutines are asleep - deadlock!",
];

/// Where in the text it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Place {
    /// Between goroutines.
    #[default]
    Outside,
    /// Below a header.
    Goroutine,
    /// Below the stack of one, where its ancestors are told.
    Ancestors,
    /// In a stack that is no goroutine's.
    NoGoroutine,
    /// In a report of a race, which has stacks and no goroutines.
    Race,
    /// In a profile of goroutines.
    Profile { leaked: bool },
    /// In a profile of something else.
    Alien,
}

/// What the runtime said before the goroutines.
#[derive(Debug, Default)]
struct Said {
    /// That all are asleep, behind this prefix.
    asleep: Option<Prefix>,
    /// Whether something else was said since.
    over: bool,
    /// Whether goroutines come once for each thread.
    by_thread: bool,
}

/// A text that is being read.
#[derive(Debug, Default)]
pub(super) struct Stream {
    place: Place,
    prefix: Prefix,
    /// Whether the line that is being read had that prefix.
    stripped: bool,
    said: Said,
    asides: Asides,
    current: Option<Goroutine>,
    /// Whether the line before was empty, in a goroutine.
    paused: bool,
    entry: Option<Entry>,
    build: Build,
    done: Vec<GoDump>,
    name: String,
}

impl Stream {
    /// A text of this name; all of one input share a room.
    pub(super) fn new(name: &str, room: &Rc<Room>) -> Self {
        let build = Build::within(Rc::clone(room));
        Stream { name: name.to_owned(), build, ..Stream::default() }
    }

    /// Takes a line.
    pub(super) fn line(&mut self, text: &str) {
        let text = text.trim_end();
        match header::find(text) {
            // Old lists of goleak have Go's own header below theirs.
            Found::Header(_, header) if self.is_announced(&header) => {}
            Found::Header(at, header) => {
                self.close();
                let prefix = Prefix::of(text.get(..at).unwrap_or_default());
                self.begin(header, prefix);
            }
            Found::Broken => {
                self.close();
                self.place = Place::Outside;
                self.build.unread += 1;
            }
            Found::None => {
                // What it holds is behind the prefix, or of somebody else who writes there too.
                let stripped = self.prefix.strip(text);
                self.stripped = stripped.is_some();
                self.inside(stripped.unwrap_or(text).trim());
            }
        }
    }

    /// The dumps, when the text is over; `cut` when its last line has no end.
    pub(super) fn finish(mut self, cut: bool) -> Vec<GoDump> {
        let half = self.current.as_ref().and_then(|it| it.calls.last());
        self.build.cut = cut && half.is_some_and(|call| call.place.is_none());
        self.close();
        self.deliver();
        if self.done.is_empty() {
            self.asides.of_nobody();
        }
        let asides = self.asides.take();
        match self.done.last_mut() {
            Some(dump) => dump.asides.extend(asides),
            None if asides.is_empty() => {}
            None => self.done.push(GoDump::without_goroutines(self.name, asides)),
        }
        self.done
    }

    /// Lines of the text that were not understood and are in no dump.
    pub(super) fn refuse_line(&mut self) {
        self.build.unread += 1;
    }

    fn is_announced(&self, header: &Header) -> bool {
        self.current.as_ref().is_some_and(|it| {
            it.calls.is_empty() && it.header.top.is_some() && it.header.id == header.id
        })
    }

    fn begin(&mut self, header: Header, prefix: Prefix) {
        // Who else writes into the same file says nothing of this program.
        if self.said.asleep.as_ref().is_some_and(|asleep| *asleep != prefix) {
            self.said.asleep = None;
        }
        let again = self.build.has(header.id);
        if again && self.said.by_thread {
            self.place = Place::NoGoroutine;
            return;
        }
        if again || self.said.over || !self.build.takes(false) {
            self.split();
        }
        if let Some(words) = self.asides.goroutine(&prefix) {
            self.build.bubble = Some(words);
        }
        self.prefix = prefix;
        self.place = Place::Goroutine;
        self.paused = false;
        self.current = Some(Goroutine { header, ..Goroutine::default() });
    }

    fn inside(&mut self, text: &str) {
        match self.place {
            Place::Outside | Place::Alien => self.outside(text),
            Place::Goroutine => self.goroutine(text),
            Place::Ancestors => match line::read(text) {
                _ if text.is_empty() => self.close(),
                Line::End => self.end(text),
                Line::Other => self.build.unread += 1,
                Line::Call { .. }
                | Line::Place { .. }
                | Line::CreatedBy { .. }
                | Line::Elided
                | Line::Unavailable
                | Line::Ancestor => {}
            },
            Place::NoGoroutine if text.is_empty() => self.place = Place::Outside,
            Place::NoGoroutine => {}
            Place::Race => {
                let over = text.starts_with("====") || line::read(text) == Line::End;
                if over {
                    self.asides.race_ends();
                    self.end(text);
                } else {
                    self.asides.race(text);
                }
            }
            Place::Profile { leaked } => self.profile(text, leaked),
        }
    }

    fn end(&mut self, text: &str) {
        self.close();
        self.outside(text);
    }

    fn goroutine(&mut self, text: &str) {
        let Some(goroutine) = &mut self.current else {
            self.place = Place::Outside;
            return self.outside(text);
        };
        let is_created = goroutine.created.is_some();
        let last = match &mut goroutine.created {
            Some((by, _)) => Some(by),
            None => goroutine.calls.last_mut(),
        };
        if text.is_empty() {
            // Some ways put an empty line behind each.
            self.paused = true;
            return;
        }
        let line = line::read(text);
        let goes_on = match line {
            Line::Call { .. } | Line::CreatedBy { .. } | Line::Elided | Line::Ancestor => {
                !is_created
            }
            Line::Place { .. } => last.as_ref().is_some_and(|call| call.place.is_none()),
            Line::Unavailable => true,
            Line::End | Line::Other => false,
        };
        if std::mem::take(&mut self.paused) && !goes_on {
            return self.end(text);
        }
        match line {
            Line::Call { function, args } if !is_created => {
                if goroutine.calls.len() < MOST_CALLS {
                    let address = line::address(args);
                    let function = function.to_owned();
                    goroutine.calls.push(Call { function, address, place: None });
                } else {
                    goroutine.elided = true;
                }
            }
            Line::Place { file, line } => match last {
                Some(call) if call.place.is_none() => call.place = Some((file.to_owned(), line)),
                Some(_) | None if goroutine.elided => {}
                Some(_) | None => self.build.unread += 1,
            },
            Line::CreatedBy { function, parent } if !is_created => {
                let function = function.to_owned();
                let by = Call { function, ..Call::default() };
                goroutine.created = Some((by, parent));
            }
            Line::Elided => goroutine.elided = true,
            Line::Unavailable => {}
            Line::Ancestor => self.place = Place::Ancestors,
            Line::End => self.end(text),
            Line::Call { .. } | Line::CreatedBy { .. } | Line::Other => self.build.unread += 1,
        }
    }

    /// What stands in front of words that were found in the line that is being read.
    fn before(prefix: &Prefix, stripped: bool, begin: &str) -> Prefix {
        if stripped && begin.is_empty() { prefix.clone() } else { Prefix::of(begin) }
    }

    fn outside(&mut self, text: &str) {
        let Stream { prefix, stripped, asides, .. } = self;
        asides.outside(text, |begin| Stream::before(prefix, *stripped, begin));
        if text.is_empty() {
            return;
        }
        if let Some(begin) = ASLEEP.iter().find_map(|words| text.strip_suffix(words)) {
            if !self.build.is_empty() {
                self.split();
            }
            self.said = Said {
                asleep: Some(Stream::before(&self.prefix, self.stripped, begin)),
                ..Said::default()
            };
            return;
        }
        match profile::read(text) {
            Some(ProfileLine::Alien) => self.place = Place::Alien,
            Some(it @ (ProfileLine::Begin { .. } | ProfileLine::Count(_)))
                if self.place != Place::Alien || matches!(it, ProfileLine::Begin { .. }) =>
            {
                return self.profile(text, false);
            }
            _ => {}
        }
        if text.starts_with("runtime stack:") {
            self.place = Place::NoGoroutine;
        } else if text.starts_with("-----") {
            self.said.by_thread = true;
        } else {
            if text.contains("WARNING: DATA RACE") {
                self.place = Place::Race;
                self.asides.race_begins();
            }
            self.stray(text);
        }
    }

    /// Between goroutines: of one whose header is not there, or of somebody else.
    fn stray(&mut self, text: &str) {
        let asleep = self.said.asleep.as_ref();
        if asleep.is_some_and(|it| it.strip(text).is_some_and(|rest| rest.trim().is_empty())) {
            // An empty line behind the prefix of those who are asleep.
            return;
        }
        match line::read(text) {
            Line::Call { .. } | Line::Place { .. } | Line::CreatedBy { .. } | Line::Elided => {
                self.build.unread += 1;
            }
            Line::Unavailable | Line::Ancestor | Line::End | Line::Other => {}
        }
        self.said.over |= self.said.asleep.is_some();
    }

    fn profile(&mut self, text: &str, leaked: bool) {
        match profile::read(text) {
            Some(ProfileLine::Begin { leaked }) => {
                self.close();
                if !self.build.is_empty() {
                    self.split();
                }
                self.place = Place::Profile { leaked };
            }
            Some(ProfileLine::Count(count)) => {
                self.close();
                self.place = Place::Profile { leaked };
                self.entry = Some(Entry::new(count, leaked));
            }
            Some(ProfileLine::Call(call)) => match &mut self.entry {
                Some(entry) if entry.goroutine.calls.len() < MOST_CALLS => {
                    entry.goroutine.calls.push(call);
                }
                Some(entry) => entry.goroutine.elided = true,
                None => self.build.unread += 1,
            },
            Some(ProfileLine::Labels(labels)) => match &mut self.entry {
                Some(entry) => entry.goroutine.header.labels = labels,
                None => self.build.unread += 1,
            },
            None if text.is_empty() => {}
            None if text.starts_with('#') => self.build.unread += 1,
            Some(ProfileLine::Alien) | None => self.end(text),
        }
    }

    /// Ends the goroutine that is being read.
    fn close(&mut self) {
        if let Some(goroutine) = self.current.take() {
            self.build.add(goroutine);
        }
        if let Some(Entry { count, goroutine }) = self.entry.take() {
            if !self.build.takes(true) {
                self.split();
            }
            self.build.add_counted(count, goroutine);
        }
        if self.place != Place::Alien {
            self.place = Place::Outside;
        }
    }

    /// Ends the dump that is being read. What was not understood without one is told with the next.
    fn split(&mut self) {
        // The last one takes the rest: what has its number twice is counted there.
        if self.done.len() + 1 < MOST_DUMPS {
            self.deliver();
        } else {
            self.said = Said::default();
        }
    }

    fn deliver(&mut self) {
        let said = std::mem::take(&mut self.said);
        if self.build.is_empty() {
            return;
        }
        let build = self.build.take();
        let mut dump = build.finish(self.name.clone(), said.asleep.is_some());
        dump.asides = self.asides.take();
        self.done.push(dump);
    }
}
