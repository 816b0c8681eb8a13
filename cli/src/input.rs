//! Opening and recognising what is to be read: dumps, findings files, folders, standard input.
//!
//! Invariants:
//! 1. What a file is, its content says; names and extensions only choose among the files of a folder.
//! 2. A file that reads only in part is handed on together with what is wrong with it.
//! 3. The same file named twice is read once: its tasks would be counted twice.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use gleak_detector::findings_file::{self, FindingsFile};
use gleak_detector::snapshot::{self, Snapshot, flight};

use crate::error::{Failure, reason};
use crate::go::{self, GoDump, ProfileFault};
use crate::memory::{self, MemoryFault};
use crate::names::{BinaryFault, Names};

/// The folder that test runs write their findings to.
pub(crate) const DEFAULT_FOLDER: &str = "target/gleak";

/// How much of a file may be looked at to recognise it.
const FIRST_LINE_MAX: u64 = 64 * 1024;

/// How much of a file is read at once.
const BLOCK: usize = 128 * 1024;

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

    /// Reads it whole; memory of a process by ranges, with what `names` has of its files. One file may hold
    /// several dumps of Go programs.
    pub(crate) fn read(&self, names: &mut Names) -> Result<Vec<Content>, InputFault> {
        let name = self.name();
        match self {
            Source::Stdin => recognise(&mut io::stdin().lock(), &name),
            Source::File(path) => {
                if fs::metadata(path).map_err(InputFault::Io)?.is_dir() {
                    return Err(InputFault::Folder);
                }
                let mut file = File::open(path).map_err(InputFault::Io)?;
                if has_memory(&mut file).map_err(InputFault::Io)? {
                    let snapshot = memory::read(file, names).map_err(InputFault::Memory)?;
                    return Ok(vec![Content::Dump(Box::new(snapshot))]);
                }
                recognise(&mut BufReader::with_capacity(BLOCK, file), &name)
            }
        }
    }
}

/// Whether it is memory of a process. What cannot be read here and there is not.
fn has_memory(file: &mut File) -> io::Result<bool> {
    if !file.metadata()?.is_file() {
        return Ok(false);
    }
    let mut first = Vec::new();
    (&mut *file).take(TELLING).read_to_end(&mut first)?;
    file.rewind()?;
    Ok(memory::begins(&first))
}

/// What an input turned out to be.
#[derive(Debug)]
pub(crate) enum Content {
    /// Everything known of one process at one moment.
    Dump(Box<Snapshot>),
    /// A dump of a Go program.
    Go(Box<GoDump>),
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
            Content::Go(dump) => match dump.unread() {
                0 => None,
                lines => Some(InputFault::UnreadLines(lines)),
            },
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
    /// It is no dump of ours, and no goroutine is in it.
    Unknown(snapshot::ReadError),
    /// It is a binary profile that cannot be used.
    Profile(ProfileFault),
    /// It is of a Go program, where only our own dumps are of use.
    Go,
    /// It holds so many dumps where one is wanted.
    Several(usize),
    /// So many lines of a Go dump were not understood.
    UnreadLines(u64),
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
    /// The format that is asked for cannot hold it.
    Refused(&'static str),
    /// It is no file of code that can be used.
    Binary(BinaryFault),
    /// It is memory of a process that cannot be used.
    Memory(MemoryFault),
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
            InputFault::Unknown(error) => {
                write!(f, "{error}; nor is a goroutine of a Go program in it")
            }
            InputFault::Profile(fault) => write!(f, "{fault}"),
            InputFault::Go => f.write_str(
                "is a dump of a Go program, which only report, show, diff and flame read",
            ),
            InputFault::Several(count) => write!(f, "holds {count} dumps, want one"),
            InputFault::UnreadLines(1) => f.write_str("1 line was not understood"),
            InputFault::UnreadLines(count) => write!(f, "{count} lines were not understood"),
            InputFault::Findings(error) => write!(f, "{error}"),
            InputFault::Cut => f.write_str("is cut: it ends before its end line"),
            InputFault::DamagedLines(1) => f.write_str("1 line is damaged"),
            InputFault::DamagedLines(count) => write!(f, "{count} lines are damaged"),
            InputFault::MissingTasks(1) => f.write_str("1 task is missing in it"),
            InputFault::MissingTasks(count) => write!(f, "{count} tasks are missing in it"),
            InputFault::NoTasks => f.write_str("holds findings and no tasks, want a dump"),
            InputFault::Refused(why) => f.write_str(why),
            InputFault::Binary(fault) => write!(f, "{fault}"),
            InputFault::Memory(fault) => write!(f, "{fault}"),
            InputFault::Noted(why) => f.write_str(why),
        }
    }
}

