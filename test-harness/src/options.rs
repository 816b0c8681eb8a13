//! What a test binary asks for, for all of its tests.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use gleak_runtime::report;

/// What a task or thread that a test leaves behind comes to.
///
/// A panic that nobody has seen, a misuse and a deadlock of the body fail the test either way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnLeak {
    /// The test fails.
    #[default]
    Fail,
    /// It is told on stderr; the test passes. It stands in the findings of `GLEAK_OUT` all the same.
    Warn,
}

/// Settings of all tests of a binary; a test's own arguments come before them.
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    pub(crate) settle: Option<Duration>,
    pub(crate) workers: Option<usize>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) on_leak: OnLeak,
    pub(crate) on_thread: OnLeak,
    pub(crate) ignore: Vec<String>,
    pub(crate) suppress: Vec<PathBuf>,
    pub(crate) cleanup: Option<fn()>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            settle: None,
            workers: None,
            deadline: None,
            on_leak: OnLeak::Fail,
            // A pool may be meant to stay.
            on_thread: OnLeak::Warn,
            ignore: Vec::new(),
            suppress: Vec::new(),
            cleanup: None,
        }
    }
}

impl Options {
    /// The usual time to settle (`GLEAK_SETTLE_MS`, or 200 ms), the usual number of workers, nothing ignored.
    pub fn new() -> Self {
        Options::default()
    }

    /// How long tasks that could still finish are waited for when a test ends. Tasks that nothing
    /// can wake are not waited for at all. Default: `GLEAK_SETTLE_MS`, or 200 ms.
    pub fn settle_ms(mut self, limit: u64) -> Self {
        self.settle = Some(Duration::from_millis(limit));
        self
    }

    /// For how long those are waited for.
    pub(crate) fn settle(&self) -> Duration {
        self.settle.unwrap_or_else(report::settle_time)
    }

    /// Threads of each test's runtime, 1 to 1024. Default: `GLEAK_WORKERS`, or the machine's
    /// parallelism, at least 2 and at most 4.
    ///
    /// With another number every test fails.
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = Some(count);
        self
    }

    /// When a test must have ended, from its start: one that has not fails, with a dump of what
    /// everybody does. What it left behind goes on. Default: never.
    pub fn deadline_ms(mut self, limit: u64) -> Self {
        self.deadline = Some(Duration::from_millis(limit));
        self
    }

    /// What a task that a test leaves behind comes to. Default: the test fails.
    pub fn on_leak(mut self, what: OnLeak) -> Self {
        self.on_leak = what;
        self
    }

    /// What OS threads come to that are there when all tests have ended, were not before the first, and were
    /// not spawned through [`gleak_runtime::thread`]: nobody knows of which test they are, nor whether they
    /// are meant to stay. Default: they are told on stderr, and the run does not fail.
    ///
    /// Those that are meant to stay are said once, by their names: `ignore = "name=rayon-* because its pool
    /// stays"`. The kernel keeps 15 bytes of a name.
    pub fn on_thread(mut self, what: OnLeak) -> Self {
        self.on_thread = what;
        self
    }

    /// Makes no finding on tasks of any test that match: `MATCHER because REASON`, as in
    /// `crate=hyper because its pool stays`. The matchers stand at
    /// [`Matcher`](gleak_runtime::report::detector::Matcher). May be called again and again.
    ///
    /// A body that cannot end fails its test all the same. With a text that is not understood the
    /// run fails before the first test.
    pub fn ignore(mut self, text: impl Into<String>) -> Self {
        self.ignore.push(text.into());
        self
    }

    /// Leaves out the findings that a file excepts, besides the one that `GLEAK_SUPPRESS` names; see
    /// [`Suppressions`](gleak_runtime::report::detector::Suppressions).
    pub fn suppress(mut self, file: impl Into<PathBuf>) -> Self {
        self.suppress.push(file.into());
        self
    }

    /// Calls a function when all tests have ended, before it is judged what belongs to none of them:
    /// the place to close what tests share. It is a task, and what it leaves behind or panics with
    /// fails the run.
    pub fn cleanup(mut self, hook: fn()) -> Self {
        self.cleanup = Some(hook);
        self
    }
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
    // Asked once: the kernel answers out of a handful of files.
    static CORES: OnceLock<usize> = OnceLock::new();
    let cores = CORES.get_or_init(|| std::thread::available_parallelism().map_or(2, usize::from));
    Some((*cores).clamp(2, 4))
}
