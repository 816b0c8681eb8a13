//! What it costs to read a large dump and to report on it: the program `gleak` that lies beside this one is
//! started on a dump that is made first.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, BufReader, BufWriter};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use gleak_runtime::report::detector::snapshot::read_dump;
use serde::Deserialize;

use crate::protocol::{self, Clock, Figures};
use crate::{dumps, judgement};

/// Between two looks at a child's memory.
const LOOK: Duration = Duration::from_millis(1);

/// A report on a dump of `n` tasks of ours, and how long the file takes to read beside how long its lines
/// take to parse.
pub(crate) fn own(n: u64) -> Figures {
    let dump = Scratch::new("own.ndjson", |out| dumps::own(judgement::asleep(n), out));
    let (report, mut figures) = reported(&dump);
    let said = report.lines().next().unwrap_or_default();
    assert!(said.contains("asleep") || said.contains("deadlock"), "{said}");
    let parse = parsed(&dump);
    let clock = Clock::start();
    let file = File::open(&dump.0).expect("it was just written");
    let snapshot = read_dump(&mut BufReader::new(file)).expect("a whole dump");
    let read = clock.elapsed();
    assert!(snapshot.tasks.len() as u64 == n);
    figures.push(("times", read.as_secs_f64() / parse.as_secs_f64()));
    figures
}

/// A report on a text of `n` goroutines.
pub(crate) fn go(n: u64) -> Figures {
    let dump = Scratch::new("go.txt", |out| dumps::go(n, out));
    let (report, figures) = reported(&dump);
    let heading = format!(" tasks in {} groups", dumps::GO_GROUPS);
    assert!(report.lines().any(|line| line.ends_with(&heading)), "{report}");
    figures
}

/// A line as a parser alone takes it: its texts stay where they are in the file.
#[derive(Deserialize)]
#[expect(dead_code, reason = "what is measured is that it is filled")]
struct Line<'l> {
    k: &'l str,
    id: Option<u64>,
    kind: Option<&'l str>,
    name: Option<&'l str>,
    file: Option<&'l str>,
    entry: Option<&'l str>,
    parent: Option<u64>,
    spawn: Option<u32>,
    worker: Option<u32>,
    backtrace: Option<u32>,
    crc: Option<&'l str>,
}

/// How long the lines take to be found and parsed, from a file that is in memory.
fn parsed(dump: &Scratch) -> Duration {
    let bytes = fs::read(&dump.0).expect("it was just written");
    let clock = Clock::start();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        black_box(serde_json::from_slice::<Line<'_>>(line).expect("a line of a dump"));
    }
    clock.elapsed()
}

/// What `gleak report` says of it, how long it took, and its most memory.
fn reported(dump: &Scratch) -> (String, Figures) {
    let answer = Scratch::new("answer.txt", |_| Ok(()));
    let out = File::create(&answer.0).expect("it is ours");
    let mut command = Command::new(gleak());
    command.arg("report").arg(&dump.0).stdin(Stdio::null()).stdout(out);
    let clock = Clock::start();
    let peak = watch(command.spawn().expect("gleak was built beside this program"));
    let mut figures = clock.ms();
    figures.push(("mib", peak / 1024.0));
    (fs::read_to_string(&answer.0).expect("text"), figures)
}

/// Waits for the child's end; the most memory that was seen of it, in KiB.
fn watch(mut child: Child) -> f64 {
    let id = child.id().to_string();
    let (ends, ended) = mpsc::channel();
    let waiter = thread::spawn(move || ends.send(child.wait()));
    let mut most = 0.0_f64;
    let status = loop {
        most = most.max(protocol::status_of(&id, "VmHWM").unwrap_or_default());
        match ended.recv_timeout(LOOK) {
            Ok(status) => break status.expect("it was started"),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("nobody waits for gleak"),
        }
    };
    waiter.join().expect("no panic").expect("somebody listens");
    assert!(status.success(), "gleak fails with {status}");
    most
}

/// The command line program, where cargo puts the programs of one build.
fn gleak() -> PathBuf {
    let own = std::env::current_exe().expect("a program has a path");
    own.with_file_name("gleak")
}

/// A file for the time of a work.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, fill: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Scratch {
        let folder = std::env::var_os("GLEAK_DUMP_DIR").map_or_else(std::env::temp_dir, Into::into);
        let scratch = Scratch(folder.join(format!("bench-{}-{name}", std::process::id())));
        let mut out = BufWriter::new(File::create(&scratch.0).expect("a folder to write to"));
        fill(&mut out).and_then(|()| io::Write::flush(&mut out)).expect("room for a dump");
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
