//! Whole programs as processes: what they print, what they leave, how they exit.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use gleak_runtime::report::detector::{Question, Rule, analyze};
use gleak_runtime::report::snapshot::{Reason, Snapshot, read_dump};

use crate::support::program;

/// An example whose dumps go to `folder`.
pub(crate) fn example(name: &str, folder: &Path) -> Command {
    let mut command = program(name);
    command.env("GLEAK_DUMP_DIR", folder).env_remove("GLEAK_EXIT");
    command
}

/// A folder of this test's own, also when two runs of the tests go on at once.
pub(crate) fn folder(name: &str) -> PathBuf {
    let name = format!("{name}-{}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder under target");
    folder
}

pub(crate) fn the_dump(folder: &Path) -> Snapshot {
    let files = std::fs::read_dir(folder).expect("a folder");
    let files: Vec<_> = files.map(|it| it.expect("an entry").path()).collect();
    assert_eq!(files.len(), 1, "one dump: {files:?}");
    let file = std::fs::File::open(&files[0]).expect("it opens");
    read_dump(&mut std::io::BufReader::new(file)).expect("a dump")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_deadlock_prints_the_cycle_writes_a_dump_and_exits_2() {
    let folder = folder("deadlock");
    for workers in ["1", "4"] {
        let output = example("deadlock", &folder).env("GLEAK_WORKERS", workers).output().unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.starts_with("gleak: deadlock. All 3 tasks are asleep"), "{text}");
        assert!(text.contains("wants lock") && text.contains("\"bob\""), "{text}");
        let snapshot = the_dump(&folder);
        assert_eq!(snapshot.validate(), Ok(()));
        assert_eq!(snapshot.header.reason, Reason::Asleep);
        let report = analyze(&snapshot, &Question::default());
        assert_eq!(report.findings[0].key.rule, Rule::Cycle);
        assert!(text.contains(&report.findings[0].fingerprint.0), "live and offline are equal");
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::create_dir(&folder).unwrap();
    }
}

#[test]
fn timers_that_wake_nobody_do_not_hide_that_everything_sleeps() {
    let folder = folder("timers-asleep");
    for workers in ["1", "4"] {
        let mut program = example("timers_asleep", &folder);
        let output = program.env("GLEAK_WORKERS", workers).output().unwrap();
        let text = stderr(&output);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "ran\ncancelled\n", "{text}");
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.starts_with("gleak: deadlock. All 2 tasks are asleep"), "{text}");
        assert!(text.contains("timers_asleep.rs"), "{text}");
    }
}

#[test]
fn what_main_cuts_off_is_named_and_the_status_is_untouched() {
    let folder = folder("cut-off");
    let output = example("cut_off", &folder).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "main is over\n");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "gleak: main returned and cut off 3 tasks:");
    assert_eq!(lines.len(), 3, "one line a group: {text}");
    assert!(lines[1].contains("2 tasks waiting to receive on channel"), "{text}");
    assert!(lines[1].contains("channel #1 \"jobs\" at runtime/examples/cut_off.rs:"), "{text}");
    assert!(lines[2].contains("1 task that never started"), "{text}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "no dump was asked for");
}

#[test]
fn thread_locals_are_shared_by_the_tasks_of_a_worker() {
    let output = example("thread_locals", &folder("thread-locals")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = "of the worker: 10, of the task: 1\nwhile the worker is held: 1 and 1\n";
    assert_eq!((said.as_str(), stderr(&output).as_str()), (lines, ""));
}

#[test]
fn the_environment_decides_what_leftovers_mean() {
    let folder = folder("cut-off-fail");
    let output = example("cut_off", &folder).env("GLEAK_EXIT", "fail").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    // To wait for tasks that nobody will ever wake is a deadlock, and is found.
    let output = example("cut_off", &folder).env("GLEAK_EXIT", "wait").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("asleep"), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("never printed"), "it was waited for");
}

#[test]
fn a_panic_of_main_writes_a_dump_and_goes_on() {
    let folder = folder("main-panics");
    let output = example("main_panics", &folder).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(101), "{text}");
    assert!(text.contains("out of ideas"), "{text}");
    let whose = "note: that was task t1 \"main\", spawned at runtime/examples/main_panics.rs:6:5\n";
    assert!(text.contains(whose), "{text}");
    assert!(text.contains("gleak: main panicked and cut off 1 task:"), "{text}");
    assert_eq!(the_dump(&folder).header.reason, Reason::Panic);
}

/// The folders of a process's threads.
fn threads(child: &Child) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(format!("/proc/{}/task", child.id()));
    entries.map_or_else(|_| Vec::new(), |entries| entries.flatten().map(|it| it.path()).collect())
}

