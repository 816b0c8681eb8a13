//! Lines of source beside a report: which of them it shows, and what of a file may be shown.
//!
//! Pure: who reads files hands over a function that reads one, and answers for its age.
//!
//! Invariants:
//! 1. A wrong line is worse than none. A file counts only in the folder that the report's own stacks
//!    name; where they name none, only if one of the given folders has it and no other. A place
//!    whose column has nothing in it is of another text.
//! 2. Only files of the program's own workspace: what the compiler saw by a relative path.
//! 3. Bounded, whatever a report or a file says, and free of control characters.

use std::collections::{BTreeMap, BTreeSet};

use gleak_snapshot::Site;

use crate::render::clean;
use crate::{BacktraceFrame, Group, Report, key};

/// Longer files are not written by people.
pub const LARGEST_SOURCE: u64 = 4 << 20;
/// More places than this are not shown; so no more files are read.
const PLACES: usize = 16;
/// More groups of one finding say the same again.
const GROUPS: usize = 3;
/// Longer lines are not written by people.
const LONGEST_LINE: usize = 1_000;
const TAB: usize = 4;

/// Source lines by place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SourceLines(BTreeMap<Site, Excerpt>);

/// A line and the one before it, as they are shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Excerpt {
    /// None when there is none, or it has no word.
    pub(crate) before: Option<String>,
    pub(crate) line: String,
    /// What of the line is meant, in its columns: first and number. None when no column is known.
    pub(crate) mark: Option<(usize, usize)>,
}

impl SourceLines {
    /// Those that a report shows. `read` gives the text of a file, if it may be believed: it must be as
    /// old as the program that the report is on. `folders` are looked into where the report's stacks do
    /// not say from where its files count.
    pub fn of(
        report: &Report,
        folders: &[String],
        mut read: impl FnMut(&str) -> Option<Vec<u8>>,
    ) -> SourceLines {
        let told = told_folders(report);
        let folders = match told.len() {
            0 => folders,
            1 => &told,
            // They cannot all be right.
            _ => &[],
        };
        let mut wanted: BTreeMap<String, Vec<&Site>> = BTreeMap::new();
        for site in places(report) {
            wanted.entry(key::file(&site.file)).or_default().push(site);
        }
        let mut lines = BTreeMap::new();
        for (file, sites) in wanted {
            let found = folders.iter().filter_map(|folder| {
                let slash = if folder.ends_with('/') { "" } else { "/" };
                read(&format!("{folder}{slash}{file}"))
            });
            // Of two one is another package's.
            let found: Vec<Vec<u8>> = found.take(2).collect();
            let [text] = &found[..] else { continue };
            let text = String::from_utf8_lossy(text);
            let excerpts =
                sites.into_iter().filter_map(|it| Some((it.clone(), excerpt(&text, it)?)));
            lines.extend(excerpts);
        }
        SourceLines(lines)
    }

    /// Those of a place, once.
    pub(crate) fn take(&mut self, place: &Site) -> Option<Excerpt> {
        self.0.remove(place)
    }
}

/// The place that is shown of a group: where it waits, else where it comes from.
pub(crate) fn place(group: &Group) -> Option<&Site> {
    group.block.as_ref().or(group.spawn.as_ref())
}

fn places(report: &Report) -> BTreeSet<&Site> {
    let of_findings = report.findings.iter().flat_map(|it| it.groups.iter().take(GROUPS));
    let groups = of_findings.chain(&report.groups);
    let mut places = BTreeSet::new();
    for place in groups.filter_map(place).filter(|it| is_own(it)) {
        places.insert(place);
        if places.len() == PLACES {
            break;
        }
    }
    places
}

/// Whether a place is in the program's own workspace: the compiler sees those of others by their whole path.
fn is_own(site: &Site) -> bool {
    let file = key::file(&site.file);
    let mut parts = file.split('/');
    file.ends_with(".rs") && site.line > 0 && parts.all(|part| !matches!(part, "" | "." | ".."))
}

