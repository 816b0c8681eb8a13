//! The file of findings that the gate reads. A process without findings writes it too: that is how the
//! gate knows what was looked at.
//!
//! Invariant: a file that is there is somebody's evidence, and never written over.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind};
use std::path::{Path, PathBuf};

use gleak_detector::Finding;
use gleak_detector::findings_file::{self, FindingsFile, Source};
use gleak_detector::survey::Survey;
use gleak_snapshot::Reason;

use super::others;
use crate::collect;

/// A process id comes again some day; its files are told apart by a number.
const SAME_PID: u32 = 100;

/// Writes what this process has found, and how much it looked at, into the folder that `GLEAK_OUT`
/// names: `findings-<program>-<pid>.ndjson`, for `gleak gate`. Without `GLEAK_OUT` nothing is written.
/// The folder is made if it is not there; the same leak in many tests becomes one finding. What was counted
/// goes beside it, where `GLEAK` asks for that.
///
/// # Errors
/// When the file cannot be written, in one line with its path: a run whose findings are lost must not
/// look like one without findings.
pub fn write_evidence(tests: u64, findings: Vec<Finding>, survey: &Survey) -> Result<(), String> {
    let Some(folder) = folder() else { return Ok(()) };
    let header = collect::header(Reason::Request);
    let spawned = others::spawned();
    let source = Source { program: header.program, pid: header.pid, tests, spawned };
    write(&folder, source, findings, survey)
}

/// As `GLEAK_OUT` says.
fn folder() -> Option<PathBuf> {
    std::env::var_os("GLEAK_OUT").filter(|name: &OsString| !name.is_empty()).map(PathBuf::from)
}

/// As [`write_evidence`], of a process that is known already.
pub(super) fn write_of(
    source: Source,
    findings: Vec<Finding>,
    survey: &Survey,
) -> Result<(), String> {
    folder().map_or(Ok(()), |folder| write(&folder, source, findings, survey))
}

fn write(
    folder: &Path,
    source: Source,
    findings: Vec<Finding>,
    survey: &Survey,
) -> Result<(), String> {
    let told = |path: &Path, error: io::Error| {
        format!("gleak: the findings are lost: {}: {error}", path.display())
    };
    fs::create_dir_all(folder).map_err(|error| told(folder, error))?;
    let (path, file) = create(folder, &source).map_err(|error| told(folder, error))?;
    let nothing = Survey::default();
    let file_of =
        FindingsFile { source: source.clone(), findings, survey: nothing, complete: true };
    let findings = findings_file::merge([file_of]);
    findings_file::write(&mut BufWriter::new(file), &source, &findings, survey)
        .map_err(|error| told(&path, error))
}

fn create(folder: &Path, source: &Source) -> io::Result<(PathBuf, File)> {
    let stem = format!("findings-{}-{}", source.program.replace(['/', '\0'], "_"), source.pid);
    let names = (2..=SAME_PID).map(|number| format!("{stem}-{number}.ndjson"));
    for name in std::iter::once(format!("{stem}.ndjson")).chain(names) {
        let path = folder.join(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}
