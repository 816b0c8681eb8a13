//! Opening and recognising what is to be read: dumps, findings files, folders, standard input.
//!
//! Invariants:
//! 1. What a file is, its content says; names and extensions only choose among the files of a folder.
//! 2. A file that reads only in part is handed on together with what is wrong with it.
//! 3. The same file named twice is read once: its tasks would be counted twice.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use gleak_detector::findings_file::{self, FindingsFile};
use gleak_detector::snapshot::{self, Snapshot};

use crate::error::{Failure, reason};
use crate::names::BinaryFault;

/// The folder that test runs write their findings to.
pub(crate) const DEFAULT_FOLDER: &str = "target/gleak";

/// How much of a file may be looked at to recognise it.
const FIRST_LINE_MAX: u64 = 64 * 1024;

/// One thing to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Source {
    /// The source of an argument.
    pub(crate) fn of(argument: &Path) -> Source {
        if argument.as_os_str() == "-" {
            Source::Stdin
        } else {
            Source::File(argument.to_path_buf())
        }
    }

    /// Its name in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Source::Stdin => "stdin".into(),
            Source::File(path) => path.display().to_string(),
        }
    }

    /// Reads it whole.
    pub(crate) fn read(&self) -> Result<Content, InputFault> {
        match self {
            Source::Stdin => recognise(&mut io::stdin().lock()),
            Source::File(path) => {
                if fs::metadata(path).map_err(InputFault::Io)?.is_dir() {
                    return Err(InputFault::Folder);
                }
                let file = File::open(path).map_err(InputFault::Io)?;
                recognise(&mut BufReader::new(file))
            }
        }
    }
}

/// What an input turned out to be.
#[derive(Debug)]
pub(crate) enum Content {
    /// Everything known of one process at one moment.
    Dump(Box<Snapshot>),
    /// What one process found.
    Findings(FindingsFile),
}

impl Content {
    /// What is missing in it, if anything is.
    pub(crate) fn flaw(&self) -> Option<InputFault> {
        match self {
            Content::Dump(snapshot) => {
                let seen = &snapshot.completeness;
                if seen.cut {
                    Some(InputFault::Cut)
                } else if seen.damaged_lines > 0 {
                    Some(InputFault::DamagedLines(seen.damaged_lines))
                } else if seen.missing_tasks > 0 {
                    Some(InputFault::MissingTasks(seen.missing_tasks))
                } else {
                    None
                }
            }
            Content::Findings(file) => (!file.complete).then_some(InputFault::Cut),
        }
    }
}

/// Why an input cannot be used, or not in full.
#[derive(Debug)]
pub(crate) enum InputFault {
    /// It could not be read.
    Io(io::Error),
    /// It is a folder where a file is needed.
    Folder,
    /// There is nothing in it.
    Empty,
    /// It is not a dump that can be used.
    Dump(snapshot::ReadError),
    /// It is not a findings file that can be used.
    Findings(findings_file::ReadError),
    /// It ends before its end line.
    Cut,
    /// So many of its lines are damaged.
    DamagedLines(u64),
    /// So many tasks that it says to hold are not in it.
    MissingTasks(u64),
    /// It holds findings where tasks are needed.
    NoTasks,
    /// It is no file of code that can be used.
    Binary(BinaryFault),
    /// As noted before.
    Noted(String),
}

impl fmt::Display for InputFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InputFault::Io(error) => f.write_str(&reason(error)),
            InputFault::Folder => f.write_str("is a folder, want a file"),
            InputFault::Empty => f.write_str("is empty"),
            InputFault::Dump(error) => write!(f, "{error}"),
            InputFault::Findings(error) => write!(f, "{error}"),
            InputFault::Cut => f.write_str("is cut: it ends before its end line"),
            InputFault::DamagedLines(1) => f.write_str("1 line is damaged"),
            InputFault::DamagedLines(count) => write!(f, "{count} lines are damaged"),
            InputFault::MissingTasks(1) => f.write_str("1 task is missing in it"),
            InputFault::MissingTasks(count) => write!(f, "{count} tasks are missing in it"),
            InputFault::NoTasks => f.write_str("holds findings and no tasks, want a dump"),
            InputFault::Binary(fault) => write!(f, "{fault}"),
            InputFault::Noted(why) => f.write_str(why),
        }
    }
}

/// Turns arguments into what is to be read: folders become their `*.ndjson` files, in order.
pub(crate) fn expand(arguments: &[PathBuf]) -> Result<Expanded, Failure> {
    let mut expanded = Expanded::default();
    let mut known = BTreeSet::new();
    if arguments.is_empty() {
        let folder = Path::new(DEFAULT_FOLDER);
        if folder.is_dir() {
            expanded.add_folder(folder, &mut known);
        }
    }
    for argument in arguments {
        match Source::of(argument) {
            Source::Stdin if expanded.sources.contains(&Source::Stdin) => {
                let why = "standard input can be read only once".into();
                return Err(Failure::Usage { what: "-".into(), why });
            }
            Source::Stdin => expanded.sources.push(Source::Stdin),
            Source::File(path) if path.is_dir() => expanded.add_folder(&path, &mut known),
            Source::File(path) => expanded.add_file(path, &mut known),
        }
    }
    Ok(expanded)
}

/// What there is to read, and the folders that could not be listed.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    /// In the order of the arguments.
    pub(crate) sources: Vec<Source>,
    /// Name and fault.
    pub(crate) unlisted: Vec<(String, InputFault)>,
}

impl Expanded {
    fn add_file(&mut self, path: PathBuf, known: &mut BTreeSet<PathBuf>) {
        let identity = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        if known.insert(identity) {
            self.sources.push(Source::File(path));
        }
    }

    fn add_folder(&mut self, folder: &Path, known: &mut BTreeSet<PathBuf>) {
        match ndjson_files(folder) {
            Ok(files) => files.into_iter().for_each(|file| self.add_file(file, known)),
            Err(error) => {
                self.unlisted.push((folder.display().to_string(), InputFault::Io(error)));
            }
        }
    }
}

fn ndjson_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "ndjson") && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn recognise(input: &mut dyn BufRead) -> Result<Content, InputFault> {
    let mut head = Vec::new();
    (&mut *input).take(FIRST_LINE_MAX).read_until(b'\n', &mut head).map_err(InputFault::Io)?;
    if head.is_empty() {
        return Err(InputFault::Empty);
    }
    let is_findings = findings_file::recognise(String::from_utf8_lossy(&head).trim_end());
    let mut whole = io::Cursor::new(head).chain(input);
    if is_findings {
        findings_file::read(&mut whole).map(Content::Findings).map_err(InputFault::Findings)
    } else {
        let snapshot = snapshot::read_dump(&mut whole).map_err(InputFault::Dump)?;
        Ok(Content::Dump(Box::new(snapshot)))
    }
}