/// Two arguments are standard input.
pub(crate) fn stdin_twice() -> Failure {
    Failure::Usage { what: "-".into(), why: "standard input can be read only once".into() }
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
                return Err(stdin_twice());
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

/// What compressed files begin with.
const COMPRESSED: &[u8] = &[0x1f, 0x8b];
/// As much as a compressed file may unpack to, and as a binary profile may be long.
const MOST_UNPACKED: u64 = 4 << 30;
const MOST_PROFILE: u64 = 256 << 20;
/// By so many bytes it is known whether a file is compressed, or a binary profile.
const TELLING: u64 = 64;

/// Reads whatever it is.
pub(crate) fn recognise(input: &mut dyn BufRead, name: &str) -> Result<Vec<Content>, InputFault> {
    let mut first = Vec::new();
    (&mut *input).take(TELLING).read_to_end(&mut first).map_err(InputFault::Io)?;
    if !first.starts_with(COMPRESSED) {
        return recognise_plain(&first, input, name);
    }
    let unpacked = MultiGzDecoder::new(io::Cursor::new(&first).chain(input));
    let mut unpacked = Unpacked { inner: unpacked, left: MOST_UNPACKED };
    let mut first = Vec::new();
    (&mut unpacked).take(TELLING).read_to_end(&mut first).map_err(InputFault::Io)?;
    recognise_plain(&first, &mut BufReader::new(unpacked), name)
}

/// What comes out of a compressed file, up to a limit: a small one may hold as much as it likes.
struct Unpacked<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::other(format!("unpacks to more than {} GiB", MOST_UNPACKED >> 30))
        })?;
        Ok(read)
    }
}

fn profile(first: &[u8], input: &mut dyn BufRead, name: &str) -> Result<Content, InputFault> {
    let mut bytes = first.to_vec();
    input.take(MOST_PROFILE).read_to_end(&mut bytes).map_err(InputFault::Io)?;
    if bytes.len() as u64 > MOST_PROFILE {
        return Err(InputFault::Profile(ProfileFault::Large));
    }
    let dump = go::read_profile(&bytes, name).map_err(InputFault::Profile)?;
    Ok(Content::Go(Box::new(dump)))
}

/// What it is, once it is unpacked, by its first bytes.
fn recognise_plain(
    first: &[u8],
    input: &mut dyn BufRead,
    name: &str,
) -> Result<Vec<Content>, InputFault> {
    if memory::begins(first) {
        return Err(InputFault::Memory(MemoryFault::Stream));
    }
    if go::begins_profile(first) {
        return profile(first, input, name).map(|it| vec![it]);
    }
    let input = &mut io::Cursor::new(first).chain(input);
    let mut head = Vec::new();
    (&mut *input).take(FIRST_LINE_MAX).read_until(b'\n', &mut head).map_err(InputFault::Io)?;
    if head.is_empty() {
        return Err(InputFault::Empty);
    }
    let is_findings = findings_file::recognise(String::from_utf8_lossy(&head).trim_end());
    let is_own = is_own(&head);
    let is_flight = flight::is_flight(&head);
    let mut whole = io::Cursor::new(&head).chain(input);
    if is_findings {
        let file = findings_file::read(&mut whole).map_err(InputFault::Findings)?;
        return Ok(vec![Content::Findings(file)]);
    }
    if is_flight {
        let snapshot = flight::read_flight(&mut whole).map_err(InputFault::Dump)?;
        return Ok(vec![Content::Dump(Box::new(snapshot))]);
    }
    if is_own {
        let snapshot = snapshot::read_dump(&mut whole).map_err(InputFault::Dump)?;
        return Ok(vec![Content::Dump(Box::new(snapshot))]);
    }
    let dumps = go::read(&mut whole, name).map_err(InputFault::Io)?;
    if let [dump] = &dumps[..]
        && let Some(what) = dump.only()
    {
        return Err(InputFault::Noted(what));
    }
    if !dumps.is_empty() {
        return Ok(dumps.into_iter().map(|dump| Content::Go(Box::new(dump))).collect());
    }
    // Whatever it is, its first line says it best.
    let snapshot = snapshot::read_dump(&mut &head[..]).map_err(InputFault::Unknown)?;
    Ok(vec![Content::Dump(Box::new(snapshot))])
}

/// Whether the first line is a header of ours; those written by hand have blanks.
fn is_own(head: &[u8]) -> bool {
    const KEY_WITHIN: usize = 256;
    let begin = String::from_utf8_lossy(&head[..head.len().min(KEY_WITHIN)]);
    begin.trim_start().starts_with('{') && begin.contains("\"gleak\"")
}
