//! The file of findings that the gate reads. A run without findings writes it too: that is how the
//! gate knows what was looked at.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind};
use std::path::{Path, PathBuf};

use gleak_runtime::report::detector::Finding;
use gleak_runtime::report::detector::findings_file::{self, FindingsFile, Source};

/// A process id comes again some day; its files are told apart by a number.
const SAME_PID: u32 = 100;

/// Writes `findings-<program>-<pid>.ndjson` into the folder, which is made if it is not there.
///
/// # Errors
/// When the file cannot be written: with its path.
pub(crate) fn write(folder: &Path, source: Source, findings: Vec<Finding>) -> Result<(), String> {
    let told = |path: &Path, error: io::Error| {
        format!("gleak: the findings are lost: {}: {error}", path.display())
    };
    fs::create_dir_all(folder).map_err(|error| told(folder, error))?;
    let (path, file) = create(folder, &source).map_err(|error| told(folder, error))?;
    // The same leak in many tests is one finding.
    let findings =
        findings_file::merge([FindingsFile { source: source.clone(), findings, complete: true }]);
    findings_file::write(&mut BufWriter::new(file), &source, &findings)
        .map_err(|error| told(&path, error))
}

/// A file that nobody else has: one that is there is somebody's evidence.
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