/// The folders that the program's own files count from, as stacks tell.
fn told_folders(report: &Report) -> Vec<String> {
    let of_findings = report.findings.iter().flat_map(|it| it.groups.iter().chain(&it.dependents));
    let groups = of_findings.chain(&report.groups);
    let folders: BTreeSet<String> = groups.flat_map(own_folders).collect();
    folders.into_iter().collect()
}

/// As the stacks of one group tell: there a frame names in full what a site names in short.
pub(crate) fn own_folders(group: &Group) -> impl Iterator<Item = String> {
    let stacks = group.backtrace.iter().chain(&group.spawn_backtrace);
    let frames = stacks.flat_map(|it| &it.frames).filter(|frame| !frame.runtime);
    frames.flat_map(move |frame| {
        let sites = group.block.iter().chain(&group.spawn).chain(&group.ancestry);
        sites
            .filter_map(|site| folder(frame, site))
            .filter(|it| !it.is_empty() && foreign(it) == it)
    })
}

/// What stands before a site's file in the file of a frame, when both are the same place.
pub(crate) fn folder(frame: &BacktraceFrame, site: &Site) -> Option<String> {
    let file = key::file(frame.file.as_deref()?);
    let folder = file.strip_suffix(key::file(&site.file).as_str())?;
    let same = frame.line == Some(site.line) && (folder.is_empty() || folder.ends_with('/'));
    same.then(|| folder.to_owned())
}

/// A file of a library, from where the library begins.
pub(crate) fn foreign(file: &str) -> &str {
    let behind = |mark: &str| file.split_once(mark).map(|(_, rest)| rest);
    let below = |mark: &str| behind(mark)?.split_once('/').map(|(_, rest)| rest);
    below("/registry/src/")
        .or_else(|| behind("/git/checkouts/"))
        .or_else(|| below("/rustc/"))
        .or_else(|| behind("/lib/rustlib/src/rust/"))
        .unwrap_or(file)
}

/// None when the place is not in this text.
fn excerpt(text: &str, site: &Site) -> Option<Excerpt> {
    let number = usize::try_from(site.line).ok()?.checked_sub(1)?;
    let mut lines = text.lines().skip(number.saturating_sub(1));
    let before = if number > 0 { lines.next() } else { None };
    let line = lines.next()?.trim_end();
    let column = usize::try_from(site.column).ok()?;
    // Columns count letters; 0 is not known.
    let meant = if column == 0 { line.trim_start() } else { behind(line, column - 1)? };
    if meant.starts_with(char::is_whitespace) || meant.is_empty() {
        return None;
    }
    let start = shown(&line[..line.len() - meant.len()])?.chars().count();
    let named = meant.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_');
    let before =
        before.map(str::trim_end).filter(|it| it.contains(char::is_alphanumeric)).and_then(shown);
    let line = shown(line)?;
    let margin = |line: &String| line.len() - line.trim_start().len();
    let cut = before.as_ref().map_or(usize::MAX, margin).min(margin(&line));
    Some(Excerpt {
        before: before.map(|it| it[cut..].to_owned()),
        line: line[cut..].to_owned(),
        mark: (column > 0).then(|| (start - cut, named.count().max(1))),
    })
}

/// What is left of a line behind so many letters.
fn behind(line: &str, letters: usize) -> Option<&str> {
    let (at, _) = line.char_indices().nth(letters)?;
    Some(&line[at..])
}

/// A line with blanks for tabs and blanks in front only; none when nobody can have written it.
fn shown(line: &str) -> Option<String> {
    let mut out = String::new();
    let mut columns = 0;
    for letter in line.chars() {
        let text = match letter {
            '\t' => " ".repeat(TAB - columns % TAB),
            ' ' => " ".to_owned(),
            // A blank of another kind would be no margin.
            _ if letter.is_whitespace() => "?".to_owned(),
            _ => clean(letter.encode_utf8(&mut [0; 4])),
        };
        columns += text.chars().count();
        out.push_str(&text);
        if columns > LONGEST_LINE {
            return None;
        }
    }
    Some(out)
}
