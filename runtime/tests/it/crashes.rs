//! Processes that are really ended by a fatal signal, and the image that they leave.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use gleak_runtime::report::detector::{Question, analyze};
use gleak_snapshot::image::file::{End, Facts, ImageFile};
use gleak_snapshot::image::{CrashImage, read_image};
use gleak_snapshot::{Reason, Snapshot, Task, TaskState, WaitReason};
use rustix::process::Signal;

use crate::processes::{Watch, signal_to};
use crate::programs::{example, folder, stderr};
use crate::support::until;

/// As every Linux numbers them.
const SIGILL: i32 = 4;
const SIGTRAP: i32 = 5;
const SIGABRT: i32 = 6;
const SIGBUS: i32 = 7;
const SIGFPE: i32 = 8;
const SIGSEGV: i32 = 11;
const SIGSYS: i32 = 31;

/// A real cause of each.
const CAUSES: [(&str, i32, &str); 7] = [
    ("segv", SIGSEGV, "SIGSEGV"),
    ("bus", SIGBUS, "SIGBUS"),
    ("ill", SIGILL, "SIGILL"),
    ("fpe", SIGFPE, "SIGFPE"),
    ("abrt", SIGABRT, "SIGABRT"),
    ("trap", SIGTRAP, "SIGTRAP"),
    ("sys", SIGSYS, "SIGSYS"),
];

/// Parked besides those that a run asks for: main, the holder and the wanter.
const OTHERS: u64 = 3;

type Image = ImageFile<BufReader<File>>;

/// How a program ended that has a limit.
fn ended(mut command: Command, meanwhile: impl FnOnce(u32, &mut dyn BufRead)) -> (u32, Output) {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let (pid, watch) = (child.id(), Watch::over(&child));
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    meanwhile(pid, &mut stdout);
    let mut output = child.wait_with_output().expect("it ends");
    std::io::copy(&mut stdout, &mut output.stdout).expect("it can be read");
    assert!(!watch.is_late(), "{pid} did not end in time");
    (pid, output)
}

/// The example with one worker, so that what is to be parked is.
fn crash(how: &str, folder: &Path) -> Command {
    let mut command = example("crash", folder);
    command.arg(how).env("GLEAK_SIGNALS", "crash").env("GLEAK_WORKERS", "1");
    command.env("GLEAK_FLIGHT", folder).env("RUST_BACKTRACE", "0");
    command
}

fn images(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|it| it == "crash")).collect()
}

/// The one image of that process, with the text that tells where it is.
fn the_image(folder: &Path, pid: u32, output: &Output) -> Image {
    let text = stderr(output);
    let path = folder.join(format!("gleak-{pid}-1.crash"));
    assert_eq!(images(folder), [path.as_path()], "{text}");
    let line = format!(": image written to {0}; read it with: gleak report {0}\n", path.display());
    assert_eq!(text.matches(&line).count(), 1, "{text}");
    let rights = fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(rights & 0o777, 0o600);
    let image = open(&path);
    assert!(image.missing == 0 && image.unknown == 0, "{} missing", image.missing);
    assert_eq!((image.facts.program.as_str(), image.facts.pid), ("crash", pid));
    fs::remove_file(path).expect("it can be removed");
    image
}

fn open(path: &Path) -> Image {
    ImageFile::open(BufReader::new(File::open(path).expect("it opens"))).expect("an image")
}

/// What is so whoever crashed, and how: everybody is told as they stood.
fn is_complete(image: Image, parked: u64) -> Facts {
    let facts = image.facts.clone();
    let End { stacks, cut_stacks, unnamed, unreadable, write_ns, .. } = image.end.expect("an end");
    assert_eq!((stacks, cut_stacks, unnamed, unreadable), (parked, 0, 0, 0));
    assert!(write_ns > 0);
    let [.., sp, ip] = image.registers.expect("it has them")[..17] else { panic!("17 registers") };
    // At the end of a stack the pointer may be in the guard.
    let sp = if facts.overflow { sp + (16 << 10) } else { sp };
    assert!(ip != 0 && image.read(sp, &mut [0; 64]), "the stack of the fault");
    let image = CrashImage::new(image);
    let read = read_image(&image, Reason::Crash).expect("records");
    let standing = parked + u64::from(facts.task.is_some());
    assert_eq!(read.standing.len() as u64, standing, "{facts:?}: {:?}", read.snapshot.tasks);
    everybody(&read.snapshot, &facts);
    facts
}

