//! Formats that hold the tasks of one dump, for other tools: written for `report` and for `convert`.
//!
//! Invariant: the same dump gives the same bytes, compressed ones too.

use std::io::{self, Write};

use flate2::{Compression, GzBuilder};
use gleak_detector::profile::{By, Chosen, Profile, Weight};
use gleak_detector::render;
use gleak_detector::snapshot::Snapshot;

use crate::go::GoDump;
use crate::input::Content;

/// A format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TaskFormat {
    /// One line a stack.
    Folded,
    /// A file for speedscope.
    Speedscope,
    /// `profile.proto`, compressed.
    Pprof,
    /// As a Go program prints its goroutines.
    Go,
}

/// A dump with all of its tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tasks<'a> {
    /// One of ours.
    Own(&'a Snapshot),
    /// One of a Go program.
    Go(&'a GoDump),
}

/// A profile counts goroutines and does not say which.
pub(crate) const UNNUMBERED: &str = "a profile counts goroutines and has no numbers for them";

impl<'a> Tasks<'a> {
    /// Of an input; none when it holds findings only.
    pub(crate) fn of(content: &'a Content) -> Option<Tasks<'a>> {
        match content {
            Content::Dump(snapshot) => Some(Tasks::Own(snapshot)),
            Content::Go(dump) => Some(Tasks::Go(dump)),
            Content::Findings(_) => None,
        }
    }

    /// The tasks.
    pub(crate) fn snapshot(self) -> &'a Snapshot {
        match self {
            Tasks::Own(snapshot) => snapshot,
            Tasks::Go(dump) => &dump.snapshot,
        }
    }

    /// Why the format cannot hold them, if it cannot.
    pub(crate) fn refusal(self, format: TaskFormat) -> Option<&'static str> {
        match self {
            Tasks::Go(dump) if format == TaskFormat::Go && !dump.is_numbered() => Some(UNNUMBERED),
            Tasks::Go(_) | Tasks::Own(_) => None,
        }
    }

    /// The whole file.
    pub(crate) fn write(self, format: TaskFormat, chosen: &Chosen<'_>) -> io::Result<Vec<u8>> {
        let profile = || Profile::new(self.snapshot(), chosen);
        match format {
            TaskFormat::Folded => {
                Ok(render::folded(&profile(), By::Both, Weight::Tasks).into_bytes())
            }
            TaskFormat::Speedscope => Ok(render::speedscope(&profile()).into_bytes()),
            TaskFormat::Pprof => compressed(&render::pprof(&profile())),
            TaskFormat::Go => {
                let said = |task| match self {
                    Tasks::Own(_) => None,
                    Tasks::Go(dump) => dump.said(task),
                };
                Ok(render::go(self.snapshot(), chosen, &said).into_bytes())
            }
        }
    }
}

/// Without a time and a name.
fn compressed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    out.write_all(bytes)?;
    out.finish()
}
