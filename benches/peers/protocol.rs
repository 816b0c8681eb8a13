//! How a bench program is asked and how it answers. Ours and the peers in Rust share this file;
//! the Go program speaks the same.
//!
//! `PROGRAM WORK WORKERS N` does one work once and prints one line, `bench=WORK procs=WORKERS n=N`
//! and its figures as `key=value`. `PROGRAM list` prints the names of all works that it knows.
//! Figures: `ns` an operation, `ms` in all, `bytes` a task, `held` and `lost` in per cent,
//! `raw` and `first` in milliseconds, `mib` in mebibytes, `times` as long as something else in the same process.

use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What a work has measured.
pub(crate) type Figures = Vec<(&'static str, f64)>;

/// A work: told the number of workers and of operations, it says what it measured.
pub(crate) type Work = fn(usize, u64) -> Figures;

/// How long a task of the work `fan-out` keeps its worker.
pub(crate) const TASK_BUSY: Duration = Duration::from_micros(100);

/// How long the work `held` keeps its worker.
pub(crate) const WORKER_HELD: Duration = Duration::from_secs(1);

/// Between the last task's start and a look at the memory, so that all have parked.
pub(crate) const SETTLE: Duration = Duration::from_millis(100);

/// How long the work `sleepers` waits for memory to be given back.
pub(crate) const GIVE_BACK: Duration = Duration::from_secs(3);

/// Answers the command line with the works of `program`.
pub(crate) fn answer(works: &[(&str, Work)]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list"] => {
            works.iter().for_each(|(name, _)| println!("{name}"));
            return ExitCode::SUCCESS;
        }
        [name, workers, n] => parse(works, name, workers, n),
        _ => None,
    };
    let Some((name, work, workers, n)) = parsed else {
        eprintln!("usage: list | WORK WORKERS N, with one of the works that list prints");
        return ExitCode::FAILURE;
    };
    let figures: String =
        work(workers, n).iter().map(|(key, value)| format!(" {key}={value:.4}")).collect();
    println!("bench={name} procs={workers} n={n}{figures}");
    ExitCode::SUCCESS
}

fn parse<'a>(
    works: &[(&'a str, Work)],
    name: &str,
    workers: &str,
    n: &str,
) -> Option<(&'a str, Work, usize, u64)> {
    let (name, work) = *works.iter().find(|(it, _)| *it == name)?;
    Some((name, work, workers.parse().ok()?, n.parse().ok()?))
}

/// A clock that has been started. The peers do not link our runtime, so this is std's.
#[derive(Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// Starts.
    #[expect(clippy::disallowed_methods, reason = "what is measured keeps its own clock")]
    pub(crate) fn start() -> Clock {
        Clock(Instant::now())
    }

    /// Since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Nanoseconds for each of `n` operations since the start.
    pub(crate) fn ns(self, n: u64) -> Figures {
        vec![("ns", self.elapsed().as_nanos() as f64 / n as f64)]
    }

    /// Milliseconds since the start.
    pub(crate) fn ms(self) -> Figures {
        vec![("ms", self.elapsed().as_secs_f64() * 1e3)]
    }
}

/// Keeps the processor for `time`, without giving way.
pub(crate) fn keep_busy(time: Duration) {
    let clock = Clock::start();
    while clock.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Memory of this process in KiB: resident pages and the page tables that map them.
pub(crate) fn memory() -> f64 {
    status("VmRSS") + status("VmPTE")
}

/// The most memory so far, in KiB. Page tables hardly ever shrink, so those of now count.
pub(crate) fn peak() -> f64 {
    status("VmHWM") + status("VmPTE")
}

fn status(field: &str) -> f64 {
    status_of("self", field).expect("a line with a number of KiB")
}

/// A figure of a process in KiB; none when it has ended.
pub(crate) fn status_of(process: &str, field: &str) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Whether memory has fallen to a quarter of what was added, and the share that is held, in per cent.
pub(crate) fn held(before: f64) -> (bool, f64) {
    let share = (memory() - before).max(0.0) / (peak() - before).max(1.0);
    (share <= 0.25, share * 100.0)
}