/// Main, the parked ones, the holder of a lock, who wants it, and the culprit, if it was a task.
fn everybody(snapshot: &Snapshot, facts: &Facts) {
    assert_eq!(snapshot.validate(), Ok(()));
    let seen = snapshot.completeness;
    assert!(!seen.cut && seen.missing_tasks == 0 && seen.unread_names == 0, "{seen:?} {facts:?}");
    let crash = snapshot.header.crash.expect("a signal");
    assert_eq!((crash.signal, crash.address), (facts.signal, facts.fault()));
    assert_eq!(crash.task.map(|it| it.0), facts.task);
    let named = |name: &str| -> &Task {
        let mut of_it = snapshot.tasks.iter().filter(|it| it.name.as_deref() == Some(name));
        of_it.next().unwrap_or_else(|| panic!("{name}: {:?}", snapshot.tasks))
    };
    let reason = |task: &Task| match &task.state {
        TaskState::Waiting(wait) => Some((wait.reason, wait.arms.clone(), wait.site)),
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => None,
    };
    let (holder, wanter) = (named("holder"), named("wanter"));
    let (what, arms, site) = reason(wanter).expect("it waits");
    assert_eq!(what, WaitReason::Lock);
    assert!(snapshot.sites[site.0 as usize].file.ends_with("examples/crash.rs"));
    let spawn = &snapshot.spawns[wanter.spawn.expect("it was spawned").0 as usize];
    assert_eq!(spawn.entry, "crash::surroundings::{{closure}}");
    let gleak_snapshot::Target::Object(lock) = arms[0].on else { panic!("{arms:?}") };
    let lock = snapshot.objects.iter().find(|it| it.id == lock).expect("it is there");
    let owner = lock.detail.ownership().and_then(|it| it.owner);
    assert_eq!(owner.map(|it| it.task), Some(holder.id), "{lock:?}");
    assert_eq!(reason(holder).map(|it| it.0), Some(WaitReason::Receive));
    if facts.task.is_some() {
        let culprit = named("culprit");
        assert_eq!(Some(culprit.id.0), facts.task);
        // What ends by SIGBUS here is on its way into a wait.
        let runs = matches!(culprit.state, TaskState::Running);
        assert_eq!(runs, facts.signal != SIGBUS, "{culprit:?}");
    }
}

#[test]
fn each_fatal_signal_of_a_task_leaves_an_image_and_ends_the_process_as_without() {
    let folder = folder("crash-tasks");
    for (how, signal, name) in CAUSES {
        let (pid, output) = ended(crash(how, &folder), |_, _| ());
        assert_eq!(output.status.signal(), Some(signal), "{how}: {}", stderr(&output));
        let image = the_image(&folder, pid, &output);
        let facts = is_complete(image, 3 + OTHERS);
        assert_eq!((facts.signal, facts.signal_name.as_str()), (signal, name));
        assert_eq!(facts.task_name.as_deref(), Some("culprit"), "{facts:?}");
        assert!(facts.task.is_some() && !facts.overflow && facts.thread_name == "gleak-0");
        let sent = how == "abrt" || how == "sys";
        // Of a breakpoint the processor says no address.
        let addressed = !sent && how != "trap";
        assert_eq!((facts.code > 0, facts.address.is_some()), (!sent, addressed), "{facts:?}");
        assert!(how != "segv" || facts.fault() == Some(8));
        assert_eq!(facts.sender, sent.then_some(pid.cast_signed()));
        let start = format!("gleak: {name} in task #{} \"culprit\" on ", facts.task.unwrap_or(0));
        assert!(stderr(&output).contains(&start), "{}", stderr(&output));
    }
}

