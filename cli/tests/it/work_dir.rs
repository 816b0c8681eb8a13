//! A folder of its own for each test, and the binary run in it.
//!
//! Invariant: what a test sees does not depend on the terminal or the environment it runs in.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What tells a program of its terminal.
const TERMINAL: [&str; 13] = [
    "COLUMNS",
    "NO_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "TERM",
    "TERM_PROGRAM",
    "VTE_VERSION",
    "WT_SESSION",
    "KONSOLE_VERSION",
    "DOMTERM",
    "GLEAK_PAGER",
    "PAGER",
    "LESS",
];

/// An empty folder, removed at the end.
pub(crate) struct WorkDir {
    path: PathBuf,
}

impl WorkDir {
    /// Makes it; `test` names it and must be used once.
    pub(crate) fn new(test: &str) -> WorkDir {
        let name = format!("{test}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        WorkDir { path }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &WorkDir {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn read_bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Names of all that is in it, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.path).unwrap();
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries.map(|entry| name(entry.unwrap())).collect();
        names.sort();
        names
    }

    /// The binary, ready to be run in it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gleak"));
        command.args(arguments).current_dir(&self.path).stdin(Stdio::null());
        for name in TERMINAL {
            command.env_remove(name);
        }
        command
    }

    /// Runs the binary.
    pub(crate) fn gleak(&self, arguments: &[&str]) -> Run {
        Run::of(&mut self.command(arguments))
    }

    /// Runs the binary with something on its standard input.
    pub(crate) fn gleak_with_stdin(&self, arguments: &[&str], stdin: &[u8]) -> Run {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may end before it has read all; that is for the test to judge.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        Run::from_output(child.wait_with_output().unwrap())
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// What came of running the binary.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    /// What it wrote there, which need not be a text.
    pub(crate) bytes: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(command: &mut Command) -> Run {
        Run::from_output(command.output().unwrap())
    }

    fn from_output(output: std::process::Output) -> Run {
        Run {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            bytes: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It ended with this code and did not panic.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Run {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }

    /// It complained in one line that holds these words, and nothing raw from outside.
    #[track_caller]
    pub(crate) fn complains(self, words: &str) -> Run {
        let line = self.stderr.strip_suffix('\n').unwrap_or("");
        let is_one = line.starts_with("gleak: ") && !line.contains(char::is_control);
        assert!(is_one && line.contains(words), "want {words:?}: {self:#?}");
        self
    }

    /// It complained of nothing.
    #[track_caller]
    pub(crate) fn quiet(self) -> Run {
        assert_eq!(self.stderr, "", "{self:#?}");
        self
    }
}

/// The day, as commands write it.
pub(crate) fn today() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    gleak_detector::Date::of_unix_seconds(since.as_secs()).to_string()
}

/// Compares with a golden file, or rewrites it.
#[track_caller]
pub(crate) fn golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    assert!(wanted == actual, "{name} differs; BLESS=1 rewrites it. Now:\n{actual}");
}
