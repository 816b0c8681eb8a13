//! Flight files of processes that are really killed.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use gleak_runtime::report::snapshot::{Snapshot, Task, TaskState, WaitReason, flight};

use crate::processes::Watch;
use crate::programs::{example, folder, stderr};
use crate::support::until;

/// As every Linux numbers them.
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;

const PAIRS: usize = 3;
const WORKERS: u64 = 2;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn read(path: &Path) -> Snapshot {
    let file = std::fs::File::open(path).expect("it opens");
    let snapshot = flight::read_flight(&mut BufReader::new(file)).expect("a flight file");
    assert_eq!(snapshot.validate(), Ok(()));
    snapshot
}

/// A child that does not outlive a test that fails, nor one that hangs.
struct Killed {
    child: Child,
    watch: Watch,
}

impl Killed {
    fn start(mut command: Command) -> Killed {
        let child = command.spawn().expect("it starts");
        Killed { watch: Watch::over(&child), child }
    }

    /// How it ends.
    fn end(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("it ends");
        assert!(!self.watch.is_late(), "it had to be killed");
        status
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let stdout = self.child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        line
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The example, which keeps its file in the folder.
fn program(folder: &Path, more: &[&str]) -> Command {
    let mut command = example("flight", folder);
    command.env("GLEAK_FLIGHT", folder).env("GLEAK_WORKERS", WORKERS.to_string());
    command.arg(PAIRS.to_string()).args(more).stdout(Stdio::piped());
    command
}

/// The example, once its tasks are there.
fn started(folder: &Path, more: &[&str]) -> (Killed, PathBuf) {
    let mut child = Killed::start(program(folder, more));
    assert_eq!(child.line(), "under way\n");
    let files = files(folder);
    assert_eq!(files.len(), 1, "{files:?}");
    (child, files[0].clone())
}

/// What is seen of a file as soon as it is so.
fn once<T>(child: &Killed, file: &Path, seen: impl Fn(&Snapshot) -> Option<T>) -> T {
    let mut found = None;
    until(|| {
        found = seen(&read(file));
        found.is_some() || child.watch.is_late()
    });
    found.expect("it comes about before the child is overdue")
}

/// What must be so at every moment, and is told of whoever was not being written.
fn is_right(snapshot: &Snapshot) {
    let seen = snapshot.completeness;
    assert!(!seen.cut && seen.damaged_lines == 0, "{seen:?}");
    // One a worker, and one for the thread that started it all.
    assert!(seen.missing_tasks <= WORKERS + 1, "{seen:?}");
    let idle = |task: &&Task| task.name.as_deref() == Some("idle");
    let idle: Vec<_> = snapshot.tasks.iter().filter(idle).collect();
    assert_eq!(idle.len(), PAIRS, "{:?}", snapshot.tasks);
    for task in idle {
        match &task.state {
            TaskState::Waiting(wait) => {
                // It has been woken out of its send, and has not run since, or it waits for good.
                assert!(matches!(wait.reason, WaitReason::Send | WaitReason::Receive), "{wait:?}");
                let site = &snapshot.sites[wait.site.0 as usize];
                assert!(site.file.ends_with("examples/flight.rs"), "{site:?}");
            }
            // It has been started, and has not come to its wait yet.
            TaskState::Running => {}
            TaskState::Fresh | TaskState::Runnable | TaskState::Moving => panic!("{task:?}"),
        }
        let spawn = task.spawn.map(|it| &snapshot.spawns[it.0 as usize]).expect("a spawn");
        assert_eq!(spawn.entry, "flight::main::{{closure}}::{{closure}}");
    }
    // Main, three a pair, and the one that is made again and again; besides them the thread in `run`.
    let tasks = snapshot.tasks.len() as u64 + seen.missing_tasks;
    let most = 3 * PAIRS as u64 + 3;
    assert!((most - 2..=most).contains(&tasks), "{:?}", snapshot.tasks);
}

/// How often: a few times with the other tests, and `FLIGHT_KILLS` of them by hand.
fn kills() -> u64 {
    std::env::var("FLIGHT_KILLS").map_or(12, |count| count.parse().expect("a number"))
}

#[test]
fn whoever_is_killed_at_any_moment_leaves_a_file_that_is_right() {
    let folder = folder("flight-kills");
    let mut torn = 0;
    for round in 0..kills() {
        let (mut child, file) = started(&folder, &[]);
        // It writes millions of records a second meanwhile, so each round kills it at another moment.
        for _ in 0..=round % 7 {
            is_right(&read(&file));
        }
        child.child.kill().expect("it lives");
        assert_eq!(child.end().signal(), Some(SIGKILL));
        let dead = read(&file);
        is_right(&dead);
        torn += dead.completeness.missing_tasks;
        std::fs::remove_file(&file).expect("it is there");
    }
    println!("{torn} records torn in {} kills", kills());
}

#[test]
fn who_does_not_end_as_it_wants_to_leaves_it_too() {
    for (then, signal, code) in [("abort", Some(SIGABRT), None), ("_exit", None, Some(3))] {
        let folder = folder(&format!("flight-{then}"));
        let mut child = Killed::start(program(&folder, &[then]));
        let status = child.end();
        assert_eq!((status.signal(), status.code()), (signal, code));
        is_right(&read(&files(&folder)[0]));
    }
}

#[test]
fn who_ends_well_leaves_none_unless_it_is_to_be_kept() {
    for (then, code) in [("return", 0), ("exit", 3)] {
        let folder = folder(&format!("flight-{then}"));
        let ended = |command| Killed::start(command).end().code();
        assert_eq!(ended(program(&folder, &[then])), Some(code));
        assert_eq!(files(&folder), Vec::<PathBuf>::new(), "{then}");
        let mut kept = program(&folder, &[then]);
        kept.env("GLEAK_FLIGHT_KEEP", "1");
        assert_eq!(ended(kept), Some(code));
        read(&files(&folder)[0]);
    }
}

#[test]
fn of_ended_processes_the_last_ones_stay_and_of_running_ones_all() {
    const KEPT: usize = 8;
    let folder = folder("flight-many");
    let (running, file) = started(&folder, &[]);
    let other = folder.join("gleak-1-1.flight");
    std::fs::write(&other, "of somebody else").expect("a file");
    let mut last = Vec::new();
    for _ in 0..KEPT + 3 {
        let mut child = Killed::start(program(&folder, &["abort"]));
        let pid = child.child.id();
        child.end();
        last.push(format!("gleak-{pid}-"));
    }
    // The one that came last found so many, and left its own.
    last.drain(..2);
    let files = files(&folder);
    let is_there = |start: &String| {
        files.iter().any(|file| file.file_name().unwrap().to_string_lossy().starts_with(start))
    };
    assert!(last.iter().all(is_there), "{last:?} {files:?}");
    assert_eq!(files.len(), KEPT + 3, "{files:?}");
    assert!(files.contains(&file) && files.contains(&other), "{files:?}");
    drop(running);
}

#[test]
fn workers_and_loaded_files_are_in_it() {
    let folder = folder("flight-workers");
    let (child, file) = started(&folder, &["hold"]);
    let (held, snapshot) = once(&child, &file, |snapshot| {
        let held = snapshot.workers.iter().find(|it| it.held_since_ns.is_some());
        held.map(|held| (*held, snapshot.clone()))
    });
    assert_eq!(snapshot.workers.len() as u64, WORKERS, "{:?}", snapshot.workers);
    let task = snapshot.tasks.iter().find(|task| Some(task.id) == held.running).expect("a task");
    assert!(task.main && task.worker == Some(held.id), "{task:?}");
    let seen = snapshot.header.counters;
    assert!(seen.spawned >= 3 * PAIRS as u64 && seen.finished <= seen.spawned, "{seen:?}");
    let is_program = |path: &str| path.ends_with("/examples/flight");
    let program = snapshot.modules.iter().find(|module| is_program(&module.path));
    assert!(program.is_some_and(|it| it.base != 0 && it.build_id.is_some()), "{program:?}");
    drop(child);
}

/// A group of processes that may have so much memory together; none where this process may not make one.
struct Limited(PathBuf);

impl Limited {
    fn to(mib: u64) -> Result<Limited, String> {
        let own =
            std::fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let path = |mark: &str| own.lines().find_map(|line| line.split_once(mark).map(|it| it.1));
        // The first kind of groups has a tree for memory, the second one tree.
        let (parent, limits) = match (path(":memory:/"), path("0::/")) {
            (Some(path), _) => (
                Path::new("/sys/fs/cgroup/memory").join(path),
                ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"],
            ),
            (None, Some(path)) => {
                (Path::new("/sys/fs/cgroup").join(path), ["memory.max", "memory.swap.max"])
            }
            (None, None) => return Err("no group of this process is known".to_owned()),
        };
        let group = parent.join(format!("gleak-flight-{}", std::process::id()));
        let failed = |what: &str, error: std::io::Error| format!("{what}: {error}");
        std::fs::create_dir(&group).map_err(|error| failed("a group", error))?;
        let limited = Limited(group);
        let bytes = (mib << 20).to_string();
        std::fs::write(limited.0.join(limits[0]), &bytes).map_err(|it| failed(limits[0], it))?;
        // Where there is no swap there is no such limit.
        let swap = if limits[1] == "memory.swap.max" { "0" } else { &bytes };
        let _ = std::fs::write(limited.0.join(limits[1]), swap);
        Ok(limited)
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        // Who was in it has ended; its pages may be counted for a moment longer.
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// Needs the right to make groups of processes, and says so where it has none. The program asks for 512 MiB at most,
/// so that the machine stays out of it even if the limit is none.
#[test]
fn who_is_killed_for_want_of_memory_leaves_it_too() {
    let limited = match Limited::to(96) {
        Ok(limited) => limited,
        Err(why) => return eprintln!("skipped: no limit of memory can be made here: {why}"),
    };
    let folder = folder("flight-memory");
    let inner = program(&folder, &["eat"]);
    let mut command = Command::new("sh");
    let script = format!("echo $$ > {}/cgroup.procs && exec \"$0\" \"$@\"", limited.0.display());
    command.args(["-c", &script]).arg(inner.get_program()).args(inner.get_args());
    let set = inner.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.envs(set).stdout(Stdio::null());
    let mut child = Killed::start(command);
    assert_eq!(child.end().signal(), Some(SIGKILL), "512 MiB fit into 96");
    is_right(&read(&files(&folder)[0]));
}

#[test]
fn the_file_is_its_owners_alone_and_names_the_process() {
    let folder = folder("flight-name");
    let (child, file) = started(&folder, &[]);
    let rights = std::fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(rights & 0o777, 0o600);
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(
        name.starts_with(&format!("gleak-{}-", child.child.id())) && name.ends_with(".flight"),
        "{name}"
    );
    let header = read(&file).header;
    assert_eq!((header.program.as_str(), header.pid), ("flight", child.child.id()));
}

#[test]
fn a_forked_child_writes_nothing() {
    let folder = folder("flight-fork");
    // The main task forks, and the child's one ends before it says that it is under way.
    let (child, file) = started(&folder, &["fork"]);
    is_right(&read(&file));
    drop(child);
    is_right(&read(&file));
}

#[test]
fn a_file_that_cannot_be_had_is_told_once_and_costs_nothing_else() {
    let folder = folder("flight-nowhere");
    let nowhere = folder.join("nowhere");
    let run = || example("greet", &folder).output().expect("it starts");
    let without = run();
    assert!(without.status.success(), "{}", stderr(&without));
    let with = example("greet", &folder).env("GLEAK_FLIGHT", &nowhere).output().expect("it starts");
    assert!(with.status.success() && with.stdout == without.stdout);
    let told = format!("gleak: no flight file in {}: No such file or directory", nowhere.display());
    assert_eq!(stderr(&with).lines().count(), 1 + stderr(&without).lines().count());
    assert!(stderr(&with).contains(&told), "{}", stderr(&with));
    assert_eq!(files(&folder), Vec::<PathBuf>::new());
}

#[test]
fn a_full_disk_is_told_once_and_costs_nothing_else() {
    let folder = folder("flight-full");
    let program = example("greet", &folder);
    let limited = |blocks: u32| {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\"");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).arg(program.get_program());
        shell.env("GLEAK_FLIGHT", &folder).env("GLEAK_FLIGHT_KEEP", "1");
        shell.output().expect("a shell")
    };
    // No room for the file: none is left.
    let output = limited(10);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("gleak: no flight file in"), "{}", stderr(&output));
    assert_eq!(files(&folder), Vec::<PathBuf>::new());
    // Room for its head, and for no record.
    let output = limited(1_500);
    assert!(output.status.success(), "{}", stderr(&output));
    let told = "gleak: the flight file cannot grow beyond 0 tasks, the others are not in it:";
    assert_eq!(stderr(&output).matches(told).count(), 1, "{}", stderr(&output));
    assert_eq!(read(&files(&folder)[0]).tasks, []);
}
