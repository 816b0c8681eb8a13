//! Processes that are really signalled: what they tell, what they leave, how they end.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use gleak_runtime::report::snapshot::{Reason, Snapshot, read_dump};
use gleak_runtime::time::Instant;
use rustix::process::Signal;

use crate::processes::{Process, by_default, signal_to};
use crate::programs::{example, folder, stderr, the_dump};

/// As every Linux numbers them.
const SIGQUIT: i32 = 3;
const SIGTERM: i32 = 15;
/// After so long the same ending signal ends the process whatever the first has come to.
const GRACE: Duration = Duration::from_secs(5);
const ASKED: [(Signal, u32); 3] = [(Signal::QUIT, 3), (Signal::USR1, 10), (Signal::TERM, 15)];

fn asked(name: &str, folder: &Path) -> Command {
    let mut command = example(name, folder);
    command.env("GLEAK_SIGNALS", "quit,usr1,term");
    command
}

/// A process all of whose workers are kept busy without a switch.
fn busy(folder: &Path) -> Process {
    let process = Process::start(&mut by_default(&asked("busy", folder)));
    assert_eq!(process.prints(), "under way");
    process
}

/// Thousands of tasks, most of them parked, the others passing tokens on as fast as they can.
fn many(folder: &Path) -> Process {
    let process = Process::start(by_default(&asked("flight", folder)).arg("1500"));
    assert_eq!(process.prints(), "under way");
    process
}

fn dumps(folder: &Path) -> Vec<(PathBuf, Snapshot)> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let read = |path: &Path| {
        let file = fs::File::open(path).expect("it opens");
        read_dump(&mut std::io::BufReader::new(file)).expect("a dump")
    };
    paths.map(|path| (path.clone(), read(&path))).collect()
}

#[test]
fn nothing_is_handled_unless_the_program_asks() {
    let handled = |process: &Process| {
        let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).expect("it");
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a mask");
        let mask = u64::from_str_radix(mask.trim(), 16).expect("a number");
        ASKED.map(|(_, number)| mask & (1 << (number - 1)) != 0)
    };
    let folder = folder("signals-none");
    let process = Process::start(&mut by_default(&example("busy", &folder)));
    assert_eq!(process.prints(), "under way");
    assert_eq!(handled(&process), [false; 3]);
    assert_eq!(handled(&busy(&folder)), [true; 3]);
}

#[test]
fn who_asks_by_quit_or_term_is_told_all_and_the_process_ends_by_that_signal() {
    for (signal, name, number) in
        [(Signal::QUIT, "SIGQUIT", SIGQUIT), (Signal::TERM, "SIGTERM", SIGTERM)]
    {
        let folder = folder(&format!("signals-{name}"));
        let process = busy(&folder);
        process.signal(signal);
        let (status, said) = process.ends();
        assert_eq!(status.signal(), Some(number), "{said}");
        assert!(said.starts_with(&format!("gleak: ended by {name}\n")), "{said}");
        assert!(said.contains("runtime/examples/busy.rs:") && said.contains("running"), "{said}");
        assert!(said.contains("busy::spins"), "with stacks: {said}");
        assert!(said.contains("gleak: dump written to "), "{said}");
        let dump = the_dump(&folder);
        assert_eq!((dump.header.reason, dump.validate()), (Reason::Signal, Ok(())));
        assert!(dump.tasks.iter().filter(|it| it.name.as_deref() == Some("spins")).count() >= 2);
    }
}

#[test]
fn usr1_dumps_and_the_process_goes_on() {
    let folder = folder("signals-usr1");
    let process = busy(&folder);
    for count in 1..=3 {
        process.signal(Signal::USR1);
        let said = process.says("gleak: dump written to ");
        assert_eq!(said[0], "gleak: SIGUSR1 came");
        assert_eq!(dumps(&folder).len(), count);
    }
    assert!(dumps(&folder).iter().all(|(_, dump)| !dump.completeness.cut));
}

/// Descriptors and threads of a process, and kilobytes in memory.
fn used(process: &Process) -> (usize, usize, usize) {
    let count = |what: &str| {
        fs::read_dir(format!("/proc/{}/{what}", process.pid())).map_or(0, Iterator::count)
    };
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap_or_default();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let memory = memory.and_then(|text| text.split_whitespace().next()?.parse().ok());
    (count("fd"), count("task"), memory.unwrap_or(0))
}

/// Sends a signal about a thousand times a second, for so many milliseconds or until the process ends.
fn flood(process: &mut Process, signal: Signal, milliseconds: u32) -> u32 {
    (0..milliseconds)
        .take_while(|_| {
            process.signal(signal);
            std::thread::park_timeout(Duration::from_micros(900));
            !process.has_ended()
        })
        .fold(0, |sent, _| sent + 1)
}

