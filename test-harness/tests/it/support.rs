//! Running an example and reading what it said.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use gleak_runtime::time::Instant;

/// A test main that is not done after this hangs.
const HANGS: Duration = Duration::from_secs(120);

/// What a process said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Where an example of this package is; cargo builds them before it runs tests.
pub(crate) fn built(name: &str) -> PathBuf {
    let here = std::env::current_exe().expect("this test");
    let profile = here.parent().and_then(Path::parent).expect("target/profile");
    profile.join("examples").join(name)
}

/// An example of this package.
pub(crate) fn example(name: &str) -> Command {
    settled(built(name).as_os_str())
}

/// `cargo test`, or `cargo nextest run`, of test targets of this package.
pub(crate) fn cargo(subcommand: &[&str], targets: &[&str]) -> Command {
    let mut cargo = settled(env!("CARGO").as_ref());
    cargo.args(subcommand).args(["-p", "gleak-test-harness"]);
    for target in targets {
        cargo.args(["--test", target]);
    }
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.env("GLEAK_DUMP_DIR", env!("CARGO_TARGET_TMPDIR"));
    cargo
}

/// Without what the environment of this test may say. A shell without jobs hands on that signals are
/// ignored to what it starts in the background.
fn settled(program: &OsStr) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP,INT,QUIT,TERM,USR1").arg(program);
    command.env("RUST_BACKTRACE", "0").env("COLUMNS", "100");
    let said = ["GLEAK", "GLEAK_OUT", "GLEAK_SUPPRESS", "GLEAK_SETTLE_MS", "GLEAK_WORKERS"];
    for name in said.into_iter().chain(["LEAVE", "RUST_MIN_STACK", "RUST_TEST_THREADS"]) {
        command.env_remove(name);
    }
    command
}

/// Runs it to its end; one that hangs is killed and fails the test.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Said {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("an example: `cargo test` builds them");
    let out = reader(child.stdout.take().expect("a pipe"));
    let err = reader(child.stderr.take().expect("a pipe"));
    let deadline = Instant::now() + HANGS;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break Some(status);
        }
        if (deadline - Instant::now()).is_zero() {
            child.kill().expect("a child");
            child.wait().expect("a child");
            break None;
        }
        std::thread::park_timeout(Duration::from_millis(2));
    };
    let (stdout, stderr) = (out.join().expect("a reader"), err.join().expect("a reader"));
    let said = Said { code: status.and_then(|status| status.code()), stdout, stderr };
    assert!(status.is_some(), "it hangs: {said:#?}");
    said
}

fn reader(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("a pipe");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

impl Said {
    /// Names of the tests whose line ends with this word, sorted.
    pub(crate) fn tests(&self, word: &str) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .stdout
            .lines()
            .filter_map(|line| line.strip_prefix("test ")?.split_once("... "))
            .filter(|(_, verdict)| *verdict == word)
            .map(|(name, _)| name.trim())
            .collect();
        names.sort_unstable();
        names
    }

    /// The message of a test that failed.
    #[track_caller]
    pub(crate) fn message(&self, test: &str) -> &str {
        let head = format!("---- {test} ----\n");
        let from = self.stdout.find(&head).unwrap_or_else(|| panic!("no {test}: {self:#?}"));
        let rest = &self.stdout[from + head.len()..];
        let end = ["\n---- ", "\nfailures:\n"].iter().filter_map(|next| rest.find(next)).min();
        rest[..end.unwrap_or(rest.len())].trim_end()
    }
}

/// A folder of this test's own, which is not there yet.
pub(crate) fn no_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("harness").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

/// The text without what differs from run to run: how long something has waited.
pub(crate) fn redact(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(", for ") {
        Some((what, time)) if time.ends_with("ms") || time.ends_with(" s") => {
            format!("{what}, for TIME")
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether cargo-nextest is there. Without, the caller is skipped.
#[expect(clippy::print_stderr, reason = "whoever runs the tests is told")]
pub(crate) fn has_nextest(test: &str) -> bool {
    let asked = Command::new(env!("CARGO")).args(["nextest", "--version"]).output();
    let has = asked.is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("skipped: {test}: cargo-nextest is not installed");
    }
    has
}
