//! What a test binary asks for, for all of its tests.

use std::time::Duration;

use gleak_runtime::report::detector::Ignore;

/// For how long tasks that could still finish are waited for, unless told otherwise.
const SETTLE: Duration = Duration::from_millis(200);

/// Settings of all tests of a binary; a test's own arguments come before them.
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    pub(crate) settle: Duration,
    pub(crate) workers: Option<usize>,
    pub(crate) allow: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options { settle: SETTLE, workers: None, allow: Vec::new() }
    }
}

impl Options {
    /// 200 ms to settle, the usual number of workers, nothing allowed.
    pub fn new() -> Self {
        Options::default()
    }

    /// How long tasks that could still finish are waited for when a test ends. Tasks that nothing
    /// can wake are not waited for at all.
    pub fn settle_ms(mut self, limit: u64) -> Self {
        self.settle = Duration::from_millis(limit);
        self
    }

    /// Threads of each test's runtime, 1 to 1024. Default: `GLEAK_WORKERS`, or the machine's
    /// parallelism, at least 2 and at most 4.
    ///
    /// With another number every test fails.
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = Some(count);
        self
    }

    /// Accepts tasks that are left over, by their name, the file of their spawn or the spawned
    /// function; `*` at the end of the pattern stands for any rest.
    pub fn allow(mut self, pattern: impl Into<String>) -> Self {
        self.allow.push(pattern.into());
        self
    }
}

/// The detector's filters for such patterns.
pub(crate) fn ignores<'p>(patterns: impl Iterator<Item = &'p str>) -> Vec<Ignore> {
    patterns
        .flat_map(|pattern| {
            let pattern = pattern.to_owned();
            [
                Ignore::Name(pattern.clone()),
                Ignore::SpawnFile(pattern.clone()),
                Ignore::Entry(pattern),
            ]
        })
        .collect()
}

/// Threads of a test's runtime when nobody says.
///
/// Tests already run side by side, one for each core, so more than a few threads each would only
/// stand in line. Two at least: a task that spins or blocks its thread must not stop its siblings.
pub(crate) fn default_workers() -> Option<usize> {
    if std::env::var_os("GLEAK_WORKERS").is_some() {
        // The runtime reads it.
        return None;
    }
    Some(std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_tried_on_name_file_and_function() {
        let ignores = ignores(["a*"].into_iter());
        assert_eq!(
            ignores,
            [
                Ignore::Name("a*".to_owned()),
                Ignore::SpawnFile("a*".to_owned()),
                Ignore::Entry("a*".to_owned())
            ]
        );
    }
}
