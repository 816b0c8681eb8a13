//! `gleak top`: the tasks of a running process, looked at again and again through its flight file.
//!
//! Invariants:
//! 1. The file stays open: one that is removed when its process ends well can still be read.
//! 2. A process runs as long as its file is locked. That is looked at before the file is read, so what is shown
//!    of an ended one is its last.

use std::fs::{self, File};
use std::io::{BufReader, Seek};
use std::path::{Path, PathBuf};

use gleak_detector::render::{self, Sizes, TextOptions};
use gleak_detector::snapshot::flight;
use gleak_detector::{Question, analyze};

use crate::args::{Color, Top};
use crate::error::Failure;
use crate::exit_code;
use crate::input::InputFault;
use crate::keys::{self, Filled};
use crate::output;
use crate::terminal::Surroundings;

/// Lines of a screen that are no rows of the table.
const AROUND: usize = 6;
/// Files that a message names.
const NAMED: usize = 4;

/// Runs the command.
pub(crate) fn run(args: &Top) -> Result<u8, Failure> {
    let path = chosen(&args.input)?;
    let mut watched = Watched::open(&path)?;
    let fills = Surroundings::look().is_able() && args.count.is_none();
    if fills {
        return fill(args, &mut watched);
    }
    for number in 1..=args.count.unwrap_or(1) {
        let Look { text, ended } = watched.look(None)?;
        let gap = if number == 1 { "" } else { "\n" };
        output::to_stdout(format!("{gap}{text}").as_bytes())?;
        if ended {
            break;
        }
        if number < args.count.unwrap_or(1) {
            keys::pause(args.interval);
        }
    }
    Ok(exit_code::PASS)
}

/// Until somebody ends it, or the process has ended.
fn fill(args: &Top, watched: &mut Watched) -> Result<u8, Failure> {
    // Before there is a screen to put away: what is wrong with the file is told on that of the shell.
    let mut look = watched.look(Surroundings::look().rows)?;
    let gone = |error| Failure::Output { to: "stdout".into(), error };
    if !look.ended {
        let screen = Filled::begin().map_err(gone)?;
        while !look.ended {
            screen.show(&format!("{}\nq ends", look.text)).map_err(gone)?;
            if screen.is_left_within(args.interval) {
                return Ok(exit_code::PASS);
            }
            look = watched.look(Surroundings::look().rows)?;
        }
    }
    output::to_stdout(look.text.as_bytes())?;
    Ok(exit_code::PASS)
}

/// What is shown at a look.
struct Look {
    text: String,
    ended: bool,
}

/// A file that is looked at again and again.
struct Watched {
    name: String,
    file: File,
    first: Option<Sizes>,
}

impl Watched {
    fn open(path: &Path) -> Result<Watched, Failure> {
        let name = path.display().to_string();
        let failed = |fault| Failure::Input { name: name.clone(), fault };
        let file = File::open(path).map_err(|error| failed(InputFault::Io(error)))?;
        Ok(Watched { name, file, first: None })
    }

    /// Laid out for a screen of so many lines, or whole.
    fn look(&mut self, rows: Option<usize>) -> Result<Look, Failure> {
        let failed = |fault| Failure::Input { name: self.name.clone(), fault };
        self.file.rewind().map_err(|error| failed(InputFault::Io(error)))?;
        let ended = !is_locked(&self.file);
        let mut reader = BufReader::with_capacity(1 << 20, &self.file);
        let read = flight::read_flight(&mut reader);
        let snapshot = read.map_err(|error| failed(InputFault::Dump(error)))?;
        let report = analyze(&snapshot, &Question::default());
        let around = Surroundings::look();
        let options = TextOptions {
            width: around.width(None),
            color: around.color(Color::Auto, false),
            top: rows.map_or(0, |rows| rows.saturating_sub(AROUND + report.held.len()).max(1)),
            ..TextOptions::default()
        };
        let life = if ended { "has ended" } else { "running" };
        let text = render::top((&snapshot, &report), self.first.as_ref(), life, &options);
        self.first.get_or_insert_with(|| Sizes::of(&snapshot, &report));
        Ok(Look { text, ended })
    }
}

/// Whether the process that made it has it, or a child that was forked from that. Where there are no locks it
/// counts as one that has ended.
fn is_locked(file: &File) -> bool {
    let is_free = file.try_lock_shared().is_ok();
    // Closing it would do the same.
    is_free.then(|| file.unlock());
    !is_free
}

/// The file, or that of the one running process in the folder.
fn chosen(input: &Path) -> Result<PathBuf, Failure> {
    let failed = |fault| Failure::Input { name: input.display().to_string(), fault };
    if !input.is_dir() {
        return Ok(input.to_path_buf());
    }
    let entries = fs::read_dir(input).map_err(|error| failed(InputFault::Io(error)))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut running: Vec<PathBuf> = paths.filter(|path| runs(path)).collect();
    running.sort();
    match &running[..] {
        [one] => Ok(one.clone()),
        [] => {
            let why =
                "holds no flight file of a running process; name a file for one that has ended";
            Err(failed(InputFault::Noted(why.into())))
        }
        several => {
            let name = |path: &PathBuf| path.file_name().unwrap_or_default().display().to_string();
            let mut names: Vec<String> = several.iter().take(NAMED).map(name).collect();
            if several.len() > NAMED {
                names.push("...".into());
            }
            let (count, names) = (several.len(), names.join(", "));
            let why = format!("holds flight files of {count} running processes, name one: {names}");
            Err(failed(InputFault::Noted(why)))
        }
    }
}

fn runs(path: &Path) -> bool {
    let is_flight = path.extension().is_some_and(|extension| extension == "flight");
    // Nothing that reading would wait for.
    if !is_flight || !path.is_file() {
        return false;
    }
    let Ok(file) = File::open(path) else { return false };
    flight::read_flight_header(&mut BufReader::new(&file)).is_ok() && is_locked(&file)
}