#[test]
fn each_fatal_signal_of_another_thread_does_too() {
    let folder = folder("crash-threads");
    for (how, signal, name) in CAUSES {
        let (pid, output) = ended(crash(&format!("thread-{how}"), &folder), |_, _| ());
        assert_eq!(output.status.signal(), Some(signal), "{how}: {}", stderr(&output));
        let image = the_image(&folder, pid, &output);
        let facts = is_complete(image, 3 + OTHERS);
        assert_eq!((facts.signal, facts.signal_name.as_str()), (signal, name));
        assert_eq!((facts.task, facts.thread_name.as_str()), (None, "outside"), "{facts:?}");
    }
}

#[test]
fn aborts_of_panics_and_drops_do_too() {
    let folder = folder("crash-aborts");
    for how in ["drop", "panics"] {
        let (pid, output) = ended(crash(how, &folder), |_, _| ());
        assert_eq!(output.status.signal(), Some(SIGABRT), "{}", stderr(&output));
        let image = the_image(&folder, pid, &output);
        let facts = is_complete(image, 3 + OTHERS);
        assert_eq!(facts.task_name.as_deref(), Some("culprit"));
    }
}

#[test]
fn an_overflow_is_told_as_before_and_leaves_an_image_as_well() {
    let folder = folder("crash-overflow");
    let (pid, output) = ended(crash("overflow", &folder), |_, _| ());
    let text = stderr(&output);
    assert_eq!(output.status.signal(), Some(SIGSEGV), "{text}");
    assert!(text.contains(") overflowed its stack of 256 KiB\n"), "{text}");
    assert!(text.contains("\n  its calls, innermost first\n"), "{text}");
    let image = the_image(&folder, pid, &output);
    let facts = is_complete(image, 3 + OTHERS);
    assert!(facts.overflow && facts.task_name.as_deref() == Some("culprit"));

    let (pid, output) = ended(crash("thread-overflow", &folder), |_, _| ());
    let text = stderr(&output);
    assert_eq!(output.status.signal(), Some(SIGABRT), "as std ends it: {text}");
    assert!(text.contains("has overflowed its stack") && !text.contains("gleak: task #"), "{text}");
    let image = the_image(&folder, pid, &output);
    assert_eq!((image.facts.signal, image.facts.overflow), (SIGSEGV, false));
}

#[test]
fn two_threads_that_fault_at_once_leave_one_image_and_end_by_that_signal() {
    let folder = folder("crash-both");
    for _ in 0..5 {
        let mut command = crash("both", &folder);
        command.env("GLEAK_WORKERS", "2");
        let (pid, output) = ended(command, |_, _| ());
        assert_eq!(output.status.signal(), Some(SIGSEGV), "{}", stderr(&output));
        let image = the_image(&folder, pid, &output);
        assert!(image.end.is_some() && matches!(image.facts.fault(), Some(8 | 16)));
    }
}

/// Waits until it says that it waits itself.
fn is_waiting(stdout: &mut dyn BufRead) {
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a line");
    assert_eq!(line, "waiting\n");
}

#[test]
fn signals_that_come_while_it_is_written_change_nothing() {
    let folder = folder("crash-storm");
    for (first, expected) in [(Signal::ABORT, SIGABRT), (Signal::SEGV, SIGSEGV)] {
        let mut command = crash("waits", &folder);
        command.arg("20000").env("GLEAK_WORKERS", "2");
        let (pid, output) = ended(command, |pid, stdout| {
            is_waiting(stdout);
            signal_to(pid, first);
            // Which of two threads handles its signal first is nobody's promise.
            let has_gone = || fs::read_link(format!("/proc/{pid}/exe")).is_err();
            until(|| !images(&folder).is_empty() || has_gone());
            // From some moment on it is gone.
            (0..40).for_each(|_| signal_to(pid, Signal::ABORT));
        });
        assert_eq!(output.status.signal(), Some(expected), "{}", stderr(&output));
        let image = the_image(&folder, pid, &output);
        assert!(image.end.is_some_and(|end| end.stacks >= 20_000), "{:?}", image.end);
        assert_eq!((image.facts.signal, image.facts.fault()), (expected, None));
    }
}

