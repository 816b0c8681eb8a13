//! What one process found, in a file: written by a test binary, read by the gate.
//!
//! NDJSON: a source line that carries the version, a line for each finding and for each row of a survey, an
//! end line that counts them. Lines are closed by a checksum as those of a dump are (`docs/format.md`).
//!
//! Invariants:
//! 1. A file cut anywhere is read up to its last full line and says that it is not complete.
//! 2. A damaged line is an error that names the line: a gate must not pass by what it could not
//!    read.
//! 3. Kinds of lines and keys that are not known are skipped; a newer version is refused.

mod merge;

use std::io::{BufRead, Read};
use std::{fmt, io};

use gleak_snapshot::checksum::{self, Checksum};
use serde::{Deserialize, Serialize};

use crate::survey::{Row, Survey};
use crate::{Finding, render};

pub use merge::merge;

/// Raised when a reader of the last version would misread.
const VERSION: u64 = 1;

/// As long as a line may be: a finding names all its tasks. What has more in one line is no file of findings.
const LONGEST: u64 = 256 << 20;

/// Who found it, and how much it looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// Name of the program.
    pub program: String,
    /// Process id.
    pub pid: u32,
    /// Tests that it ran.
    pub tests: u64,
    /// Tasks that it spawned.
    pub spawned: u64,
}

/// A file of findings, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FindingsFile {
    /// Who wrote it.
    pub source: Source,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What was counted, where that was asked for.
    pub survey: Survey,
    /// Whether it has its end line; without, findings may be missing.
    pub complete: bool,
}

/// Why a file of findings could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// Reading failed.
    Io(io::Error),
    /// The first line is not that of a file of findings.
    NotFindings,
    /// It was written by a newer version.
    Newer {
        /// Its version.
        found: u64,
    },
    /// A line does not read.
    Damaged {
        /// 1-based.
        line: usize,
        /// What was wrong with it.
        why: String,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io(error) => write!(f, "cannot read: {error}"),
            ReadError::NotFindings => f.write_str("not a file of gleak findings"),
            ReadError::Newer { found } => write!(
                f,
                "findings of version {found}, and this gleak reads up to {VERSION}: use a newer one"
            ),
            // It may quote the line.
            ReadError::Damaged { line, why } => {
                write!(f, "line {line} is damaged: {}", render::clean(why))
            }
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReadError::Io(error) => Some(error),
            ReadError::NotFindings | ReadError::Newer { .. } | ReadError::Damaged { .. } => None,
        }
    }
}

#[derive(Serialize)]
struct SourceLine<'s> {
    #[serde(rename = "gleak-findings")]
    version: u64,
    k: &'static str,
    #[serde(flatten)]
    source: &'s Source,
}

#[derive(Serialize)]
struct FindingLine<'f> {
    k: &'static str,
    #[serde(flatten)]
    finding: &'f Finding,
}

#[derive(Serialize)]
struct RowLine<'r> {
    k: &'static str,
    #[serde(flatten)]
    row: &'r Row,
    tasks: u64,
}

#[derive(Serialize)]
struct EndLine {
    k: &'static str,
    findings: usize,
    #[serde(skip_serializing_if = "is_zero")]
    rows: usize,
}

/// For serde.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[derive(Deserialize)]
struct First {
    #[serde(rename = "gleak-findings")]
    version: u64,
}

#[derive(Deserialize)]
struct Kind {
    k: String,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(flatten)]
    row: Row,
    tasks: u64,
}

#[derive(Deserialize)]
struct End {
    findings: usize,
    #[serde(default)]
    rows: usize,
}

