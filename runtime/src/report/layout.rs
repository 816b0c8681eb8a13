//! How reports on this process are laid out for people: as wide as `COLUMNS` says, with the source of
//! what they tell, where it can still be what was compiled.
//!
//! Invariant: a source that is newer than the program is never shown.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use gleak_detector::render::TextOptions;
use gleak_detector::{LARGEST_SOURCE, Report, SourceLines};

/// How a report on this process is best printed: as wide as `COLUMNS` says, and with the source lines
/// of its places. A file is looked for where the report's stacks say that it was compiled, or in the
/// package under `cargo test` and the folders around it; one that has changed since the program was
/// built is left out.
#[must_use]
pub fn layout(report: &Report) -> TextOptions {
    TextOptions { sources: sources(report), ..columns() }
}

/// As wide as `COLUMNS` says.
pub(super) fn columns() -> TextOptions {
    let columns = std::env::var("COLUMNS").ok();
    TextOptions::for_columns(columns.as_deref())
}

fn sources(report: &Report) -> SourceLines {
    let Some(built) = changed("/proc/self/exe") else { return SourceLines::default() };
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let around = Path::new(&package).ancestors().filter_map(Path::to_str);
    // What cargo says is absolute: any other folder is not where this was built.
    let folders = around.filter(|it| it.starts_with('/')).map(str::to_owned);
    SourceLines::of(report, &folders.collect::<Vec<_>>(), |path| {
        let file = fs::metadata(path).ok()?;
        let fits = file.is_file() && file.len() <= LARGEST_SOURCE && file.modified().ok()? <= built;
        if fits { fs::read(path).ok() } else { None }
    })
}

fn changed(path: &str) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}