#[test]
fn an_earlier_handler_is_called_and_the_process_may_go_on() {
    let folder = folder("crash-survives");
    let (pid, output) = ended(crash("survives", &folder), |_, _| ());
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(output.stdout, b"it went on\n");
    let image = the_image(&folder, pid, &output);
    assert!(image.end.is_some() && image.facts.signal == SIGTRAP);
}

#[test]
fn what_the_process_ignores_stays_ignored() {
    let folder = folder("crash-ignored");
    let mut command = Command::new("sh");
    let program = crash("waits", &folder);
    command.args(["-c", "trap '' ABRT; exec \"$0\" waits"]).arg(program.get_program());
    command.env("GLEAK_SIGNALS", "crash").env("GLEAK_DUMP_DIR", &folder);
    let (pid, output) = ended(command, |pid, stdout| {
        is_waiting(stdout);
        for signal in [Signal::ABORT, Signal::ABORT, Signal::SEGV] {
            signal_to(pid, signal);
        }
    });
    assert_eq!(output.status.signal(), Some(SIGSEGV), "{}", stderr(&output));
    assert_eq!(the_image(&folder, pid, &output).facts.signal, SIGSEGV);
}

#[test]
fn nothing_is_written_unless_somebody_asks() {
    let folder = folder("crash-unasked");
    let mut command = crash("segv", &folder);
    command.env_remove("GLEAK_SIGNALS").env_remove("GLEAK_FLIGHT");
    let (_, output) = ended(command, |_, _| ());
    assert_eq!((stderr(&output).as_str(), output.status.signal()), ("", Some(SIGSEGV)));
    assert!(images(&folder).is_empty());

    let mut command = crash("builder", &folder);
    command.env_remove("GLEAK_SIGNALS");
    let (pid, output) = ended(command, |_, _| ());
    assert_eq!(output.status.signal(), Some(SIGSEGV));
    is_complete(the_image(&folder, pid, &output), 3 + OTHERS);
}

#[test]
fn a_list_that_is_not_understood_is_told_at_the_start() {
    let folder = folder("crash-words");
    let mut command = crash("segv", &folder);
    command.env("GLEAK_SIGNALS", "crash,sigquit");
    let (_, output) = ended(command, |_, _| ());
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(101), "{text}");
    assert!(text.contains("\"sigquit\" is none of crash, quit, usr1, term and all"), "{text}");
}

#[test]
fn a_forked_child_leaves_none() {
    let folder = folder("crash-forked");
    let (_, output) = ended(crash("forked", &folder), |_, _| ());
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(output.stdout, b"it ended by signal 11\n", "{text}");
    assert!(images(&folder).is_empty() && !text.contains("image"), "{text}");
}

