//! What a test run says that a signal ends: real processes, really signalled.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::support::{built, cargo, example, has_nextest, no_folder, run};

const SIGTERM: i32 = 15;

/// A process that has told, in a line with its number, that it is where the test wants it.
struct Told {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    pid: String,
}

impl Told {
    #[track_caller]
    fn start(command: &mut Command, what: &str) -> Told {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("cargo, or an example that it built");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let pid = loop {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).expect("text") > 0, "it never said {what:?}");
            if let Some((_, pid)) = line.split_once(what) {
                break pid.trim().trim_end_matches('.').to_owned();
            }
        };
        Told { child, stdout, stderr, pid }
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.pid);
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(sent.success(), "{kill}");
    }

    /// Reads what it says up to a line that begins so.
    fn says(&mut self, head: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.stderr.read_line(&mut line).expect("text") > 0, "it never said {head:?}");
            if line.starts_with(head) {
                return line;
            }
        }
    }

    /// The rest of what it says, and how it ends.
    fn ends(mut self) -> (ExitStatus, String, String) {
        drop(self.child.stdin.take());
        let (mut said, mut out) = (String::new(), String::new());
        self.stderr.read_to_string(&mut said).expect("text");
        self.stdout.read_to_string(&mut out).expect("text");
        (self.child.wait().expect("a child"), out, said)
    }
}

/// A real `cargo test` in which a test hangs.
fn hanging(target: &str) -> Told {
    let mut cargo = cargo(&["test", "-q"], &[target]);
    Told::start(cargo.args(["--", "--ignored"]), "it hangs in ")
}

#[test]
fn a_run_that_is_ended_says_what_every_task_does_and_ends_by_that_signal() {
    for target in ["parallel", "parallel_main"] {
        let told = hanging(target);
        told.signal("TERM");
        let (_, _, said) = told.ends();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[0], "Error: gleak: ended by SIGTERM while 1 test ran: suite::hangs");
        for part in [
            "[1] 1 task failed unseen",
            "for lock #",
            "for a timer",
            "blocked at test-harness/tests/parallel/suite.rs:",
            "dump written to ",
            // What cargo says of it.
            "(signal: 15, SIGTERM: termination signal)",
        ] {
            assert!(said.contains(part), "no {part:?} in:\n{said}");
        }
        let (_, dump) = said.split_once("read it with: gleak report ").expect("a dump");
        let dump = dump.lines().next().expect("its path");
        assert!(std::fs::metadata(dump).is_ok_and(|file| file.len() > 0), "{dump}");
    }
}

#[test]
fn sigusr1_tells_the_same_and_the_run_goes_on() {
    let mut told = hanging("parallel");
    for _ in 0..2 {
        told.signal("USR1");
        let line = told.says("gleak: SIGUSR1 came while ");
        assert_eq!(line, "gleak: SIGUSR1 came while 1 test ran: suite::hangs\n");
        told.says("gleak: dump written to ");
    }
    told.signal("TERM");
    assert!(told.ends().2.contains("Error: gleak: ended by SIGTERM"));
}

/// A shell that ignores it hands that on; and no core is to be left behind.
#[test]
fn a_signal_that_is_ignored_ends_nothing_and_sigquit_does() {
    let mut shell = Command::new("sh");
    let script = r#"trap "" TERM; ulimit -c 0; exec env --default-signal=QUIT "$0" "$@""#;
    shell.args(["-c", script]).arg(built("parallel")).arg("--ignored");
    shell.env("GLEAK_DUMP_DIR", env!("CARGO_TARGET_TMPDIR"));
    let mut told = Told::start(&mut shell, "it hangs in ");
    told.signal("TERM");
    told.says("gleak: SIGTERM came while 1 test ran: suite::hangs");
    told.signal("QUIT");
    let (status, _, said) = told.ends();
    assert_eq!(status.signal(), Some(3), "{said}");
    assert!(said.contains("Error: gleak: ended by SIGQUIT while 1 test ran"), "{said}");
}

