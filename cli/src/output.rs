//! Where answers go: standard output or a file.
//!
//! Invariants:
//! 1. A file appears in full or not at all: it is written beside its place and then put there.
//! 2. A file that exists is lost only if the user said so, also when it appears meanwhile.
//! 3. A reader that has gone (broken pipe) is no failure; a full disk is one.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::Failure;

/// Where an answer goes.
#[derive(Debug)]
pub(crate) enum Sink {
    /// Standard output.
    Stdout,
    /// A file.
    File {
        /// Its path.
        path: PathBuf,
        /// What happens to a file that is there.
        existing: Existing,
    },
}

/// What happens to a file that is in the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Existing {
    /// It stays, and the command fails.
    Keep,
    /// It is replaced.
    Replace,
}

impl Existing {
    /// From a `--force` flag.
    pub(crate) fn from_force(force: bool) -> Existing {
        if force { Existing::Replace } else { Existing::Keep }
    }
}

impl Sink {
    /// A file if there is a path, else standard output. Refuses a file that would be lost: early,
    /// before any work.
    pub(crate) fn open(path: Option<&Path>, existing: Existing) -> Result<Sink, Failure> {
        let Some(path) = path else { return Ok(Sink::Stdout) };
        let is_file = fs::metadata(path).is_ok_and(|meta| meta.is_file());
        if is_file && existing == Existing::Keep {
            return Err(Failure::WouldOverwrite(path.display().to_string()));
        }
        Ok(Sink::File { path: path.to_path_buf(), existing })
    }

    /// Writes the whole answer.
    pub(crate) fn deliver(&self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Sink::Stdout => to_stdout(bytes),
            Sink::File { path, existing } => to_file(path, *existing, bytes),
        }
    }
}

/// Writes to standard output.
pub(crate) fn to_stdout(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Output { to: "stdout".into(), error })
        }
        _ => Ok(()),
    }
}

fn to_file(path: &Path, existing: Existing, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error| Failure::Output { to: path.display().to_string(), error };
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Err(failed(io::ErrorKind::IsADirectory.into())),
        Ok(meta) if meta.is_file() => {
            // Through a link, so that the file is replaced and not the link to it.
            let path = fs::canonicalize(path).map_err(failed)?;
            replace(&path, existing, Some(meta.permissions()), bytes)
        }
        // A device or a pipe is written into; renaming over it would destroy it.
        Ok(_) => fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(failed),
        Err(_) => replace(path, existing, None, bytes),
    }
}

fn replace(
    path: &Path,
    existing: Existing,
    permissions: Option<fs::Permissions>,
    bytes: &[u8],
) -> Result<(), Failure> {
    let failed = |error| Failure::Output { to: path.display().to_string(), error };
    let draft = Draft::new(path).map_err(failed)?;
    draft.fill(bytes, permissions).map_err(failed)?;
    match existing {
        Existing::Replace => fs::rename(&draft.path, path).map_err(failed),
        // A hard link fails if the name exists, in one step; a rename would replace it.
        Existing::Keep => match fs::hard_link(&draft.path, path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Failure::WouldOverwrite(path.display().to_string()))
            }
            // File systems without hard links: look, then rename.
            Err(_) if fs::symlink_metadata(path).is_err() => {
                fs::rename(&draft.path, path).map_err(failed)
            }
            Err(_) => Err(Failure::WouldOverwrite(path.display().to_string())),
        },
    }
}

/// A file beside the final one, removed when dropped.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn new(beside: &Path) -> io::Result<Draft> {
        let Some(name) = beside.file_name() else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.tmp", std::process::id()));
        let path = beside.with_file_name(hidden);
        fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Draft { path })
    }

    fn fill(&self, bytes: &[u8], permissions: Option<fs::Permissions>) -> io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).open(&self.path)?;
        file.write_all(bytes)?;
        // Some file systems tell of a full disk only here.
        file.sync_all()?;
        permissions.map_or(Ok(()), |permissions| file.set_permissions(permissions))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename it is not there any more; otherwise nothing better can be done.
        let _ = fs::remove_file(&self.path);
    }
}
