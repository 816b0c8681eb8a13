//! What a verdict takes from the environment, the same in every process: `GLEAK_SUPPRESS` and
//! `GLEAK_SETTLE_MS`.
//!
//! Invariant: what is not understood is told, never skipped without a word.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gleak_detector::Suppressions;
use once_cell::sync::Lazy;

use super::say;

/// For how long tasks that could still finish are waited for, where nobody says.
const SETTLE_MS: u64 = 200;
/// Nobody waits for more than a day.
const SETTLE_MS_MAX: u64 = 86_400_000;

/// Reads these files of suppressions, and the one that `GLEAK_SUPPRESS` names, as if they were one.
///
/// # Errors
/// On the first that cannot be read, or has a line that is not understood: one line with its name.
pub fn suppressions(files: &[PathBuf]) -> Result<Suppressions, String> {
    let named = std::env::var_os("GLEAK_SUPPRESS").filter(|file| !file.is_empty());
    let mut all = Suppressions::default();
    for file in files.iter().map(PathBuf::as_path).chain(named.as_deref().map(Path::new)) {
        let told = |why: String| format!("gleak: {}: {why}", file.display());
        let bytes = File::open(file)
            .and_then(Suppressions::bytes)
            .map_err(|error| told(error.to_string()))?;
        all.extend(Suppressions::read(&bytes).map_err(|error| told(error.to_string()))?);
    }
    Ok(all)
}

/// For how long tasks that could still finish are waited for before they are judged: `GLEAK_SETTLE_MS`,
/// or 200 ms. A value that is not understood is told once, and counts for nothing.
#[must_use]
pub fn settle_time() -> Duration {
    static ASKED: Lazy<Option<u64>> = Lazy::new(|| {
        let value = std::env::var_os("GLEAK_SETTLE_MS").filter(|value| !value.is_empty())?;
        let limit = value.to_str().and_then(parse);
        if limit.is_none() {
            say(&format!(
                "gleak: GLEAK_SETTLE_MS={value:?} is no number of milliseconds up to \
                 {SETTLE_MS_MAX}: ignored"
            ));
        }
        limit
    });
    Duration::from_millis(ASKED.unwrap_or(SETTLE_MS))
}

fn parse(text: &str) -> Option<u64> {
    text.parse().ok().filter(|limit| *limit <= SETTLE_MS_MAX)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::parse;

    #[test]
    fn a_settle_time_is_a_number_of_milliseconds() {
        let table = [("0", Some(0)), ("250", Some(250)), ("86400000", Some(86_400_000))];
        let bad = ["86400001", "-1", "1s", " 5", "0.5", "99999999999999999999"];
        for (text, limit) in table.into_iter().chain(bad.map(|text| (text, None))) {
            assert_eq!(parse(text), limit, "{text}");
        }
    }
}
