//! Where dumps go, how many of them stay, and whether one is written that nobody has asked for: by
//! environment, or by the builder of a runtime.
//!
//! Invariant: a value that is not understood is told once, and counts for nothing.

use std::ffi::OsStr;
use std::path::PathBuf;

use once_cell::sync::OnceCell;

use crate::report;

/// Dumps of a program that stay in a folder where nobody says how many.
const KEPT: u32 = 16;

/// What becomes of dumps. What is not said here is as the environment says:
/// see the [crate's documentation](crate).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[must_use]
pub struct Dumps {
    folder: Option<PathBuf>,
    keep: Option<Keep>,
    unasked: Option<bool>,
}

impl Dumps {
    /// As the environment says.
    pub fn new() -> Dumps {
        Dumps::default()
    }

    /// The folder they are written into, which has to be there. Default: `GLEAK_DUMP_DIR`, or the
    /// working directory of the moment.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Dumps {
        self.folder = Some(folder.into());
        self
    }

    /// How many of this program stay there: older ones are removed after one is written; 0 for no limit.
    /// Default: `GLEAK_DUMP_KEEP`, or 16.
    pub fn keep(mut self, newest: u32) -> Dumps {
        self.keep = Some(Keep::of(newest));
        self
    }

    /// Whether one is written of a panic, of a deadlock and of a test that is late, or only by
    /// [`dump`](crate::dump()) and for a signal. Default: unless `GLEAK_DUMP` is `asked`.
    pub fn unasked(mut self, write: bool) -> Dumps {
        self.unasked = Some(write);
        self
    }
}

/// How many dumps of a program stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Keep {
    All,
    Newest(u32),
}

impl Keep {
    fn of(newest: u32) -> Keep {
        if newest == 0 { Keep::All } else { Keep::Newest(newest) }
    }

    fn parse(text: &str) -> Option<Keep> {
        if text == "all" { Some(Keep::All) } else { text.parse().ok().map(Keep::of) }
    }
}

/// What holds in this process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Settings {
    /// Empty for the working directory.
    pub(super) folder: PathBuf,
    pub(super) keep: Keep,
    pub(super) unasked: bool,
}

static SETTINGS: OnceCell<Settings> = OnceCell::new();

/// What holds from now on, unless something does already.
pub(crate) fn settle(asked: Option<Dumps>) {
    SETTINGS.get_or_init(|| Settings::of(asked.unwrap_or_default()));
}

/// What holds.
pub(super) fn settings() -> &'static Settings {
    SETTINGS.get_or_init(|| Settings::of(Dumps::default()))
}

impl Settings {
    fn of(Dumps { folder, keep, unasked }: Dumps) -> Settings {
        let folder = folder.or_else(|| {
            let named = std::env::var_os("GLEAK_DUMP_DIR").filter(|folder| !folder.is_empty());
            named.map(PathBuf::from)
        });
        // One that is named means what it meant at the start, wherever the program goes to.
        let folder = folder.unwrap_or_default();
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let keep = keep.or_else(|| variable("GLEAK_DUMP_KEEP", "a number or all", Keep::parse));
        let unasked = unasked.or_else(|| variable("GLEAK_DUMP", "on or asked", parse_unasked));
        Settings {
            folder,
            keep: keep.unwrap_or(Keep::Newest(KEPT)),
            unasked: unasked.unwrap_or(true),
        }
    }
}

fn parse_unasked(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "asked" => Some(false),
        _ => None,
    }
}

/// What a variable says; none when it says nothing.
fn variable<T>(name: &str, is: &str, parse: fn(&str) -> Option<T>) -> Option<T> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
    let parsed = value.to_str().and_then(parse);
    if parsed.is_none() {
        report::say(&not_understood(name, &value, is));
    }
    parsed
}

fn not_understood(name: &str, value: &OsStr, is: &str) -> String {
    format!("gleak: {name}={value:?} is not {is}: ignored")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_stay_is_a_number_or_all() {
        let table = [
            ("16", Some(Keep::Newest(16))),
            ("1", Some(Keep::Newest(1))),
            ("0", Some(Keep::All)),
            ("all", Some(Keep::All)),
            ("-1", None),
            ("4294967296", None),
            ("ALL", None),
            ("16 ", None),
        ];
        for (text, keep) in table {
            assert_eq!(Keep::parse(text), keep, "{text}");
        }
    }

    #[test]
    fn what_nobody_asked_for_is_on_or_off_by_one_word() {
        let table = [("on", Some(true)), ("asked", Some(false)), ("off", None), ("1", None)];
        for (text, unasked) in table {
            assert_eq!(parse_unasked(text), unasked, "{text}");
        }
    }

    #[test]
    fn what_the_builder_says_goes_before_the_environment() {
        let asked = Dumps::new().folder("/dumps").keep(0).unasked(false);
        let settings =
            Settings { folder: PathBuf::from("/dumps"), keep: Keep::All, unasked: false };
        assert_eq!(Settings::of(asked), settings);
    }
}
