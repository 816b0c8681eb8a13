//! Processes that a test talks to, none of which outlives it: every wait has an end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Far more than anything takes here.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process whose lines are read as they come.
pub(crate) struct Process {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (lines, read) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                break;
            }
        }
    });
    read
}

/// The program with the default actions of signals, whoever runs the tests, and without a core file.
pub(crate) fn by_default(program: &Command) -> Command {
    let mut shell = Command::new("sh");
    let script = r#"ulimit -c 0; exec env --default-signal=QUIT,TERM,USR1 "$0" "$@""#;
    shell.args(["-c", script]).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Process {
        Process::start_with(command, Stdio::piped())
    }

    /// With another place for what it says.
    pub(crate) fn start_with(command: &mut Command, stderr: Stdio) -> Process {
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = piped.spawn().expect("it starts");
        let out = lines(child.stdout.take().expect("a pipe"));
        let err = match child.stderr.take() {
            Some(err) => lines(err),
            None => lines(std::io::empty()),
        };
        Process { child, out, err }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        signal_to(self.pid(), signal);
    }

    /// The next line on its standard output.
    pub(crate) fn prints(&self) -> String {
        self.out.recv_timeout(PATIENCE).expect("a line in time")
    }

    /// Reads what it says on standard error, up to a line that begins so.
    pub(crate) fn says(&self, head: &str) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            let line = self.err.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("never said {head:?} in time: {said:#?}"));
            let found = line.starts_with(head);
            said.push(line);
            if found {
                return said;
            }
        }
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// How it ends, and the rest of what it says on standard error.
    pub(crate) fn ends(mut self) -> (ExitStatus, String) {
        let looks = (0..PATIENCE.as_millis()).map(|_| {
            thread::park_timeout(Duration::from_millis(1));
            self.child.try_wait().expect("a child")
        });
        let status = looks.flatten().next().expect("it ends in time");
        let mut said = String::new();
        while let Ok(line) = self.err.recv_timeout(PATIENCE) {
            said += &format!("{line}\n");
        }
        (status, said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kills a process that has not ended in time, unless the value has gone by then.
pub(crate) struct Watch {
    late: Arc<AtomicBool>,
    _over: Sender<()>,
}

impl Watch {
    pub(crate) fn over(child: &Child) -> Watch {
        let (over, is_over) = channel();
        let late = Arc::new(AtomicBool::new(false));
        let (seen, pid) = (Arc::clone(&late), child.id());
        thread::spawn(move || {
            if is_over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                seen.store(true, Ordering::Relaxed);
                signal_to(pid, Signal::KILL);
            }
        });
        Watch { late, _over: over }
    }

    pub(crate) fn is_late(&self) -> bool {
        self.late.load(Ordering::Relaxed)
    }
}

pub(crate) fn signal_to(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.cast_signed()).expect("a process");
    // One that has ended since needs none.
    let _ = kill_process(pid, signal);
}