#[test]
fn a_folder_that_takes_no_file_costs_the_image_alone() {
    let folder = folder("crash-nowhere");
    let file = folder.join("file");
    File::create(&file).and_then(|mut it| it.write_all(b"no folder")).expect("a file");
    for (place, error) in [
        (folder.join("missing"), "no such folder (ENOENT), error 2"),
        (file, "not a folder (ENOTDIR), error 20"),
    ] {
        let mut command = crash("segv", &folder);
        command.env("GLEAK_DUMP_DIR", &place);
        let (pid, output) = ended(command, |_, _| ());
        let text = stderr(&output);
        assert_eq!(output.status.signal(), Some(SIGSEGV), "{text}");
        let line =
            format!(": no image written to {}/gleak-{pid}-1.crash: {error}\n", place.display());
        assert_eq!(text.matches(&line).count(), 1, "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn a_limit_on_files_cuts_the_image_and_not_the_truth() {
    let folder = folder("crash-limit");
    for ignored in ["", "trap '' XFSZ; "] {
        let mut command = Command::new("sh");
        let program = crash("segv", &folder);
        command.args(["-c", &format!("{ignored}ulimit -f 800; exec \"$0\" segv")]);
        command.arg(program.get_program());
        command.env("GLEAK_SIGNALS", "crash").env("GLEAK_DUMP_DIR", &folder);
        let (pid, output) = ended(command, |_, _| ());
        let text = stderr(&output);
        assert_eq!(output.status.signal(), Some(SIGSEGV), "{text}");
        let path = folder.join(format!("gleak-{pid}-1.crash"));
        let line =
            format!("the image in {} is cut: file too large (EFBIG), error 27\n", path.display());
        assert_eq!(text.matches(&line).count(), 1, "{text}");
        let image = open(&path);
        assert!(image.end.is_none() && image.facts.signal == SIGSEGV);
        let sp = image.registers.expect("they come first")[15];
        assert!(image.read(sp, &mut [0; 64]), "so does the stack of the fault");
    }
}

#[test]
fn a_link_of_its_name_is_not_followed() {
    let folder = folder("crash-link");
    let target = folder.join("target");
    let (pid, output) = ended(crash("waits", &folder), |pid, stdout| {
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let name = folder.join(format!("gleak-{pid}-1.crash"));
        std::os::unix::fs::symlink(&target, name).expect("a link");
        signal_to(pid, Signal::SEGV);
    });
    assert_eq!(output.status.signal(), Some(SIGSEGV), "{}", stderr(&output));
    assert!(!target.exists());
    let image = open(&folder.join(format!("gleak-{pid}-2.crash")));
    assert!(image.end.is_some() && image.facts.address.is_none() && image.facts.code <= 0);
    // It was `kill`, whose id nobody knows any more.
    let sender = image.facts.sender.expect("somebody did");
    let line = format!("gleak: SIGSEGV sent by process {sender} came to thread ");
    assert!(sender != pid.cast_signed() && stderr(&output).contains(&line), "{}", stderr(&output));
}

/// A file that is mapped and was made shorter: to read it there is an error, and would be a fault.
#[test]
fn memory_that_is_gone_is_counted() {
    let folder = folder("crash-gone");
    let library = "libgcc_s.so.1";
    let program = crash("library", &folder);
    let listed = Command::new("ldd").arg(program.get_program()).output().expect("ldd");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let line =
        listed.lines().find(|line| line.contains(library)).expect("programs in Rust have it");
    let from = line.split_whitespace().nth(2).expect("a path");
    let copy = folder.join(library);
    fs::copy(from, &copy).expect("it can be copied");
    let mut command = program;
    command.env("LD_LIBRARY_PATH", &folder).env("LIBRARY", &copy);
    let (pid, output) = ended(command, |_, _| ());
    assert_eq!(output.status.signal(), Some(SIGSEGV), "{}", stderr(&output));
    let image = the_image(&folder, pid, &output);
    let end = image.end.expect("it is complete");
    assert_eq!((end.unreadable, end.stacks), (1, 3 + OTHERS));
}

/// Millions of waits a second go on while the image is written: what moved is told as moving, and nobody who
/// can go on is found to be stuck.
#[test]
fn of_a_process_that_is_busy_nothing_is_told_that_is_not_so() {
    let folder = folder("crash-busy");
    for round in 0..busy_rounds() {
        let mut command = example("flight", &folder);
        command.arg("3").env("GLEAK_SIGNALS", "crash").env("GLEAK_WORKERS", "2");
        let (pid, output) = ended(command, |pid, stdout| {
            let mut line = String::new();
            stdout.read_line(&mut line).expect("a line");
            // Each round at another moment.
            for _ in 0..=round % 5 {
                Command::new("true").status().expect("a program");
            }
            signal_to(pid, Signal::ABORT);
        });
        assert_eq!(output.status.signal(), Some(SIGABRT), "{}", stderr(&output));
        let path = folder.join(format!("gleak-{pid}-1.crash"));
        let read = read_image(&CrashImage::new(open(&path)), Reason::Crash).expect("records");
        let snapshot = read.snapshot;
        assert_eq!(snapshot.validate(), Ok(()));
        let idle = snapshot.tasks.iter().filter(|it| it.name.as_deref() == Some("idle"));
        assert_eq!(idle.count(), 3, "{:?}", snapshot.tasks);
        let report = analyze(&snapshot, &Question::default());
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        fs::remove_file(path).expect("it can be removed");
    }
}

/// How often: a few times with the other tests, and `CRASHES` times by hand.
fn busy_rounds() -> u64 {
    std::env::var("CRASHES").map_or(10, |count| count.parse().expect("a number"))
}
