//! The binary on a terminal: a pseudo-terminal of so many rows, on which it is told what it is.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::process::{Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{SpecialCodeIndex, Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::make;
use crate::work_dir::WorkDir;

/// Longer than anything here takes.
const OVERDUE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

/// A terminal: our side of it, and the program's.
struct Terminal {
    ours: File,
    its: File,
}

impl Terminal {
    fn of(rows: u16) -> Terminal {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let its = ioctl_tiocgptpeer(&ours, flags).unwrap();
        let size = Winsize { ws_row: rows, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&its, size).unwrap();
        Terminal { ours: File::from(ours), its: File::from(its) }
    }

    fn end(&self) -> Stdio {
        Stdio::from(self.its.try_clone().unwrap())
    }

    /// What comes out of it until nobody has it any more, lines as a program writes them.
    fn rest(self) -> String {
        let Terminal { mut ours, its } = self;
        drop(its);
        let mut bytes = Vec::new();
        let mut block = [0; 4096];
        loop {
            match ours.read(&mut block) {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&block[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // So Linux says that the other side is closed.
                Err(error) => {
                    assert_eq!(error.raw_os_error(), Some(5), "{error}");
                    break;
                }
            }
        }
        String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
    }

    /// Reads up to these words.
    fn until(&mut self, words: &str) -> String {
        let mut seen = String::new();
        let mut byte = [0];
        while !seen.ends_with(words) {
            let mut ours = [PollFd::new(&self.ours, PollFlags::IN)];
            let ready = poll(&mut ours, Some(&OVERDUE)).unwrap();
            assert!(ready > 0, "no {words:?} within a minute: {seen:?}");
            self.ours.read_exact(&mut byte).unwrap();
            seen.push(char::from(byte[0]));
        }
        seen
    }
}

/// What the binary shows on a terminal of 24 rows, and how it ends.
fn shown(dir: &WorkDir, arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    shown_on(dir, 24, arguments, variables)
}

fn shown_on(
    dir: &WorkDir,
    rows: u16,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> (Option<i32>, String) {
    let terminal = Terminal::of(rows);
    let mut command = dir.command(arguments);
    command.env("TERM", "xterm-256color").envs(variables.iter().copied());
    command.stdin(terminal.end()).stdout(terminal.end()).stderr(terminal.end());
    let mut child = command.spawn().unwrap();
    drop(command);
    let text = terminal.rest();
    (child.wait().unwrap().code(), text)
}

fn leaky(name: &str) -> WorkDir {
    let dir = WorkDir::new(name);
    dir.write("x", make::leaky(4711, 2)).write("src/pool.rs", "fn a() {}\n");
    dir
}

#[test]
fn colour_is_on_terminals_that_show_it() {
    let dir = leaky("tty-colour");
    let report = ["report", "x", "--no-pager"];
    let colored = |arguments: &[&str], variables: &[(&str, &str)]| {
        let (code, text) = shown(&dir, arguments, variables);
        assert_eq!(code, Some(0), "{text}");
        text.contains('\x1b')
    };
    assert!(colored(&report, &[]));
    for off in [("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb"), ("TERM", "")] {
        assert!(!colored(&report, &[off]), "{off:?}");
    }
    assert!(colored(&report, &[("NO_COLOR", "")]), "an empty variable is none");
    assert!(colored(&report, &[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")]));
    assert!(!colored(&[&report[..], &["--color", "never"]].concat(), &[]));
    assert!(colored(&[&report[..], &["--color", "always"]].concat(), &[("NO_COLOR", "1")]));
    for format in ["json", "md", "junit", "sarif", "github"] {
        assert!(!colored(&[&report[..], &["--format", format]].concat(), &[]), "{format}");
    }
    let (code, text) = shown(&dir, &["gate", "x"], &[]);
    assert!(code == Some(1) && text.contains(" \x1b[31mNEW\x1b[0m "), "{text}");
    assert!(text.ends_with("\x1b[1mgate: FAILED, 1 over the limit (1 new), 0 known\x1b[0m\n"));
}

#[test]
fn places_are_links_where_terminals_are_known_to_show_them() {
    let dir = leaky("tty-links");
    let report = ["report", "x", "--no-pager", "--color", "never"];
    let links = |arguments: &[&str], variables: &[(&str, &str)]| {
        shown(&dir, arguments, variables).1.matches("\x1b]8;;file://").count()
    };
    let kitty = [("TERM", "xterm-kitty")];
    let all = links(&report, &kitty);
    assert!(all >= 2, "{all}");
    for term in ["xterm-256color", "screen-256color", "tmux-256color", "dumb"] {
        assert_eq!(links(&report, &[("TERM", term)]), 0, "{term}");
    }
    assert_eq!(links(&report, &[("VTE_VERSION", "7600")]), all);
    assert_eq!(links(&report, &[("TERM_PROGRAM", "WezTerm")]), all);
    assert_eq!(links(&[&report[..], &["--hyperlinks", "never"]].concat(), &kitty), 0);
    let always = [&report[..], &["--hyperlinks", "always"]].concat();
    assert_eq!(links(&always, &[("TERM", "dumb")]), all);
    // Into a pipe when asked, into a file never. A place of which the file is not there is none.
    let pipe = dir.gleak(&always).ends(0).quiet().stdout;
    assert_eq!(pipe.matches("\x1b]8;;file://").count(), all);
    assert!(pipe.contains("/src/pool.rs#49\x1b\\src/pool.rs:49\x1b]8;;\x1b\\"), "{pipe:?}");
    assert!(!pipe.contains("src/main.rs#"), "{pipe:?}");
    dir.gleak(&[&always[..], &["-o", "out"]].concat()).ends(0).quiet();
    assert_eq!(dir.read("out"), dir.gleak(&report).stdout);
}

#[test]
fn what_is_longer_than_the_screen_goes_through_a_pager() {
    let dir = leaky("tty-pager");
    let pager = [("GLEAK_PAGER", "sed s/^/paged:/")];
    let text = dir.gleak(&["explain", "--width", "80"]).stdout;
    let lines = u16::try_from(text.lines().count()).unwrap();
    let explain = ["explain", "--color", "never"];
    let paged: String = text.lines().map(|line| format!("paged:{line}\n")).collect();
    assert_eq!(shown_on(&dir, lines, &explain, &pager), (Some(0), paged.clone()));
    let whole = (Some(0), text);
    assert_eq!(shown_on(&dir, lines + 1, &explain, &pager), whole);
    assert_eq!(shown_on(&dir, 5, &[&explain[..], &["--no-pager"]].concat(), &pager), whole);
    assert_eq!(shown_on(&dir, 5, &explain, &[("GLEAK_PAGER", "")]), whole);
    assert_eq!(shown_on(&dir, 5, &explain, &[pager[0], ("TERM", "dumb")]), whole);
    // A text for people alone, and no file.
    let (_, json) = shown_on(&dir, 5, &["report", "x", "--format", "json"], &pager);
    assert!(!json.contains("paged:"), "{json}");
    let (_, out) = shown_on(&dir, 5, &["report", "x", "-o", "out"], &pager);
    assert_eq!(out, "");
    let (code, gate) = shown_on(&dir, 3, &["gate", "x"], &pager);
    assert!(code == Some(1) && gate.starts_with("paged:checked"), "{gate}");
}

#[test]
fn the_pager_is_less_whatever_others_use() {
    let dir = leaky("tty-less");
    let script = "#!/bin/sh\necho \"less $*\"\nexec cat\n";
    dir.write("bin/less", script);
    Command::new("chmod").args(["+x", "bin/less"]).current_dir(dir.path(".")).status().unwrap();
    let path = format!("{}:/usr/bin:/bin", dir.path("bin").display());
    let explain = ["explain", "--color", "never"];
    let (code, text) = shown_on(&dir, 5, &explain, &[("PATH", &path), ("PAGER", "false")]);
    assert!(code == Some(0) && text.starts_with("less -FRX\n"), "{text}");
}

#[test]
fn a_pager_that_fails_hides_nothing() {
    let dir = leaky("tty-no-pager");
    let explain = ["explain", "--color", "never"];
    let whole = (Some(0), dir.gleak(&["explain", "--width", "80"]).stdout);
    for pager in ["no-such-program", "false", "./x"] {
        assert_eq!(shown_on(&dir, 5, &explain, &[("GLEAK_PAGER", pager)]), whole, "{pager}");
    }
    assert_eq!(shown_on(&dir, 5, &explain, &[("PATH", "/no/such/folder")]), whole, "no less");
}

#[test]
fn a_pager_that_is_left_early_is_no_failure() {
    let dir = WorkDir::new("tty-left");
    // More than a pipe takes.
    dir.write("x", make::wide(3_000));
    let report = ["report", "x", "--top", "0", "--color", "never"];
    assert!(dir.gleak(&report).stdout.len() > 200_000);
    let (code, text) = shown(&dir, &report, &[("GLEAK_PAGER", "head -n 2")]);
    assert_eq!((code, text.lines().count()), (Some(0), 2), "{text}");
    // The same without a terminal, through a shell.
    let mut command = Command::new("sh");
    let line = format!("{} report x --top 0 | head -n 2", env!("CARGO_BIN_EXE_gleak"));
    let output = command.args(["-c", &line]).current_dir(dir.path(".")).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 2);
}

#[test]
fn the_interrupt_key_is_for_the_pager() {
    let dir = leaky("tty-interrupt");
    dir.write("pager", "kill -INT $PPID\nsed s/^/paged:/\n");
    let (code, text) = shown_on(&dir, 5, &["explain"], &[("GLEAK_PAGER", "sh pager")]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.lines().count() > 5 && text.lines().all(|line| line.starts_with("paged:")));
}

#[test]
fn long_work_is_told_on_a_terminal_and_wiped_away() {
    let dir = WorkDir::new("tty-progress");
    let mut terminal = Terminal::of(24);
    let mut command = dir.command(&["report", "-"]);
    command.env("TERM", "xterm-256color").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(terminal.end()).spawn().unwrap();
    drop(command);
    let said = terminal.until("gleak: reading stdin, 1 s");
    assert_eq!(said, "\r\x1b[Kgleak: reading stdin, 1 s");
    child.stdin.take().unwrap().write_all(&make::healthy()).unwrap();
    let rest = terminal.rest();
    assert!(rest.ends_with("\r\x1b[K"), "{rest:?}");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && !output.stdout.is_empty());
    // What is quick, or goes to somebody who watches no terminal, is told nothing.
    dir.write("x", make::healthy());
    let terminal = Terminal::of(24);
    let mut command = dir.command(&["report", "x"]);
    command.env("TERM", "xterm-256color").stderr(terminal.end()).stdout(Stdio::null());
    assert!(command.status().unwrap().success());
    drop(command);
    assert_eq!(terminal.rest(), "");
}

#[test]
fn hostile_names_get_no_escape_onto_a_terminal() {
    let dir = WorkDir::new("tty-hostile");
    dir.write("x", make::hostile());
    let flags = ["report", "x", "--no-pager", "--color", "never", "--hyperlinks", "always"];
    let (code, text) = shown(&dir, &flags, &[]);
    assert!(code == Some(0) && !text.contains('\x1b'), "{text:?}");
    assert!(!text.contains(|letter: char| letter.is_control() && letter != '\n'), "{text:?}");
}

/// How a table on a terminal is left: by these keys, or by nobody until the process ends. All that was written.
fn topped(name: &str, keys: &[u8], lives_on: bool) -> (ExitStatus, String) {
    let dir = WorkDir::new(name);
    dir.write("a.flight", make::flight(3));
    let process = File::options().write(true).open(dir.path("a.flight")).unwrap();
    process.try_lock().unwrap();
    let mut terminal = Terminal::of(24);
    let modes = tcgetattr(&terminal.its).unwrap();
    let mut command = dir.command(&["top", "a.flight", "--interval", "10ms"]);
    command.env("TERM", "xterm-256color").stdin(terminal.end()).stdout(terminal.end());
    let mut child = command.stderr(terminal.end()).spawn().unwrap();
    drop(command);
    let mut text = terminal.until("q ends");
    terminal.ours.write_all(keys).unwrap();
    let kept = lives_on.then_some(process);
    let its = terminal.its.try_clone().unwrap();
    text.push_str(&terminal.until("\x1b[?1049l"));
    let status = child.wait().unwrap();
    // As it was before, whoever reads keys there next.
    let after = tcgetattr(&its).unwrap();
    assert_eq!(after.local_modes, modes.local_modes);
    let code = |modes: &Termios, at| modes.special_codes[at];
    for at in [SpecialCodeIndex::VMIN, SpecialCodeIndex::VTIME] {
        assert_eq!(code(&after, at), code(&modes, at));
    }
    drop((its, kept));
    text.push_str(&terminal.rest());
    (status, text.replace("\r\n", "\n"))
}

#[test]
fn a_table_fills_the_screen_until_a_key_ends_it() {
    for (name, key) in [("tty-top-q", b"q"), ("tty-top-interrupt", b"\x03")] {
        let (status, text) = topped(name, key, true);
        assert_eq!(status.code(), Some(0), "{text:?}");
        assert!(text.starts_with("\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H"), "{text:?}");
        assert!(text.contains("3 tasks: 3 waiting"), "{text:?}");
        assert!(text.ends_with("\x1b[?7h\x1b[?25h\x1b[?1049l"), "{text:?}");
    }
}

#[test]
fn the_last_table_stays_when_the_process_has_ended() {
    let (status, text) = topped("tty-top-ended", b"", false);
    assert_eq!(status.code(), Some(0), "{text:?}");
    let (_, after) = text.split_once("\x1b[?1049l").unwrap();
    assert!(after.contains("app, pid 7, has ended") && after.contains("3 tasks"), "{after:?}");
}