#[test]
fn a_thousand_requests_a_second_are_merged_and_cost_nothing_that_stays() {
    let folder = folder("signals-flood");
    let mut process = many(&folder);
    process.signal(Signal::USR1);
    process.says("gleak: dump written to ");
    flood(&mut process, Signal::USR1, 1_000);
    let (_, threads, memory) = used(&process);
    assert_eq!(flood(&mut process, Signal::USR1, 3_000), 3_000, "it lives on");
    let (descriptors, after_threads, after_memory) = used(&process);
    // A dump, sources and what the kernel says may be open.
    assert!(descriptors <= 12 && after_threads == threads, "{descriptors} {after_threads}");
    assert!(after_memory < memory + (16 << 10), "{memory} kB, then {after_memory}");
    // Nothing is queued: one answer is under way, and one more is to come.
    for _ in 0..2 {
        process.signal(Signal::USR1);
        process.says("gleak: dump written to ");
    }
    process.signal(Signal::TERM);
    let (status, said) = process.ends();
    assert_eq!(status.signal(), Some(SIGTERM), "{said}");
    assert!(said.matches("SIGUSR1 came").count() < 400, "{said}");
    let dumps = dumps(&folder);
    assert!((4..=16).contains(&dumps.len()), "{}", dumps.len());
    for (path, dump) in dumps {
        assert!(!dump.completeness.cut && dump.validate() == Ok(()), "{path:?}");
    }
}

#[test]
fn a_thousand_quits_a_second_end_it_by_the_signal_with_a_dump_that_is_whole_or_known_to_be_cut() {
    let folder = folder("signals-quits");
    let mut process = many(&folder);
    let start = Instant::now();
    assert!(flood(&mut process, Signal::QUIT, 60_000) < 60_000, "it ends");
    let is_in_time = start.elapsed() < GRACE;
    let (status, said) = process.ends();
    assert_eq!(status.signal(), Some(SIGQUIT), "{said}");
    let dumps = dumps(&folder);
    // Where the machine is so busy that it takes longer, the signal that comes after that time ends it.
    assert!(dumps.len() == 1 || dumps.is_empty() && !is_in_time, "{} dumps: {said}", dumps.len());
    for (_, dump) in dumps {
        assert_eq!(dump.validate(), Ok(()));
        // The text comes when the dump is there.
        let whole = said.contains("gleak: ended by SIGQUIT") || !is_in_time;
        assert!(dump.completeness.cut || whole, "{said}");
    }
}

/// Nobody reads what it says, so that the first signal gets stuck in saying it.
#[test]
fn another_ending_signal_ends_it_whatever_the_first_has_come_to() {
    let folder = folder("signals-stuck");
    let (unread, mut full) = std::io::pipe().expect("a pipe");
    full.write_all(&[b'x'; 65536]).expect("what a pipe holds");
    let mut command = by_default(&asked("busy", &folder));
    let process = Process::start_with(&mut command, Stdio::from(full));
    assert_eq!(process.prints(), "under way");
    process.signal(Signal::TERM);
    // It has a dump before it says anything.
    let is_there = || fs::read_dir(&folder).expect("a folder").count() > 0;
    let looks = (0..60_000).find(|_| {
        std::thread::park_timeout(Duration::from_millis(1));
        is_there()
    });
    looks.expect("it dumps in time");
    process.signal(Signal::QUIT);
    assert_eq!(process.ends().0.signal(), Some(SIGQUIT));
    drop(unread);
}

#[test]
fn what_is_ignored_ends_nothing() {
    let folder = folder("signals-ignored");
    let program = asked("busy", &folder);
    let mut shell = Command::new("sh");
    // It hands on what it ignores.
    shell.args(["-c", r#"trap "" QUIT; exec "$0""#]).arg(program.get_program());
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let process = Process::start(&mut shell);
    assert_eq!(process.prints(), "under way");
    process.signal(Signal::QUIT);
    assert_eq!(process.says("gleak: dump written to ")[0], "gleak: SIGQUIT came");
    process.signal(Signal::TERM);
    assert_eq!(process.ends().0.signal(), Some(SIGTERM));
}

#[test]
fn a_forked_child_does_what_it_would_without() {
    let mut command = by_default(&asked("busy", &folder("signals-fork")));
    let process = Process::start(command.arg("fork"));
    let child = process.prints().parse().expect("its number");
    signal_to(child, Signal::TERM);
    let (status, said) = process.ends();
    assert_eq!((status.code(), said.as_str()), (Some(SIGTERM), ""));
}

#[test]
fn the_listener_changes_no_verdict() {
    let folder = folder("signals-asleep");
    let without = example("deadlock", &folder).output().expect("it runs");
    let with = asked("deadlock", &folder).output().expect("it runs");
    assert_eq!((without.status.code(), with.status.code()), (Some(2), Some(2)));
    let first = |output| stderr(output).lines().next().map(str::to_owned);
    let verdict = first(&with).expect("a verdict");
    assert!(verdict.starts_with("gleak: deadlock. All 3 tasks are asleep"), "{verdict}");
    assert!(stderr(&with).matches("wants lock").count() > 0);
}

#[test]
fn a_word_that_is_no_signal_is_told_at_the_start() {
    let folder = folder("signals-word");
    let output = example("greet", &folder).env("GLEAK_SIGNALS", "sigquit").output().expect("it");
    assert_eq!(output.status.code(), Some(101));
    assert!(stderr(&output).contains("is none of crash, quit, usr1, term and all"), "{output:?}");
}