/// Nobody reads what it says, so that the first signal gets stuck in saying it.
#[test]
fn a_second_signal_ends_the_process_whatever_the_first_has_come_to() {
    let (unread, mut full) = std::io::pipe().expect("a pipe");
    full.write_all(&[b'x'; 65536]).expect("what a pipe holds");
    let mut program = example("parallel");
    let piped = program.arg("--ignored").stdout(Stdio::piped()).stderr(full);
    let mut child = piped.env("GLEAK_DUMP_DIR", env!("CARGO_TARGET_TMPDIR")).spawn().expect("it");
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    while !line.contains("it hangs in ") {
        assert!(stdout.read_line(&mut line).expect("text") > 0, "it never hangs");
    }
    let kill = format!("kill -TERM {}", child.id());
    let status = loop {
        // Those that come before it is at work on the first count as the first.
        let _ = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    };
    assert_eq!(status.signal(), Some(SIGTERM));
    drop(unread);
}

#[test]
fn a_process_that_handles_it_is_not_ended() {
    for (test, handler) in [("is_told", "main"), ("is_told_later", "test")] {
        let mut program = example("own_handlers");
        program.args([test, "--exact"]).env("HANDLER", handler);
        program.env("GLEAK_DUMP_DIR", env!("CARGO_TARGET_TMPDIR"));
        let told = Told::start(&mut program, "it waits in ");
        told.signal("TERM");
        let (status, out, said) = told.ends();
        assert!(status.success() && out.contains("1 passed"), "{status:?} {out} {said}");
        assert!(!said.contains("ended by"), "{said}");
    }
}

#[test]
fn what_a_test_sends_itself_is_its_own() {
    let mut program = example("own_handlers");
    program.args(["tells_itself", "--exact"]);
    program.env("GLEAK_DUMP_DIR", env!("CARGO_TARGET_TMPDIR"));
    let mut told = Told::start(&mut program, "it was told in ");
    // Signals are looked at in turn: after two of these, the one before them has been.
    for _ in 0..2 {
        told.signal("USR1");
        told.says("gleak: dump written to ");
    }
    let (status, out, said) = told.ends();
    assert!(status.success() && out.contains("1 passed"), "{status:?} {out} {said}");
    assert!(!said.contains("SIGTERM"), "{said}");
}

/// A slow-timeout as users have it in `.config/nextest.toml`.
const SLOW: &str = r#"
[profile.hangs]
slow-timeout = { period = "5s", terminate-after = 1, grace-period = "60s" }
[profile.hangs.junit]
path = "junit.xml"
"#;

#[test]
fn nextest_shows_the_first_line_of_a_test_that_it_ends() {
    if !has_nextest("nextest_shows_the_first_line_of_a_test_that_it_ends") {
        return;
    }
    let folder = no_folder("nextest-hangs");
    std::fs::create_dir_all(&folder).expect("a folder");
    let config = folder.join("nextest.toml");
    let text = format!("[store]\ndir = {:?}\n{SLOW}", folder.display().to_string());
    std::fs::write(&config, text).expect("a file");
    let mut nextest = cargo(&["nextest", "run"], &["parallel", "parallel_main"]);
    nextest.args(["--run-ignored", "only", "--no-fail-fast", "--profile", "hangs"]);
    let said = run(nextest.arg("--config-file").arg(&config));
    assert_eq!(said.code, Some(100), "{said:#?}");
    let report = std::fs::read_to_string(folder.join("hangs/junit.xml")).expect("a report");
    let line = "Error: gleak: ended by SIGTERM while 1 test ran: suite::hangs";
    for target in ["parallel", "parallel_main"] {
        let case = format!("classname=\"gleak-test-harness::{target}\"");
        let (_, rest) = report.split_once(&case).unwrap_or_else(|| panic!("{target}: {report}"));
        let (case, _) = rest.split_once("</testcase>").expect("its end");
        assert!(case.contains(&format!("<failure message=\"{line}\"")), "{case}");
        assert!(case.contains("dump written to "), "{case}");
    }
}
