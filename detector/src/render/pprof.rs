//! Tasks by their stacks, as pprof writes profiles (`profile.proto`): for `go tool pprof`, Pyroscope,
//! Parca and others.
//!
//! Invariants:
//! 1. The same profile gives the same bytes: no time is in it but the dump's.
//! 2. Numbers of functions and locations begin with 1; 0 is none. The first text is the empty one.

use std::collections::BTreeMap;

use super::protobuf::Message;
use crate::profile::{Profile, Sample};

/// Fields of a profile.
mod field {
    pub(super) const SAMPLE_TYPE: u64 = 1;
    pub(super) const SAMPLE: u64 = 2;
    pub(super) const MAPPING: u64 = 3;
    pub(super) const LOCATION: u64 = 4;
    pub(super) const FUNCTION: u64 = 5;
    pub(super) const TEXT: u64 = 6;
    pub(super) const TIME_NS: u64 = 9;
    pub(super) const COMMENT: u64 = 13;
    pub(super) const DEFAULT_TYPE: u64 = 14;
}

/// All texts, each once.
#[derive(Default)]
struct Texts {
    numbers: BTreeMap<String, u64>,
    all: Vec<String>,
}

impl Texts {
    fn new() -> Self {
        let mut texts = Texts::default();
        texts.number("");
        texts
    }

    fn number(&mut self, text: &str) -> u64 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = self.all.len() as u64;
        self.numbers.insert(text.to_owned(), number);
        self.all.push(text.to_owned());
        number
    }
}

/// The profile, not compressed: tasks, and the time that they have waited.
#[must_use]
pub fn pprof(profile: &Profile) -> Vec<u8> {
    let mut texts = Texts::new();
    let mut out = Message::default();
    for (what, unit) in [("tasks", "count"), ("blocked", "nanoseconds")] {
        let mut kind = Message::default();
        kind.number(1, texts.number(what)).number(2, texts.number(unit));
        out.message(field::SAMPLE_TYPE, &kind);
    }
    for sample in &profile.samples {
        out.message(field::SAMPLE, &self::sample(profile, sample, &mut texts));
    }
    // Without one, readers look for the program to find names in it.
    let mut mapping = Message::default();
    mapping.number(1, 1).number(5, texts.number(&profile.program));
    (7..=10).for_each(|has| {
        mapping.number(has, 1);
    });
    out.message(field::MAPPING, &mapping);
    locations(profile, &mut texts, &mut out);
    let time_ns = profile.wall_s.saturating_mul(1_000_000_000);
    out.number(field::TIME_NS, i64::try_from(time_ns).map_or(0, i64::cast_unsigned));
    let process = match profile.pid {
        0 => format!("tasks of {}", profile.program),
        pid => format!("tasks of {}, process {pid}", profile.program),
    };
    out.numbers(field::COMMENT, [texts.number(&process)]);
    out.number(field::DEFAULT_TYPE, texts.number("tasks"));
    for text in &texts.all {
        out.text(field::TEXT, text);
    }
    out.into_bytes()
}

fn sample(profile: &Profile, sample: &Sample, texts: &mut Texts) -> Message {
    let mut out = Message::default();
    // The innermost comes first here.
    let stack = profile.stacks[sample.stack].iter().rev();
    out.numbers(1, stack.map(|&frame| frame as u64 + 1));
    let most = i64::MAX.cast_unsigned();
    out.numbers(2, [sample.tasks.min(most), sample.waited_ns.min(most)]);
    for (key, value) in &sample.labels {
        let mut label = Message::default();
        label.number(1, texts.number(key)).number(2, texts.number(value));
        out.message(3, &label);
    }
    out
}

/// One location and one function a frame: a place has no address.
fn locations(profile: &Profile, texts: &mut Texts, out: &mut Message) {
    for (number, frame) in (1..).zip(&profile.frames) {
        let line = frame.place.as_ref().map_or(0, |(_, line)| u64::from(*line));
        let mut at = Message::default();
        at.number(1, number).number(2, line);
        let mut location = Message::default();
        location.number(1, number).number(2, 1).message(4, &at);
        out.message(field::LOCATION, &location);

        let (name, file) = (texts.number(&frame.name), frame.place.as_ref());
        let file = file.map_or(0, |(file, _)| texts.number(file));
        let mut function = Message::default();
        function.number(1, number).number(2, name).number(3, name).number(4, file);
        out.message(field::FUNCTION, &function);
    }
}
