//! Lines out of bytes, and out of `go test -json` around them.
//!
//! Invariant: of a line no more than its beginning is kept, and of many packages' outputs no more than
//! one unfinished line each.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use serde::Deserialize;

use super::GoDump;
use super::build::Room;
use super::stream::Stream;

/// As long as a line may be; the rest of a longer one is passed over.
const LONGEST: u64 = 64 * 1024;
/// As much as is passed over; what has more in one line has no lines, and perhaps no end.
const ENDLESS: u64 = 1 << 30;
/// As many packages as are told apart.
const MOST_PACKAGES: usize = 1_024;

/// An event of `go test -json`, as far as it matters.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Action")]
    _action: String,
    #[serde(rename = "Package", default)]
    package: String,
    #[serde(rename = "Output", default)]
    output: String,
}

/// Reads all dumps of Go programs in a text, each a name of its own; none when there are none.
///
/// # Errors
///
/// When it cannot be read, and when a line of it has no end.
pub(crate) fn read(input: &mut dyn BufRead, name: &str) -> io::Result<Vec<GoDump>> {
    let room = Rc::new(Room::default());
    let mut plain = Stream::new(name, &room);
    let mut packages: BTreeMap<String, (Stream, String)> = BTreeMap::new();
    let mut bytes = Vec::new();
    let mut ended = true;
    while let Some(whole) = next(input, &mut bytes)? {
        ended = bytes.ends_with(b"\n");
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches(['\n', '\r']);
        if !is_event(text) {
            plain.line(text);
            continue;
        }
        match serde_json::from_str::<Event>(text) {
            Ok(Event { package, output, .. }) => {
                if !packages.contains_key(&package) && packages.len() >= MOST_PACKAGES {
                    plain.refuse_line();
                    continue;
                }
                let fresh = || (Stream::new(&package_name(name, &package), &room), String::new());
                let (stream, open) = packages.entry(package.clone()).or_insert_with(fresh);
                feed(stream, open, &output);
            }
            Err(_) if whole => plain.line(text),
            Err(_) => plain.refuse_line(),
        }
    }
    let mut dumps = plain.finish(!ended);
    for (mut stream, open) in packages.into_values() {
        if !open.is_empty() {
            stream.line(&open);
        }
        dumps.extend(stream.finish(!open.is_empty()));
    }
    Ok(together(dumps))
}

/// What stands in texts without goroutines is told with the first dump that has some, if one has.
fn together(dumps: Vec<GoDump>) -> Vec<GoDump> {
    let (bare, mut dumps): (Vec<GoDump>, Vec<GoDump>) =
        dumps.into_iter().partition(GoDump::is_bare);
    match dumps.first_mut() {
        Some(first) => first.asides.extend(bare.into_iter().flat_map(|it| it.asides)),
        None => dumps.extend(bare.into_iter().take(1)),
    }
    dumps
}

fn package_name(name: &str, package: &str) -> String {
    if package.is_empty() { name.to_owned() } else { format!("{name} {package}") }
}

fn is_event(text: &str) -> bool {
    text.starts_with('{') && text.contains("\"Action\"")
}

/// Outputs may end in the middle of a line.
fn feed(stream: &mut Stream, open: &mut String, output: &str) {
    for piece in output.split_inclusive('\n') {
        let line = piece.strip_suffix('\n');
        let room = usize::try_from(LONGEST).unwrap_or(usize::MAX).saturating_sub(open.len());
        let text = line.unwrap_or(piece);
        let end = (0..=room.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
        open.push_str(&text[..end.unwrap_or_default()]);
        if line.is_some() {
            stream.line(open);
            open.clear();
        }
    }
}

/// The next line, with its end; false when it is longer than is kept.
fn next(input: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    (&mut *input).take(LONGEST).read_until(b'\n', line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.ends_with(b"\n") || (line.len() as u64) < LONGEST {
        return Ok(Some(true));
    }
    let mut rest = (&mut *input).take(ENDLESS);
    rest.skip_until(b'\n')?;
    if rest.limit() == 0 {
        let why = format!("a line of it has more than {} MiB", ENDLESS >> 20);
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    // Where nothing follows, it may have lost its end.
    if !input.fill_buf()?.is_empty() {
        line.push(b'\n');
    }
    Ok(Some(false))
}
