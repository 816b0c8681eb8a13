//! The works of the table on OS threads, with std's channels where it has them and crossbeam's for
//! several receivers and for select. One worker means one processor: the process is tied to it.

#![forbid(unsafe_code)]
#![expect(clippy::disallowed_methods, reason = "threads sleep as std has it")]

#[path = "../../echo.rs"]
mod echo;
#[path = "../../protocol.rs"]
mod protocol;
mod select;
mod work;

use std::process::ExitCode;

use protocol::{Figures, Work};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

const WORKS: &[(&str, Work)] = &[
    ("round-trip", |workers, n| on(workers, n, work::round_trip)),
    ("yield-1000", |workers, n| on(workers, n, work::yields)),
    ("buffered-1p1c", |workers, n| on(workers, n, work::buffered_1)),
    ("buffered-4p4c", |workers, n| on(workers, n, work::buffered_4)),
    ("spawn-one", |workers, n| on(workers, n, work::spawn_one)),
    ("spawn-batch", |workers, n| on(workers, n, work::spawn_batches)),
    ("select2-ready", |workers, n| on(workers, n, select::ready_2)),
    ("select8-ready", |workers, n| on(workers, n, select::ready_8)),
    ("select2-blocking", |workers, n| on(workers, n, select::blocking_2)),
    ("select8-blocking", |workers, n| on(workers, n, select::blocking_8)),
    ("select2-round-trip", |workers, n| on(workers, n, select::round_trip_2)),
    ("select8-round-trip", |workers, n| on(workers, n, select::round_trip_8)),
    ("mutex-free", |workers, n| on(workers, n, work::mutex_free)),
    ("mutex-8", |workers, n| on(workers, n, |n| work::mutex_contended(8, n))),
    ("mutex-100", |workers, n| on(workers, n, |n| work::mutex_contended(100, n))),
    ("parked", |workers, n| on(workers, n, work::parked)),
    ("sleepers", |workers, n| on(workers, n, work::sleepers)),
    ("fan-out", |workers, n| on(workers, n, work::fan_out)),
    ("held", |workers, n| on(workers, n, work::held)),
    ("echo-1", |workers, n| on(workers, n, |n| work::echo(1, n))),
    ("echo-64", |workers, n| on(workers, n, |n| work::echo(64, n))),
];

/// Ties the process to its first `workers` processors; threads made later inherit that.
fn on(workers: usize, n: u64, work: fn(u64) -> Figures) -> Figures {
    let allowed = sched_getaffinity(None).expect("a process may ask");
    let mut tied = CpuSet::new();
    let allowed = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
    allowed.take(workers).for_each(|cpu| tied.set(cpu));
    sched_setaffinity(None, &tied).expect("a process may tie itself");
    work(n)
}

fn main() -> ExitCode {
    protocol::answer(WORKS)
}