/// Writes the findings of one process, and what it has counted.
///
/// # Errors
/// Those of the writer.
pub fn write(
    out: &mut dyn io::Write,
    source: &Source,
    findings: &[Finding],
    survey: &Survey,
) -> io::Result<()> {
    line(out, &SourceLine { version: VERSION, k: "source", source })?;
    for finding in findings {
        line(out, &FindingLine { k: "finding", finding })?;
    }
    for (row, tasks) in survey.rows() {
        line(out, &RowLine { k: "row", row, tasks })?;
    }
    line(out, &EndLine { k: "end", findings: findings.len(), rows: survey.rows().count() })?;
    out.flush()
}

/// One write a line, so that a cut falls between lines where the system allows it.
fn line(out: &mut dyn io::Write, value: &impl Serialize) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(value)?;
    // The brace comes back behind the checksum.
    bytes.pop();
    checksum::seal(&mut bytes, 0);
    out.write_all(&bytes)
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// See [`ReadError`]; a file that is cut is none.
pub fn read(input: &mut dyn io::BufRead) -> Result<FindingsFile, ReadError> {
    let first = next_line(input)?.ok_or(ReadError::NotFindings)?;
    let source = read_source(&first.bytes)?;
    let survey = Survey::default();
    let mut file = FindingsFile { source, findings: Vec::new(), survey, complete: false };
    let (mut number, mut rows) = (1, 0);
    while let Some(line) = next_line(input)? {
        number += 1;
        if line.bytes.len() as u64 > LONGEST {
            let why = format!("it has more than {} MiB", LONGEST >> 20);
            return Err(ReadError::Damaged { line: number, why });
        }
        match read_line(&line.bytes, &mut file) {
            Ok(Held::Row) => rows += 1,
            Ok(Held::Other) => {}
            Ok(Held::End(end)) => {
                file.complete = end.findings == file.findings.len() && end.rows == rows;
                break;
            }
            // The write was cut short.
            Err(_) if !line.full => break,
            Err(why) => return Err(ReadError::Damaged { line: number, why }),
        }
    }
    Ok(file)
}

struct Line {
    bytes: Vec<u8>,
    /// Whether its newline was there.
    full: bool,
}

fn next_line(input: &mut dyn io::BufRead) -> Result<Option<Line>, ReadError> {
    let mut bytes = Vec::new();
    let mut input = input.take(LONGEST + 1);
    if input.read_until(b'\n', &mut bytes).map_err(ReadError::Io)? == 0 {
        return Ok(None);
    }
    let full = bytes.ends_with(b"\n");
    Ok(Some(Line { bytes, full }))
}

fn read_source(line: &[u8]) -> Result<Source, ReadError> {
    let First { version } = serde_json::from_slice(line).map_err(|_| ReadError::NotFindings)?;
    if version > VERSION {
        return Err(ReadError::Newer { found: version });
    }
    if checksum::check(line.trim_ascii_end()) == Checksum::Bad {
        return Err(ReadError::Damaged { line: 1, why: "its checksum is wrong".to_owned() });
    }
    serde_json::from_slice(line)
        .map_err(|error| ReadError::Damaged { line: 1, why: error.to_string() })
}

fn parse<'l, T: Deserialize<'l>>(line: &'l [u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

/// What a line held.
enum Held {
    Row,
    End(End),
    Other,
}

/// Takes a line in.
fn read_line(line: &[u8], file: &mut FindingsFile) -> Result<Held, String> {
    let Kind { k } = parse(line)?;
    if checksum::check(line.trim_ascii_end()) == Checksum::Bad {
        return Err("its checksum is wrong".to_owned());
    }
    match k.as_str() {
        "finding" => file.findings.push(parse(line)?),
        "row" => {
            let Counted { row, tasks } = parse(line)?;
            file.survey.add(row, tasks);
            return Ok(Held::Row);
        }
        "end" => return Ok(Held::End(parse(line)?)),
        // A later version may write more.
        _ => {}
    }
    Ok(Held::Other)
}

/// Whether a file that starts with this line is one of findings, of whatever version.
#[must_use]
pub fn recognise(first_line: &str) -> bool {
    serde_json::from_str::<First>(first_line).is_ok()
}
