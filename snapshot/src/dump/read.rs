//! Reading a dump: the header decides whether it is one, every other line may be lost.

use std::io::BufRead;

use serde::Deserialize;
use serde_json::Value;

use super::collect::{Collected, Outcome};
use super::line::{HeaderLine, LineKind};
use super::lines::{LineEnd, Lines};
use super::repair;
use crate::checksum::{self, Checksum};
use crate::{FORMAT_VERSION, Header, ReadError, Snapshot};

/// What a reader takes before it gives up on a line or a file.
struct Limits {
    /// Bytes of a line; what is longer is skipped as damaged.
    line_bytes: usize,
    /// Bytes behind those; an input with more of them in one line has no lines, and perhaps no end.
    passed_bytes: u64,
    /// Records of one kind; a file with more is refused. Far above what fits into a process.
    records: usize,
}

const LIMITS: Limits = Limits { line_bytes: 16 << 20, passed_bytes: 1 << 30, records: 1 << 24 };

/// How every dump begins, as its writer spells it.
const MARK: &[u8] = b"{\"gleak\":1,";

/// How much of a line that is no header is shown.
const SHOWN: usize = 60;

/// Reads a dump. What is cut, damaged or unknown is skipped and counted in the snapshot's
/// completeness; what referred to it is weakened, so that the snapshot is always valid.
///
/// # Errors
///
/// When the input cannot be read, is empty, is no dump, is cut inside of its header, is of another
/// major version, has more than 2^24 records of one kind, or a line without end.
pub fn read_dump(input: &mut dyn BufRead) -> Result<Snapshot, ReadError> {
    read_within(input, &LIMITS)
}

fn read_within(input: &mut dyn BufRead, limits: &Limits) -> Result<Snapshot, ReadError> {
    let mut lines = Lines::new(input, limits.line_bytes, limits.passed_bytes);
    let mut collected = Collected::default();
    let (line, end) = lines.next()?.ok_or(ReadError::Empty)?;
    match header_line(line, end)? {
        Some(header) => collected.header = Some(header),
        None => collected.count(Outcome::Damaged),
    }
    while let Some((line, end)) = lines.next()? {
        let outcome = match end {
            LineEnd::TooLong => Outcome::Damaged,
            LineEnd::Newline | LineEnd::Input => collected.take(line, limits.records)?,
        };
        // A last line without a newline that cannot be used is where the file was cut: without an
        // end line the snapshot says so, and nothing was damaged.
        let cut = end == LineEnd::Input && collected.end.is_none();
        if !(cut && outcome == Outcome::Damaged) {
            collected.count(outcome);
        }
    }
    Ok(repair::assemble(collected))
}

/// The header in a dump's first line; none when it is not that, or damaged. For who wants to know whose
/// a file is, and not what is in it.
#[must_use]
pub fn read_header(line: &[u8]) -> Option<Header> {
    header_line(line.trim_ascii(), LineEnd::Newline).ok()?.map(HeaderLine::into_header)
}

/// The header of a first line; none when the line is one, but damaged.
fn header_line(line: &[u8], end: LineEnd) -> Result<Option<HeaderLine>, ReadError> {
    #[derive(Deserialize)]
    struct Probe {
        gleak: Value,
        #[serde(default)]
        k: String,
    }
    let marked = line.starts_with(MARK);
    let Ok(probe) = serde_json::from_slice::<Probe>(line) else {
        return match (marked, end) {
            (true, LineEnd::Input) => Err(ReadError::HeaderCut),
            (true, LineEnd::Newline | LineEnd::TooLong) => Ok(None),
            (false, LineEnd::Input) if MARK.starts_with(line) => Err(ReadError::HeaderCut),
            (false, _) => Err(ReadError::NotADump { seen: show(line) }),
        };
    };
    // Before anything else is believed: another version may have other rules for the rest.
    if probe.gleak.as_u64() != Some(FORMAT_VERSION) {
        let found = show(probe.gleak.to_string().as_bytes());
        return Err(ReadError::Version { found });
    }
    if checksum::check(line) == Checksum::Bad {
        return Ok(None);
    }
    if probe.k != LineKind::Header.name() {
        return Err(ReadError::NotADump { seen: show(line) });
    }
    // A header of a shape that is not ours is worth no more than a damaged one.
    Ok(serde_json::from_slice(line).ok())
}

/// The beginning of a line, fit for a terminal.
pub(super) fn show(line: &[u8]) -> String {
    let shown = line[..line.len().min(SHOWN)].escape_ascii().to_string();
    if line.len() > SHOWN { shown + ".." } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SnapshotBuilder, write_dump};

    fn two_channels() -> Vec<u8> {
        let mut b = SnapshotBuilder::new();
        b.channel("src/a.rs:1", None);
        b.channel("src/a.rs:2", None);
        let mut dump = Vec::new();
        write_dump(&b.build(), &mut dump).unwrap();
        dump
    }

    #[test]
    fn more_records_than_allowed_are_refused() {
        let limits = |records| Limits { line_bytes: 4096, passed_bytes: 4096, records };
        assert!(read_within(&mut two_channels().as_slice(), &limits(2)).is_ok());
        let refused = read_within(&mut two_channels().as_slice(), &limits(1));
        assert!(matches!(refused, Err(ReadError::TooMany { kind: "site", limit: 1 })));
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_as_damaged() {
        let mut dump = two_channels();
        let second = dump.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let long =
            format!("{{\"k\":\"site\",\"id\":7,\"line\":1,\"file\":\"{}\"}}\n", "x".repeat(900));
        dump.splice(second..second, long.bytes());
        let limits = |passed_bytes| Limits { line_bytes: 800, passed_bytes, records: 10 };
        let snapshot = read_within(&mut dump.as_slice(), &limits(200)).unwrap();
        assert_eq!(snapshot.completeness.damaged_lines, 1);
        assert_eq!((snapshot.sites.len(), snapshot.objects.len()), (2, 2));
        let endless = read_within(&mut dump.as_slice(), &limits(100));
        assert!(matches!(endless, Err(ReadError::Endless { limit: 100 })), "{endless:?}");
    }
}
