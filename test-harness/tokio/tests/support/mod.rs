//! Building a suite of this package, running it as a process, and reading what it said.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A process that is not done after so many looks, a few milliseconds apart, hangs. Cargo may build meanwhile.
const LOOKS: u32 = 200_000;

/// What a process printed, on stdout and then on stderr, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) code: Option<i32>,
}

/// Builds a test target of this package and says where it is.
#[track_caller]
pub(crate) fn built(target: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "-p", "gleak-tokio", "--no-run", "--test", target]);
    let said = run(cargo.current_dir(env!("CARGO_MANIFEST_DIR")));
    // `  Executable tests/suite.rs (target/debug/deps/suite-0123456789abcdef)`
    let path = said.text.rsplit_once("Executable").and_then(|(_, rest)| rest.split_once('('));
    let path = path.and_then(|(_, rest)| rest.split_once(')')).map(|(path, _)| path);
    let path = path.unwrap_or_else(|| panic!("not built: {said:#?}"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(path)
}

/// Runs it to its end; one that hangs is killed and fails the test.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Said {
    for name in ["GLEAK", "GLEAK_OUT", "GLEAK_SUPPRESS", "GLEAK_SETTLE_MS", "LEAVE"] {
        if !command.get_envs().any(|(known, _)| known == name) {
            command.env_remove(name);
        }
    }
    if !command.get_envs().any(|(known, _)| known == "COLUMNS") {
        command.env("COLUMNS", "100");
    }
    command.env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a program");
    let out = reader(child.stdout.take().expect("a pipe"));
    let err = reader(child.stderr.take().expect("a pipe"));
    let mut status = None;
    for _ in 0..LOOKS {
        status = child.try_wait().expect("a child");
        if status.is_some() {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(2));
    }
    if status.is_none() {
        child.kill().expect("a child");
        child.wait().expect("a child");
    }
    let text = out.join().expect("a reader") + &err.join().expect("a reader");
    assert!(status.is_some(), "it hangs: {text}");
    Said { text, code: status.and_then(|status| status.code()) }
}

fn reader(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("a pipe");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