/// Whether all threads of a process with workers and a monitor sleep.
fn is_asleep(child: &Child) -> bool {
    let asleep = |tid: &PathBuf| {
        let stat = std::fs::read_to_string(tid.join("stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('S'))
    };
    let threads = threads(child);
    threads.len() > 3 && threads.iter().all(asleep)
}

#[test]
fn nothing_is_said_while_a_thread_may_still_act() {
    waits_in_silence_for_a_line("thread_may_act");
}

/// The monitor has looked again and again, and sleeps now until somebody wakes it.
fn has_given_up_asking(child: &Child) -> bool {
    threads(child).iter().any(|tid| {
        let read = |name: &str| std::fs::read_to_string(tid.join(name)).unwrap_or_default();
        let call = read("syscall");
        // Of a futex the fourth argument is the timeout.
        read("comm").trim() == "gleak-monitor" && call.split_whitespace().nth(4) == Some("0x0")
    })
}

/// Nothing wakes a worker when a thread falls asleep in us, so the thread itself says so.
#[test]
fn the_last_to_fall_asleep_may_be_a_thread_and_come_late() {
    let mut child = example("thread_may_act", &folder("late-thread"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    while !has_given_up_asking(&child) {
        std::thread::yield_now();
    }
    child.stdin.take().expect("a pipe").write_all(b"never\n").expect("it reads");
    let output = child.wait_with_output().expect("its end");
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.starts_with("gleak: deadlock. "), "{text}");
    assert!(text.contains("thread t2 \"feeder\"") || text.contains("\"feeder\""), "{text}");
}

#[test]
fn nothing_is_said_while_a_helper_may_still_act() {
    waits_in_silence_for_a_line("helper_may_act");
}

fn waits_in_silence_for_a_line(program: &str) {
    let mut child = example(program, &folder(program))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    // Until the process sleeps: its one task waits, and so do all of its threads.
    while !is_asleep(&child) {
        std::thread::yield_now();
    }
    child.stdin.take().expect("a pipe").write_all(b"hello\n").expect("it reads");
    let output = child.wait_with_output().expect("its end");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "got hello\n");
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_worker_that_its_task_holds_sleeps_as_well() {
    let folder = folder("held-asleep");
    let output = example("held_asleep", &folder).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.starts_with("gleak: deadlock. The only task is asleep"), "{text}");
    assert!(text.contains("waiting to receive on channel #1 (holds its worker)"), "{text}");
    assert_eq!(the_dump(&folder).validate(), Ok(()));
}

#[test]
fn a_dump_folder_that_is_not_there_loses_the_dump_alone() {
    let folder = folder("no-such-folder");
    let output = example("deadlock", &folder.join("absent")).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("wants lock") && text.contains("gleak: no dump written:"), "{text}");
}

#[test]
fn guards_by_mprotect_work_as_well() {
    let folder = folder("mprotect");
    let output =
        example("deadlock", &folder).env("GLEAK_STACK_GUARD", "mprotect").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn a_worker_count_that_is_none_is_a_clear_error() {
    let folder = folder("worker-count");
    for count in ["0", "many", "5000"] {
        let output = example("deadlock", &folder).env("GLEAK_WORKERS", count).output().unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(101), "{text}");
        assert!(text.contains("GLEAK_WORKERS"), "{text}");
    }
}

/// A server that is killed with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(workers: &str) -> Server {
        let mut command = example("echo", &folder(&format!("echo-{workers}")));
        let command = command.env("GLEAK_WORKERS", workers).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it answers");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe"))
            .read_line(&mut line)
            .expect("it answers");
        let address = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
        Server { child, address }
    }

    fn talk(&self) {
        let mut stream = TcpStream::connect(&self.address).expect("it answers");
        stream.write_all(b"hello").expect("it answers");
        let mut heard = [0; 5];
        stream.read_exact(&mut heard).expect("it answers");
        assert_eq!(&heard, b"hello");
    }

    /// How often its threads have fallen asleep so far.
    fn sleeps(&self) -> u64 {
        let of = |tid: &PathBuf| {
            let status = std::fs::read_to_string(tid.join("status")).unwrap_or_default();
            let value =
                |line: &str| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse().ok();
            status.lines().find_map(value).unwrap_or(0_u64)
        };
        threads(&self.child).iter().map(of).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_echo_server_serves_many_at_once() {
    for workers in ["1", "4"] {
        let server = Server::start(workers);
        std::thread::scope(|scope| {
            (0..20).for_each(|_| drop(scope.spawn(|| (0..20).for_each(|_| server.talk()))));
        });
    }
}

#[test]
fn a_server_that_waits_does_not_wake_up() {
    // Counted while it sleeps, thousands of times in a row: a thread with a tick would be caught.
    const TIMES: u32 = 2000;
    let server = Server::start("2");
    server.talk();
    let (mut equal, mut before) = (0, 0);
    while equal < TIMES {
        let sleeps = server.sleeps();
        equal = if sleeps == before && is_asleep(&server.child) { equal + 1 } else { 0 };
        before = sleeps;
    }
    server.talk();
}
